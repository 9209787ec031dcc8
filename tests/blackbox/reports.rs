//! Reports and requests for help, as somebody without a login sends them and as the system that works them hears of them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Options, Platform, Store, until};
use crate::main_job::{PDF, apply, in_state};
use crate::told::Receiver;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nprova";

/// A service that every tenant has, as the public reads it.
async fn built_in(platform: &Platform, name: &str) -> Value {
    let public = platform.client();
    let path = format!("/lang/api/services/{name}");
    let service = until("a service that every tenant has", || async {
        let answer = public.get(&path).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    let by_id = format!("/lang/api/services/{}", service["id"].as_str().unwrap());
    assert_eq!(public.get(&by_id).await.expect(200), service);
    let form = public.get(&format!("{path}/form")).await.expect(200);
    assert!(
        form["components"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    );
    service
}

async fn a_report_reaches_its_receiver(platform: &Platform) {
    let service = built_in(platform, "inefficiencies").await;
    let receiver = Receiver::start();
    let admin = platform.client().login("admin").await;
    let webhook = json!({"title": "Segnalazioni", "endpoint": receiver.url, "filters": [service["id"]],
        "triggers": ["2000"], "version": 2});
    admin.post("/lang/api/webhooks", &webhook).await.expect(201);

    let somebody = platform.client().anonymous().await;
    let answers = json!({
        "subject": "Lampione spento", "details": "Davanti alla scuola, da una settimana.", "severity": "3",
        "type": {"label": "Illuminazione pubblica", "value": "8a6d2f44-51c7-4b0e-8a39-0f7d5e9b2c02"},
        "address": {"lat": "43.7159", "lon": "10.4019", "display_name": "Via Roma 20, Bugliano",
            "address": {"road": "Via Roma", "town": "Bugliano"}},
        "applicant": {"data": {"email_address": "mario.rossi@example.org"}},
        "images": [somebody.upload("lampione.png", PNG).await],
        "docs": [somebody.upload("relazione.pdf", PDF).await],
    });
    let sent = apply(&somebody, "inefficiencies", answers).await;
    let id = sent["id"].as_str().unwrap();
    in_state(&somebody, id, "2000").await;

    let called = until("the receiver to be called", || async {
        // The first call is refused and comes again.
        receiver.calls().get(1).map(|call| call.json())
    })
    .await;
    assert_eq!(called["id"], id);
    assert_eq!(called["service"], "inefficiencies");
    assert_eq!(called["tenant"], sent["tenant"]);
    assert_eq!(called["user"], sent["user"]);
    assert_eq!(
        called["authentication"]["authentication_method"],
        "anonymous"
    );
    let data = &called["data"];
    assert_eq!(data["subject"], "Lampione spento");
    assert_eq!(data["details"], "Davanti alla scuola, da una settimana.");
    assert_eq!(data["type"]["label"], "Illuminazione pubblica");
    assert_eq!(data["address"]["lat"], "43.7159");
    assert_eq!(called["attachments"].as_array().unwrap().len(), 2);
    let link = called["links"][0]["url"].as_str().unwrap();
    assert!(link.contains(id), "{link}");

    let place = somebody
        .send(
            Method::GET,
            &format!("/lang/api/applications/{id}"),
            &[("accept", "application/geo+json")],
            None,
        )
        .await
        .unwrap()
        .expect(200);
    assert_eq!(
        place,
        json!({"type": "Point", "coordinates": [10.4019, 43.7159]})
    );
}

async fn a_request_for_help_is_acquired(platform: &Platform) {
    built_in(platform, "helpdesk").await;
    let somebody = platform.client().anonymous().await;
    let answers = json!({"subject": "Accesso", "details": "Non riesco a entrare con la CIE.",
        "applicant": {"data": {"email_address": "mario.rossi@example.org"}}});
    let sent = apply(&somebody, "helpdesk", answers).await;
    in_state(&somebody, sent["id"].as_str().unwrap(), "2000").await;
    let empty = json!({"service": "helpdesk", "data": {"subject": "Aiuto"}});
    let refused = somebody.post("/lang/api/applications", &empty).await;
    assert_eq!(refused.problem(422), "validation");
}

async fn reports(store: Store) {
    let options = Options::default()
        .set("WEBHOOKS__SCHEDULE_SECONDS", "[0, 1, 1]")
        .set("WEBHOOKS__POLL_MS", 50);
    let platform = Platform::start_with(store, options).await;
    a_report_reaches_its_receiver(&platform).await;
    a_request_for_help_is_acquired(&platform).await;
    let listed = platform
        .client()
        .get("/lang/api/services")
        .await
        .expect(200);
    for service in listed.as_array().unwrap() {
        assert_eq!(
            service["status"], 1,
            "private ones are not listed: {service}"
        );
    }
}

#[tokio::test]
async fn reports_on_sqlite() {
    reports(Store::Sqlite).await;
}

#[tokio::test]
async fn reports_on_postgres() {
    reports(Store::Postgres).await;
}
