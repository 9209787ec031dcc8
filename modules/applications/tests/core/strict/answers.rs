//! What is answered.

use serde_json::{Value, json};

use super::{GROUND, REPORT};
use crate::world::{World, sample};
use crate::{app, call};

/// Every key of an application.
const KEYS: &[&str] = &[
    "id",
    "user",
    "user_name",
    "external_id",
    "service",
    "service_id",
    "service_name",
    "service_group_name",
    "tenant",
    "tenant_id",
    "subject",
    "locale",
    "user_group_id",
    "operator_id",
    "data",
    "compiled_modules",
    "attachments",
    "creation_time",
    "created_at",
    "submission_time",
    "submitted_at",
    "latest_status_change_time",
    "latest_status_change_at",
    "protocol_folder_number",
    "protocol_folder_code",
    "protocol_number",
    "protocol_document_id",
    "protocol_numbers",
    "protocol_time",
    "protocolled_at",
    "outcome",
    "outcome_motivation",
    "outcome_file",
    "outcome_attachments",
    "outcome_protocol_number",
    "outcome_protocol_document_id",
    "outcome_protocol_numbers",
    "outcome_protocol_time",
    "outcome_protocolled_at",
    "integration_outbound_protocol_number",
    "integration_outbound_protocol_document_id",
    "integration_outbound_protocolled_at",
    "integration_inbound_protocol_number",
    "integration_inbound_protocol_document_id",
    "integration_inbound_protocolled_at",
    "payment_type",
    "payment_data",
    "status",
    "status_name",
    "authentication",
    "links",
    "meetings",
    "integrations",
    "backoffice_data",
    "user_compilation_notes",
    "flow_changed_at",
    "updated_at",
];

fn is_second(value: &Value) -> bool {
    // 2022-04-28T11:15:30+02:00
    let text = value.as_str().unwrap_or_default();
    text.len() == 25 && &text[19..20] == "+" && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

#[actix_web::test]
async fn collections_have_meta_links_and_data_and_count_is_a_number() {
    let world = World::new().await;
    let app = app!(world);
    let id = made!(app, world, REPORT)["id"].as_str().unwrap().to_owned();
    for path in [
        "applications".to_owned(),
        format!("v2/applications/{id}/messages"),
    ] {
        let page = call!(app, world, GET path, citizen).json;
        let keys: Vec<&String> = page.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["meta", "links", "data"], "{path}");
        assert!(page["meta"]["count"].is_i64(), "{path}");
        assert!(page["meta"]["parameter"].is_object(), "{path}");
        let links: Vec<&String> = page["links"].as_object().unwrap().keys().collect();
        assert_eq!(links, ["self", "prev", "next"], "{path}");
        assert!(page["data"].is_array(), "{path}");
    }
}

#[actix_web::test]
async fn messages_of_version_2_with_none_have_empty_data() {
    let world = World::new().await;
    let app = app!(world);
    let id = made!(app, world, REPORT)["id"].clone();
    let path = format!("v2/applications/{}/messages", id.as_str().unwrap());
    let page = call!(app, world, GET path, citizen).json;
    assert_eq!(
        (&page["meta"]["count"], &page["data"]),
        (&json!(0), &json!([]))
    );
}

#[actix_web::test]
async fn lists_that_are_bare_arrays_stay_bare_arrays() {
    let world = World::new().await;
    let app = app!(world);
    let id = made!(app, world, REPORT)["id"].as_str().unwrap().to_owned();
    for list in ["messages", "history"] {
        let answer = call!(app, world, GET format!("applications/{id}/{list}"), citizen);
        assert!(answer.json.is_array(), "{list}: {}", answer.text);
    }
}

