//! The main job: a citizen applies and pays, every act is registered, an operator works it and
//! answers, everybody who must know is told.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

pub use crate::common::PDF;
use crate::common::{Client, Platform, Store, demo, example, until};

/// The application, once it is in this state.
pub async fn in_state(client: &Client, id: &str, status: &str) -> Value {
    until(&format!("the application in {status}"), || async {
        let answer = client.get(&format!("/lang/api/applications/{id}")).await;
        let body = answer.json();
        (body["status"] == status).then_some(body)
    })
    .await
}

/// Sends an application; its id.
pub async fn apply(client: &Client, service: &str, data: Value) -> Value {
    client
        .post(
            "/lang/api/applications",
            &json!({"service": service, "data": data}),
        )
        .await
        .expect(201)
}

/// Pays the open payment of an application on the intermediary's page, as a browser would.
pub async fn pay(citizen: &Client, id: &str, action: &str) {
    let payment = until("a payment that can be begun", || async {
        let answer = citizen
            .get(&format!("/lang/api/payments?remote_id={id}"))
            .await;
        let payments = answer.json();
        payments
            .as_array()?
            .iter()
            .find(|payment| {
                payment["status"] == "PAYMENT_PENDING" || payment["status"] == "PAYMENT_STARTED"
            })
            .cloned()
    })
    .await;
    let begin = payment["links"]["online_payment_begin"]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let browser = citizen.browser();
    let to_page = browser.get(&begin).await;
    assert!(
        to_page.status.is_redirection(),
        "{}",
        String::from_utf8_lossy(&to_page.bytes)
    );
    let page_url = to_page.headers["location"].to_str().unwrap().to_owned();
    let page = browser.get(&page_url).await;
    let html = String::from_utf8(page.bytes).unwrap();
    assert!(
        html.contains("name=\"action\"") && html.contains("value=\"pay\""),
        "{html}"
    );
    let done = browser
        .send(
            Method::POST,
            &page_url,
            &[("content-type", "application/x-www-form-urlencoded")],
            Some(format!("action={action}").into_bytes()),
        )
        .await
        .unwrap();
    assert!(
        done.status.is_redirection(),
        "{}",
        String::from_utf8_lossy(&done.bytes)
    );
    let landing = done.headers["location"].to_str().unwrap().to_owned();
    let home = browser.get(&landing).await;
    assert!(
        home.status.is_redirection(),
        "{}",
        String::from_utf8_lossy(&home.bytes)
    );
}

/// The log tells by the id of the request what has followed from it, in every module that a payment goes through.
async fn followed(platform: &Platform, request: &str) {
    let modules = ["applications", "payment-proxy", "payments"];
    until("the trace of the request in three modules", || async {
        let log = platform.log();
        let handled: BTreeSet<&str> = log
            .lines()
            .filter(|line| line.contains("handled") && line.contains(request))
            .filter_map(|line| line.split_once("consumer=\"")?.1.split('.').next())
            .collect();
        modules
            .iter()
            .all(|module| handled.contains(module))
            .then_some(())
    })
    .await;
}

/// From the first login to the outcome; the application's id.
pub async fn run(platform: &Platform) -> String {
    let client = platform.client();
    let citizen = client.login(demo::CITIZEN).await;
    let services = citizen.get("/lang/api/services").await.expect(200);
    assert_eq!(services.as_array().unwrap().len(), 3);
    let form = citizen
        .get(&format!("/lang/api/services/{}/form", demo::PUBLIC_GROUND))
        .await
        .expect(200);
    assert_eq!(form["display"], "wizard");

    let mut data = example("occupazione-suolo-pubblico");
    let attachment = citizen.upload("planimetria.pdf", PDF).await;
    data["site_plan"] = json!([attachment]);
    let request = Uuid::now_v7().to_string();
    let sent = citizen
        .send(
            Method::POST,
            "/lang/api/applications",
            &[
                ("content-type", "application/json"),
                ("x-request-id", &request),
            ],
            Some(
                json!({"service": demo::PUBLIC_GROUND, "data": data})
                    .to_string()
                    .into(),
            ),
        )
        .await
        .unwrap()
        .expect(201);
    let id = sent["id"].as_str().unwrap().to_owned();
    assert_eq!(sent["status"], "1500");
    assert!(!sent["payment_data"]["amount"].as_str().unwrap().is_empty());

    pay(&citizen, &id, "pay").await;
    followed(platform, &request).await;
    let registered = in_state(&citizen, &id, "3000").await;
    assert_eq!(registered["protocol_number"].as_str().unwrap().len(), 7);
    assert!(registered["protocol_folder_number"].is_string());
    assert!(registered["protocolled_at"].is_string());
    let pdf = registered["compiled_modules"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let pdf = citizen.get(&pdf).await;
    assert_eq!(pdf.status, 200);
    assert!(pdf.bytes.starts_with(b"%PDF-"));

    let operator = client.login("operatore").await;
    let listed = operator
        .get(&format!(
            "/lang/api/applications?service_id={}&status=3000",
            demo::PUBLIC_GROUND
        ))
        .await
        .expect(200);
    assert!(
        listed["data"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["id"] == id.as_str())
    );
    let transition = |name: &str| format!("/lang/api/applications/{id}/transition/{name}");
    operator
        .post(&transition("assign"), &json!([]))
        .await
        .expect(204);
    in_state(&operator, &id, "4000").await;
    operator
        .post(&transition("request-integration"), &json!({"message": "Manca la planimetria firmata.", "attachments": [attached("modulo.pdf")]}))
        .await
        .expect(204);
    in_state(&citizen, &id, "4200").await;
    citizen
        .post(
            &format!("/lang/api/applications/{id}/messages"),
            &json!({"message": "Ecco la planimetria.", "visibility": "applicant", "attachments": [attached("planimetria-firmata.pdf")]}),
        )
        .await
        .expect(201);
    citizen
        .post(&transition("submit"), &json!({}))
        .await
        .expect(204);
    in_state(&operator, &id, "4000").await;
    operator
        .post(&transition("accept"), &json!({"message": "Autorizzazione concessa.", "attachments": [attached("autorizzazione.pdf")]}))
        .await
        .expect(204);
    let ended = in_state(&citizen, &id, "7000").await;
    assert_eq!(ended["outcome"], true);
    assert_eq!(ended["outcome_protocol_number"].as_str().unwrap().len(), 7);
    id
}

fn attached(name: &str) -> Value {
    use base64::Engine;
    json!({"name": name, "mime_type": "application/pdf", "file": base64::engine::general_purpose::STANDARD.encode(PDF)})
}

/// What must be true of an application at the end, however often a process died on the way: the states that it has passed,
/// and one payment.
pub async fn check_one(operator: &Client, id: &str) {
    let history = operator
        .get(&format!("/lang/api/applications/{id}/history"))
        .await
        .expect(200);
    let states: Vec<i64> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["status_code"].as_i64().unwrap())
        .collect();
    let mut passed = states.clone();
    passed.dedup();
    assert_eq!(
        passed,
        [
            1500, 1520, 1900, 2000, 3000, 4000, 4100, 4200, 4300, 4400, 4000, 6000, 7000
        ],
        "{history}"
    );

    let payments = operator
        .get(&format!("/lang/api/payments?remote_id={id}"))
        .await
        .expect(200);
    assert_eq!(payments.as_array().unwrap().len(), 1);
    assert_eq!(payments[0]["status"], "COMPLETE");
}

