//! The demo's other services and other ends: an anonymous report, the nursery, payments that fail,
//! withdrawals, and a process that stops in the middle and goes on.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Client, Platform, Store, demo, example};
use crate::main_job::{PDF, apply, in_state, pay};

/// The labels of a form's fields that have an answer.
fn answered_labels(components: &Value, data: &Value, found: &mut Vec<String>) {
    for component in components.as_array().into_iter().flatten() {
        let key = component["key"].as_str().unwrap_or_default();
        let answer = &data[key];
        match component["type"].as_str().unwrap_or_default() {
            "panel" => answered_labels(&component["components"], data, found),
            "form" => answered_labels(&component["components"], &answer["data"], found),
            "datagrid" => {
                for row in answer.as_array().into_iter().flatten() {
                    answered_labels(&component["components"], row, found);
                }
            }
            "hidden" | "content" | "button" => {}
            _ if answer.is_null() || *answer == json!("") || *answer == json!([]) => {}
            _ => found.push(component["label"].as_str().unwrap().to_owned()),
        }
    }
}

/// What can be read in a PDF, without its white space, which depends on where lines break.
fn text_of(pdf: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.pdf");
    std::fs::write(&file, pdf).unwrap();
    let read = Command::new("pdftotext")
        .arg(&file)
        .arg("-")
        .output()
        .expect("pdftotext is installed: scripts/setup test");
    assert!(read.status.success());
    squeezed(&String::from_utf8(read.stdout).unwrap())
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

async fn transition(who: &Client, id: &str, name: &str, body: &Value) {
    who.post(
        &format!("/lang/api/applications/{id}/transition/{name}"),
        body,
    )
    .await
    .expect(204);
}

/// The states that an application has passed, each once per stay.
async fn passed(operator: &Client, id: &str) -> Vec<i64> {
    let history = operator
        .get(&format!("/lang/api/applications/{id}/history"))
        .await
        .expect(200);
    let mut states: Vec<i64> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["status_code"].as_i64().unwrap())
        .collect();
    states.dedup();
    states
}

async fn anonymous_report(platform: &Platform) {
    let somebody = platform.client().anonymous().await;
    let answers = example("segnalazione-disservizio");
    let sent = apply(&somebody, demo::REPORT, answers.clone()).await;
    assert_eq!(sent["status"], "1900");
    let id = sent["id"].as_str().unwrap();
    let operator = platform.client().login("operatore").await;
    let received = in_state(&operator, id, "2000").await;
    assert!(received["protocol_number"].is_null(), "{received}");
    assert_eq!(passed(&operator, id).await, [1900, 2000]);

    let module = received["compiled_modules"][0]["url"].as_str().unwrap();
    let pdf = operator.get(module).await;
    assert_eq!(pdf.status, 200);
    let text = text_of(&pdf.bytes);
    let form = operator
        .get(&format!("/lang/api/services/{}/form", demo::REPORT))
        .await
        .expect(200);
    let mut labels = Vec::new();
    answered_labels(&form["components"], &answers, &mut labels);
    assert!(labels.len() > 20, "{labels:?}");
    for label in &labels {
        assert!(text.contains(&squeezed(label)), "no {label:?} in {text}");
    }
    for answer in [
        "Lampione spento in Via Roma",
        "Illuminazione pubblica",
        "Attraversamento pedonale al buio",
        "BG-0457",
    ] {
        assert!(text.contains(&squeezed(answer)), "no {answer:?} in {text}");
    }

    // Somebody else without a name does not see it.
    let stranger = platform.client().anonymous().await;
    let answer = stranger.get(&format!("/lang/api/applications/{id}")).await;
    assert!(answer.status.is_client_error(), "{answer:?}");
}

async fn nursery_application(citizen: &Client) -> String {
    let mut answers = example("iscrizione-asilo-nido");
    for file in ["vaccination_certificate", "isee_certificate"] {
        let uploaded = citizen.upload(&format!("{file}.pdf"), PDF).await;
        answers[file] = json!([uploaded]);
    }
    let sent = apply(citizen, demo::NURSERY, answers).await;
    assert_eq!(sent["status"], "1900", "there is nothing to pay");
    sent["id"].as_str().unwrap().to_owned()
}

async fn nursery_is_accepted(platform: &Platform) {
    let citizen = platform.client().login(demo::CITIZEN).await;
    let operator = platform.client().login("operatore").await;
    let id = nursery_application(&citizen).await;
    let registered = in_state(&citizen, &id, "3000").await;
    assert_eq!(registered["protocol_number"].as_str().unwrap().len(), 7);
    transition(&operator, &id, "assign", &json!([])).await;
    in_state(&operator, &id, "4000").await;
    let question = json!({"message": "Quale nido ha frequentato la sorella?"});
    transition(&operator, &id, "request-integration", &question).await;
    in_state(&citizen, &id, "4200").await;
    citizen
        .post(
            &format!("/lang/api/applications/{id}/messages"),
            &json!({"message": "Il Girasole.", "visibility": "applicant"}),
        )
        .await
        .expect(201);
    transition(&citizen, &id, "submit", &json!({})).await;
    in_state(&operator, &id, "4000").await;
    let good_news = json!({"message": "Il posto è assegnato."});
    transition(&operator, &id, "accept", &good_news).await;
    let ended = in_state(&citizen, &id, "7000").await;
    assert_eq!(ended["outcome"], true);
    assert_eq!(ended["outcome_protocol_number"].as_str().unwrap().len(), 7);
    citizen
        .get(&format!("/lang/api/payments?remote_id={id}"))
        .await
        .problem(404);
    assert_eq!(
        passed(&operator, &id).await,
        [
            1900, 2000, 3000, 4000, 4100, 4200, 4300, 4400, 4000, 6000, 7000
        ]
    );
}