#[actix_web::test]
async fn every_key_is_there_with_null_where_nothing_is_known() {
    let world = World::new().await;
    let app = app!(world);
    for object in [
        made!(app, world, REPORT),
        made!(app, world, GROUND),
        in_charge!(app, world),
    ] {
        let object = object.as_object().unwrap();
        for key in KEYS {
            assert!(object.contains_key(*key), "{key} is missing");
        }
        // What only events have is not in answers.
        for key in ["submission", "form", "act", "change", "event_id"] {
            assert!(!object.contains_key(key), "{key}");
        }
    }
    let sent = made!(app, world, REPORT);
    for key in [
        "external_id",
        "user_group_id",
        "operator_id",
        "protocol_number",
        "protocol_time",
        "protocolled_at",
        "outcome",
        "outcome_motivation",
        "outcome_file",
        "outcome_protocol_number",
        "outcome_protocol_time",
        "payment_type",
        "payment_data",
        "backoffice_data",
        "user_compilation_notes",
    ] {
        assert_eq!(sent[key], Value::Null, "{key}");
    }
}

#[actix_web::test]
async fn status_is_a_string_of_digits_and_requests_take_string_or_number() {
    let world = World::new().await;
    let app = app!(world);
    for status in [json!("1000"), json!(1000)] {
        let draft = json!({"service": REPORT, "status": status, "data": {"subject": "Buca"}});
        let made = call!(app, world, POST "applications", citizen, draft);
        assert_eq!(
            (made.status, &made.json["status"]),
            (201, &json!("1000")),
            "{}",
            made.text
        );
        assert_eq!(made.json["status_name"], "status_draft");
    }
    let object = in_charge!(app, world);
    assert_eq!(object["status"], "4000");
    let path = format!(
        "applications/{}/transition/change-status",
        object["id"].as_str().unwrap()
    );
    for status in [json!(3000), json!("2000")] {
        let set = call!(app, world, POST path, operator, json!({"status": status}));
        assert_eq!(set.status, 204, "{}", set.text);
    }
    let history = call!(app, world, GET format!("applications/{}/history", object["id"].as_str().unwrap()), citizen);
    // The history alone has it as a number.
    assert_eq!(history.json[0]["status_code"], 1900);
}

#[actix_web::test]
async fn times_are_integers_or_null_and_dates_have_an_offset_and_whole_seconds() {
    let world = World::new().await;
    let app = app!(world);
    let object = in_charge!(app, world);
    let pairs = [
        ("creation_time", "created_at"),
        ("submission_time", "submitted_at"),
        ("latest_status_change_time", "latest_status_change_at"),
        ("protocol_time", "protocolled_at"),
    ];
    for (time, date) in pairs {
        assert!(is_second(&object[date]), "{date}: {}", object[date]);
        let date = chrono::DateTime::parse_from_rfc3339(object[date].as_str().unwrap()).unwrap();
        assert_eq!(object[time], date.timestamp(), "{time}");
    }
    assert!(is_second(&object["flow_changed_at"]));
    assert_eq!(object["outcome_protocol_time"], Value::Null);
    let paid = made!(app, world, GROUND);
    assert!(
        is_second(&paid["payment_data"]["expire_at"]),
        "{}",
        paid["payment_data"]
    );
}

#[actix_web::test]
async fn protocol_number_is_a_string_or_null() {
    let world = World::new().await;
    let app = app!(world);
    assert_eq!(made!(app, world, REPORT)["protocol_number"], Value::Null);
    let object = in_charge!(app, world);
    assert_eq!(object["protocol_number"], "2026/1");
    assert_eq!(object["protocol_numbers"][0]["protocollo"], "2026/1");
    assert!(object["protocol_numbers"][0]["id"].is_string());
}

#[actix_web::test]
async fn empty_maps_are_objects_and_empty_lists_arrays() {
    let world = World::new().await;
    let app = app!(world);
    let sent = made!(app, world, REPORT);
    for list in [
        "compiled_modules",
        "attachments",
        "outcome_attachments",
        "meetings",
        "integrations",
    ] {
        assert_eq!(sent[list], json!([]), "{list}");
    }
    let paid = made!(app, world, GROUND);
    let id = paid["id"].as_str().unwrap();
    world.payment(id, 1, "PAYMENT_CONFIRMED").await;
    let payment = call!(app, world, GET format!("applications/{id}/payment"), citizen);
    assert_eq!(payment.json["links"], json!({}), "{}", payment.text);
}

