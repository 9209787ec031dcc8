//! The office's work on many applications: bulk work that survives a kill, exports, applications of other systems.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Client, Platform, Store, demo, example, until};
use crate::main_job::{apply, in_state};

/// Reports that are acquired, one after the other.
async fn reports(platform: &Platform, operator: &Client, count: usize) -> Vec<String> {
    let somebody = platform.client().anonymous().await;
    let mut ids = Vec::new();
    for _ in 0..count {
        let sent = apply(&somebody, demo::REPORT, example("segnalazione-disservizio")).await;
        ids.push(sent["id"].as_str().unwrap().to_owned());
    }
    for id in &ids {
        in_state(operator, id, "2000").await;
    }
    ids
}

async fn finished(operator: &Client, path: &str) -> Value {
    until("bulk work to end", || async {
        let read = operator.get(path).await.expect(200);
        (read["status"] == "finished").then_some(read)
    })
    .await
}

async fn bulk_work_survives_a_kill(store: Store) {
    let mut platform = Platform::start(store).await;
    let operator = platform.client().login("operatore").await;
    let ids = reports(&platform, &operator, 6).await;
    let body = json!({"action": "assign", "ids": ids}).to_string();
    let ask = || async {
        operator
            .send(
                Method::POST,
                "/lang/api/applications/bulk",
                &[
                    ("content-type", "application/json"),
                    ("idempotency-key", "bulk-1"),
                ],
                Some(body.clone().into_bytes()),
            )
            .await
            .unwrap()
    };
    let asked = ask().await;
    let location = asked.headers["location"].to_str().unwrap().to_owned();
    let asked = asked.expect(201);
    let path = format!(
        "/lang/api/applications/bulk/{}",
        asked["id"].as_str().unwrap()
    );
    assert!(location.ends_with(&path), "{location}");
    // Wherever it was at that moment.
    platform.kill();
    platform.run(&[]).await;
    let read = finished(&operator, &path).await;
    assert_eq!(
        read["progress"],
        json!({"done": 6, "refused": 0, "total": 6})
    );
    assert_eq!(ask().await.expect(201)["id"], asked["id"]);
    for id in &ids {
        let history = operator
            .get(&format!("/lang/api/applications/{id}/history"))
            .await
            .expect(200);
        let states = history.as_array().unwrap().iter();
        let taken = states.filter(|row| row["status_code"] == 4000).count();
        assert_eq!(taken, 1, "{history}");
    }

    let csv = operator
        .get(&format!(
            "/lang/api/applications/export?format=ndjson&service_id={}&status=4000",
            demo::REPORT
        ))
        .await;
    assert_eq!(csv.status, 200);
    assert_eq!(csv.bytes.iter().filter(|byte| **byte == b'\n').count(), 6);
    let disposition = csv.headers["content-disposition"].to_str().unwrap();
    assert_eq!(disposition, "attachment; filename=\"applications.ndjson\"");
    for (format, kind) in [
        ("csv", "application/zip"),
        (
            "xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
    ] {
        let file = operator
            .get(&format!(
                "/lang/api/applications/export?format={format}&service_id={}",
                demo::REPORT
            ))
            .await;
        assert_eq!(file.status, 200);
        assert_eq!(file.headers["content-type"], kind);
        assert!(file.bytes.starts_with(b"PK") && file.bytes.len() > 1000);
    }
}

#[tokio::test]
async fn bulk_work_survives_a_kill_on_sqlite() {
    bulk_work_survives_a_kill(Store::Sqlite).await;
}

#[tokio::test]
async fn bulk_work_survives_a_kill_on_postgres() {
    bulk_work_survives_a_kill(Store::Postgres).await;
}

/// The citizen of this code, as the operators find him.
async fn citizen(operator: &Client, code: &str) -> Value {
    until("the citizen to be known", || async {
        let found = operator.get(&format!("/lang/api/users?cf={code}")).await;
        found.json().get(0).cloned()
    })
    .await
}

async fn an_application_of_another_system_is_told(store: Store) {
    let platform = Platform::start(store).await;
    let operator = platform.client().login("operatore").await;
    let system = platform.client().login("api").await;
    let mario = platform.client().login(demo::CITIZEN).await;
    let told = |status: &str, updated: &str| {
        json!({"external_system": "suap", "external_id": "2026/1042", "service_id": demo::REPORT, "status": status,
            "subject": "Apertura di un bar", "updated_at": updated,
            "applicant": {"tax_identification_number": demo::CITIZEN, "name": "Mario", "family_name": "Rossi"},
            "beneficiary": {"tax_identification_number": "BNCLRA85D55H501C", "name": "Laura", "family_name": "Bianchi"},
            "links": [{"action": "view", "url": "https://suap.example.org/p/1042"}]})
    };
    let path = "/lang/api/applications/external";
    // A payment is open there: nothing is asked for here.
    let made = system
        .post(path, &told("1500", "2026-11-20T10:00:00+01:00"))
        .await
        .expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    system
        .post(path, &told("3000", "2026-11-21T10:00:00+01:00"))
        .await
        .expect(200);
    let seen = in_state(&mario, &id, "3000").await;
    assert_eq!(seen["source"]["type"], "external");
    assert_eq!(seen["links"][0]["url"], "https://suap.example.org/p/1042");
    let list = mario.get("/lang/api/applications").await.expect(200);
    assert_eq!(list["data"][0]["id"], json!(id));
    let laura = citizen(&operator, "BNCLRA85D55H501C").await;
    assert_eq!(laura["cognome"], "Bianchi", "{laura}");
    let refused = operator
        .post(
            &format!("/lang/api/applications/{id}/transition/assign"),
            &json!({}),
        )
        .await;
    assert_eq!(refused.problem(422), "external-application");

    // A native one after it goes the usual way; by then the consumers have passed the other.
    let native = apply(&mario, demo::REPORT, example("segnalazione-disservizio")).await;
    in_state(&operator, native["id"].as_str().unwrap(), "2000").await;
    let events = platform.events();
    let about = |topic: &str| {
        events
            .iter()
            .filter(|event| event["topic"] == topic && event.to_string().contains(&id))
            .count()
    };
    assert_eq!(about("applications"), 2);
    for topic in [
        "messages",
        "payments",
        "documents",
        "deliveries",
        "retry_queue",
    ] {
        assert_eq!(about(topic), 0, "{topic}");
    }
    assert!(!platform.mails().iter().any(|mail| mail.contains(&id)));
}

#[tokio::test]
async fn an_application_of_another_system_is_told_on_sqlite() {
    an_application_of_another_system_is_told(Store::Sqlite).await;
}

#[tokio::test]
async fn an_application_of_another_system_is_told_on_postgres() {
    an_application_of_another_system_is_told(Store::Postgres).await;
}

#[tokio::test]
async fn what_citizens_sent_is_not_for_administrators_of_the_platform() {
    let platform = Platform::start(Store::Sqlite).await;
    let operator = platform.client().login("operatore").await;
    let id = reports(&platform, &operator, 1).await.remove(0);
    let messages = format!("/lang/api/v2/applications/{id}/messages");
    let paths = [format!("/lang/api/applications/{id}"), messages];
    let administrator = platform.client().login("admin").await;
    let outsider = platform.client().login("piattaforma").await;
    for path in &paths {
        administrator.get(path).await.expect(200);
        outsider.get(path).await.expect(403);
    }
    let list = "/lang/api/applications";
    let seen = administrator.get(list).await.expect(200);
    assert!(seen["meta"]["count"].as_u64().unwrap() > 0, "{seen}");
    assert_eq!(outsider.get(list).await.expect(200)["meta"]["count"], 0);
    let write = json!({"message": "ciao", "visibility": "applicant"});
    let path = format!("{list}/{id}/messages");
    outsider.post(&path, &write).await.expect(403);
}