/// What must be true at the end of one job besides.
pub async fn check(platform: &Platform, id: &str) {
    let operator = platform.client().login("operatore").await;
    check_one(&operator, id).await;

    // Four acts, each with one document, each with one number.
    let events = platform.events();
    let of = |topic: &str| {
        events
            .iter()
            .filter(|event| event["topic"] == topic)
            .map(|event| event["event"].clone())
            .collect::<Vec<_>>()
    };
    let documents = of("documents");
    let mut numbers: Vec<(String, String)> = documents
        .iter()
        .filter(|document| {
            document["remote_id"] == id && document["status"] == "REGISTRATION_COMPLETE"
        })
        .map(|document| {
            (
                document["type"].as_str().unwrap().to_owned(),
                document["registration_data"]["document_number"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            )
        })
        .collect();
    numbers.sort();
    let kinds: Vec<&str> = numbers.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "application-outcome",
            "application-request",
            "integration-request",
            "integration-response"
        ]
    );
    let mut distinct: Vec<&String> = numbers.iter().map(|(_, number)| number).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 4);
    let counters = platform.counters().await;
    assert_eq!(counters["positions"], 1, "{counters}");
    assert_eq!(counters["payments"], 1, "{counters}");
    assert_eq!(counters["numbers"], 4, "{counters}");

    // Every event has its envelope, and no event id stands twice.
    let mut ids: Vec<&str> = events
        .iter()
        .map(|event| event["event"]["event_id"].as_str().unwrap())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    for event in &events {
        for key in [
            "id",
            "event_version",
            "event_created_at",
            "app_id",
            "tenant_id",
            "change",
        ] {
            assert!(!event["event"][key].is_null(), "{key} of {event}");
        }
    }
    let complete = of("payments")
        .iter()
        .filter(|payment| payment["status"] == "COMPLETE")
        .count();
    assert_eq!(complete, 1);
}

/// Who must be told is told: the citizen at the steps of decisions §5, the operators.
async fn check_mails(platform: &Platform) {
    let to = |mail: &str, address: &str| {
        mail.lines()
            .any(|line| line.starts_with("To:") && line.contains(address))
    };
    let count = |address: &str| {
        platform
            .mails()
            .iter()
            .filter(|mail| to(mail, address))
            .count()
    };
    // Payment pending, 3000, 4000, the operator's request itself, 4200, 7000.
    until("the citizen's six mails", || async {
        (count("mario.rossi@example.org") >= 6).then_some(())
    })
    .await;
    // New application, answer, payment, the citizen's message.
    until("the operator's mails", || async {
        (count("operatore@comune.bugliano.example") >= 2).then_some(())
    })
    .await;
    assert_eq!(count("mario.rossi@example.org"), 6);
}

/// The whole job, whatever the platform is made of.
pub async fn main_job(platform: Platform) {
    let id = run(&platform).await;
    check(&platform, &id).await;
    check_mails(&platform).await;
    let log = platform.log();
    for secret in [
        "RSSMRA80A01H501U",
        "mario.rossi@example.org",
        "opencity-demo",
        "Bearer ey",
    ] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}

#[tokio::test]
async fn the_main_job_on_sqlite() {
    main_job(Platform::start(Store::Sqlite).await).await;
}

#[tokio::test]
async fn the_main_job_on_postgres() {
    main_job(Platform::start(Store::Postgres).await).await;
}