#[actix_web::test]
async fn links_are_only_what_this_caller_may_do_now() {
    let world = World::new().await;
    let app = app!(world);
    let object = in_charge!(app, world);
    let id = object["id"].as_str().unwrap().to_owned();
    let actions = |object: &Value| -> Vec<String> {
        let links = object["links"].as_array().unwrap();
        links
            .iter()
            .map(|link| link["action"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(actions(&object), ["withdraw"]);
    let path = format!("applications/{id}?version=2");
    let works = call!(app, world, GET path, operator).json;
    assert_eq!(
        actions(&works),
        [
            "assign",
            "accept",
            "reject",
            "request-integration",
            "change-status"
        ]
    );
    // Enabled on the service, and not the assigned one.
    let enabled = actions(&call!(app, world, GET path, colleague).json);
    assert!(
        enabled.contains(&"assign".to_owned()) && !enabled.contains(&"accept".to_owned()),
        "{enabled:?}"
    );
    let link = &works["links"][0];
    let keys: Vec<&String> = link.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["action", "description", "url"]);
    let url = link["url"].as_str().unwrap();
    assert!(
        url.ends_with(&format!(
            "/api/applications/{id}/transition/assign?version=2"
        )),
        "{url}"
    );
    // Whoever follows a link is let in.
    for (role, taken) in [("citizen", true), ("operator", false)] {
        let path = format!("applications/{id}/transition/withdraw");
        let told = match role {
            "citizen" => call!(app, world, POST path, citizen),
            _ => call!(app, world, POST path, operator),
        };
        assert_eq!(told.status == 204, taken, "{role}: {}", told.text);
    }
    assert_eq!(actions(&call!(app, world, GET path, citizen).json), [""; 0]);
}

#[actix_web::test]
async fn register_is_a_link_only_where_registration_is_required() {
    let world = World::new().await;
    let app = app!(world);
    let offers_register = |object: &Value| {
        let links = object["links"].as_array().unwrap().clone();
        links.iter().any(|link| link["action"] == "register")
    };
    for (service, required) in [(REPORT, false), ("iscrizione-asilo-nido", true)] {
        let body = json!({"service": service, "data": sample(service)});
        let id = call!(app, world, POST "applications", citizen, body).json["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let act = world.last_event(&id).await.payload["act"].clone();
        world.document(&id, &act, "DOCUMENT_CREATED", None).await;
        let read = call!(app, world, GET format!("applications/{id}"), system).json;
        assert_eq!(read["status"], "2000");
        assert_eq!(offers_register(&read), required, "{service}");
    }
}

#[actix_web::test]
async fn office_and_operator_are_always_there() {
    let world = World::new().await;
    let app = app!(world);
    let sent = made!(app, world, REPORT);
    assert_eq!(
        (&sent["user_group_id"], &sent["operator_id"]),
        (&Value::Null, &Value::Null)
    );
    let object = in_charge!(app, world);
    assert_eq!(object["user_group_id"], json!(world.office));
    assert_eq!(object["operator_id"], json!(world.operator));
}

#[actix_web::test]
async fn objects_carry_both_tenant_and_tenant_id() {
    let world = World::new().await;
    let app = app!(world);
    let sent = made!(app, world, REPORT);
    let tenant = json!(world.tenancy.tenant_id());
    assert_eq!((&sent["tenant"], &sent["tenant_id"]), (&tenant, &tenant));
    let event = world.last_event(sent["id"].as_str().unwrap()).await;
    assert_eq!(
        (&event.payload["tenant"], &event.payload["tenant_id"]),
        (&tenant, &tenant)
    );
}

#[actix_web::test]
async fn answers_are_json_without_an_accept_header_and_whatever_it_says() {
    let world = World::new().await;
    let app = app!(world);
    let id = made!(app, world, REPORT)["id"].as_str().unwrap().to_owned();
    let path = format!("applications/{id}");
    let answers = [
        call!(app, world, GET path, citizen),
        call!(app, world, GET path, citizen, headers ["accept" = "text/html"]),
        call!(app, world, GET path, citizen, headers ["accept" = "application/geo+json, application/json"]),
    ];
    for answer in answers {
        assert_eq!(
            (answer.status, &answer.json["id"]),
            (200, &json!(id)),
            "{}",
            answer.text
        );
    }
}
