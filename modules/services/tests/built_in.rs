//! The services that every tenant has.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod support;

use opencity_contracts::Tenant;
use opencity_formio::{Form, Mode, geolocation, normalise_input};
use opencity_kernel::events::{Change, Consumer as _, NewEvent, Topic};
use opencity_kernel::id::ServiceId;
use opencity_services::built_in::BuiltInServices;
use opencity_services::domain::service::ServiceFields;
use opencity_services::store;
use serde_json::{Value, json};

use support::{Place, map, on_both};

/// The tenant is heard of, once more.
async fn heard_of(place: &Place, change: Change) {
    let tenant = place.tenancy.tenant_id();
    place
        .write(move |scope| {
            let body = serde_json::to_value(Tenant {
                name: "Bugliano".to_owned(),
                slug: "bugliano".to_owned(),
                ..Tenant::default()
            })
            .unwrap();
            scope.emit(NewEvent::new(
                Topic::Tenants,
                tenant,
                tenant,
                1,
                change,
                body,
            ))?;
            Ok(())
        })
        .await
        .unwrap();
    let event = place.events(Topic::Tenants).await.pop().unwrap();
    place
        .write(move |scope| {
            BuiltInServices.handle(scope, &event).unwrap();
            Ok(())
        })
        .await
        .unwrap();
}

async fn service(place: &Place, name: &'static str) -> Value {
    let told = place.events(Topic::Services).await;
    let own: Vec<_> = told
        .iter()
        .filter(|event| event.payload["identifier"] == name)
        .collect();
    assert_eq!(own.len(), 1, "{name} is told once");
    own[0].payload.clone()
}

on_both!(a_tenant_gets_its_services_once, |place: Place| async move {
    for change in [Change::created(), Change::data(), Change::republished()] {
        heard_of(&place, change).await;
    }
    for name in ["helpdesk", "inefficiencies"] {
        let told = service(&place, name).await;
        assert_eq!(told["slug"], name);
        assert_eq!(
            (&told["status"], &told["workflow"], &told["access_level"]),
            (&json!(3), &json!(1), &json!(0))
        );
        let id: uuid::Uuid = told["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(id.get_version_num(), 4, "municipal sites take no other id");
        let form = told["flow_steps"][0]["parameters"]["formio_id"].clone();
        let forms = place.events(Topic::Forms).await;
        let own: Vec<_> = forms
            .iter()
            .filter(|event| event.payload["id"] == form)
            .collect();
        assert_eq!(own.len(), 1, "{name} has a form");
    }
});

on_both!(
    what_an_administrator_made_of_them_stays,
    |place: Place| async move {
        let own = place
            .write(|scope| {
                let fields = ServiceFields {
                    identifier: Some("inefficiencies".to_owned()),
                    name: "Segnalazioni di una volta".to_owned(),
                    ..ServiceFields::default()
                };
                store::services::create(scope, ServiceId::random(), fields)
            })
            .await
            .unwrap();
        heard_of(&place, Change::created()).await;
        assert_eq!(service(&place, "inefficiencies").await["id"], json!(own.id));

        // One that was deleted comes back with the form that it had.
        place
            .write(|scope| {
                let helpdesk = store::services::by_reference(scope, "helpdesk")?;
                store::services::delete(scope, &helpdesk)
            })
            .await
            .unwrap();
        heard_of(&place, Change::data()).await;
        let back = place
            .write(|scope| store::services::by_reference(scope, "helpdesk"))
            .await
            .unwrap();
        assert_eq!(back.version, 1);
        assert_eq!(place.events(Topic::Forms).await.len(), 1);
    }
);

fn form(name: &str) -> Form {
    let read = |name: &str| -> Value {
        let path = format!("{}/src/built_in/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let mut schema = map(read(name));
    schema["components"]
        .as_array_mut()
        .unwrap()
        .push(read("applicant"));
    Form::parse(&Value::Object(schema)).unwrap()
}

#[test]
fn a_report_has_the_shape_that_its_receivers_read() {
    let form = form("inefficiencies");
    let report = json!({
        "subject": "Buca", "details": "In via Roma", "severity": 3, "images": [], "docs": [],
        "type": {"label": "Strade", "value": "3f0c1d52-8f2b-4a57-9d0e-6b1f3c2a7e01"},
        "address": {"lat": 43.7, "lon": "10.4", "display_name": "Via Roma", "address": {"road": "Via Roma"}},
        "applicant": {"data": {"email_address": "mario@example.org"}},
    });
    let check = |data: &Value| {
        let data = normalise_input(data, &form);
        form.validate(&data, Mode::Submit).map(|()| data)
    };
    let data = check(&report).unwrap();
    let place = geolocation(&data).unwrap();
    assert_eq!((place.latitude, place.longitude), (43.7, 10.4));

    let wrong = [
        ("subject", json!(null), "subject"),
        ("details", json!(""), "details"),
        ("address", json!("Via Roma"), "address"),
        ("address", json!(null), "address"),
        ("severity", json!("99"), "severity"),
        (
            "type",
            json!({"label": "Strade", "value": "7"}),
            "type.value",
        ),
        (
            "type",
            json!({"value": "3f0c1d52-8f2b-4a57-9d0e-6b1f3c2a7e01"}),
            "type.label",
        ),
        ("images", json!(["foto.png"]), "images.0"),
    ];
    for (key, value, field) in wrong {
        let mut report = report.clone();
        report[key] = value;
        let faults = check(&report).unwrap_err();
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, [field], "{report}");
    }
}