async fn nursery_is_rejected(platform: &Platform) {
    let citizen = platform.client().login(demo::CITIZEN).await;
    let operator = platform.client().login("operatore").await;
    let id = nursery_application(&citizen).await;
    in_state(&citizen, &id, "3000").await;
    transition(&operator, &id, "assign", &json!([])).await;
    in_state(&operator, &id, "4000").await;
    let bad_news = json!({"message": "Non ci sono più posti."});
    transition(&operator, &id, "reject", &bad_news).await;
    let ended = in_state(&citizen, &id, "9000").await;
    assert_eq!(ended["outcome"], false);
    assert_eq!(ended["outcome_protocol_number"].as_str().unwrap().len(), 7);
}

async fn public_ground_application(citizen: &Client) -> String {
    let mut answers = example("occupazione-suolo-pubblico");
    answers["site_plan"] = json!([citizen.upload("planimetria.pdf", PDF).await]);
    let sent = apply(citizen, demo::PUBLIC_GROUND, answers).await;
    assert_eq!(sent["status"], "1500");
    sent["id"].as_str().unwrap().to_owned()
}

async fn a_payment_fails_and_is_made_later(platform: &Platform) {
    let citizen = platform.client().login(demo::CITIZEN).await;
    let before = platform.counters().await;
    let id = public_ground_application(&citizen).await;
    for no_money in ["fail", "later"] {
        pay(&citizen, &id, no_money).await;
        let application = citizen
            .get(&format!("/lang/api/applications/{id}"))
            .await
            .expect(200);
        assert_eq!(application["status"], "1500", "after {no_money}");
    }
    pay(&citizen, &id, "pay").await;
    in_state(&citizen, &id, "3000").await;
    let after = platform.counters().await;
    for once in ["positions", "payments", "numbers"] {
        let done = after[once].as_i64().unwrap() - before[once].as_i64().unwrap();
        assert_eq!(done, 1, "{once}: {after}");
    }
}

async fn a_registered_application_is_withdrawn(platform: &Platform) {
    let citizen = platform.client().login(demo::CITIZEN).await;
    let operator = platform.client().login("operatore").await;
    let id = nursery_application(&citizen).await;
    in_state(&citizen, &id, "3000").await;
    transition(
        &citizen,
        &id,
        "withdraw",
        &json!({"message": "Cambiamo città."}),
    )
    .await;
    in_state(&citizen, &id, "20000").await;
    assert_eq!(passed(&operator, &id).await.last(), Some(&20000));
    let too_late = operator
        .post(
            &format!("/lang/api/applications/{id}/transition/assign"),
            &json!([]),
        )
        .await;
    assert!(too_late.status.is_client_error(), "{too_late:?}");
}

/// Stops it as a service manager does, and starts it again on the same files.
async fn restart(platform: &mut Platform) {
    let asked = Instant::now();
    let status = platform.terminate();
    assert!(status.success(), "{status}\n{}", platform.log());
    assert!(
        asked.elapsed() < Duration::from_secs(15),
        "{:?}",
        asked.elapsed()
    );
    platform.run(&[]).await;
}

async fn a_restart_in_the_middle(platform: &mut Platform) {
    let citizen = platform.client().login(demo::CITIZEN).await;
    let id = public_ground_application(&citizen).await;
    restart(platform).await;
    // The token still holds, and so does the file that was uploaded before.
    pay(&citizen, &id, "pay").await;
    restart(platform).await;
    let registered = in_state(&citizen, &id, "3000").await;
    let module = registered["compiled_modules"][0]["url"].as_str().unwrap();
    assert!(citizen.get(module).await.bytes.starts_with(b"%PDF-"));
    let payments = citizen
        .get(&format!("/lang/api/payments?remote_id={id}"))
        .await
        .expect(200);
    assert_eq!(payments.as_array().unwrap().len(), 1);
    assert_eq!(payments[0]["status"], "COMPLETE");
}

async fn services_of_the_demo(store: Store) {
    let mut platform = Platform::start(store).await;
    anonymous_report(&platform).await;
    nursery_is_accepted(&platform).await;
    nursery_is_rejected(&platform).await;
    a_payment_fails_and_is_made_later(&platform).await;
    a_registered_application_is_withdrawn(&platform).await;
    a_restart_in_the_middle(&mut platform).await;
}

#[tokio::test]
async fn services_of_the_demo_on_sqlite() {
    services_of_the_demo(Store::Sqlite).await;
}

#[tokio::test]
async fn services_of_the_demo_on_postgres() {
    services_of_the_demo(Store::Postgres).await;
}
