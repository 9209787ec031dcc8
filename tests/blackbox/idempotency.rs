//! `Idempotency-Key`: one effect, one answer, whatever the repeated request says.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, Client, Platform, Store};

async fn send(client: &Client, key: &str, body: &str) -> Answer {
    client
        .send(
            Method::POST,
            "/lang/api/webhooks",
            &[
                ("content-type", "application/json"),
                ("idempotency-key", key),
            ],
            Some(body.as_bytes().to_vec()),
        )
        .await
        .unwrap()
}

async fn webhooks(client: &Client) -> usize {
    let listed = client.get("/lang/api/webhooks").await.expect(200);
    listed["data"].as_array().unwrap().len()
}

fn webhook(title: &str) -> Value {
    json!({"title": title, "endpoint": "http://127.0.0.1:9/hook", "triggers": ["all"], "filters": ["all"]})
}

async fn one_effect_and_one_answer(store: Store) {
    let platform = Platform::start(store).await;
    let admin = platform.client().login("admin").await;
    let body = webhook("Primo").to_string();
    let first = send(&admin, "one", &body).await.expect(201);
    let again = send(&admin, "one", &body).await.expect(201);
    assert_eq!(again["id"], first["id"]);
    assert_eq!(again["title"], "Primo");

    // Another body is refused for the key, whatever else is wrong with it.
    let other = webhook("Secondo").to_string();
    for body in [other.as_str(), r#"{"title": 7}"#, r#"{"title": "#, ""] {
        let refused = send(&admin, "one", body).await;
        assert_eq!(refused.problem(422), "idempotency-mismatch", "{body}");
    }
    assert_eq!(webhooks(&admin).await, 1);

    // A request that made nothing leaves its key free.
    let invalid = send(&admin, "two", r#"{"title": "Senza indirizzo"}"#).await;
    assert_eq!(invalid.problem(422), "validation");
    send(&admin, "two", &other).await.expect(201);

    // Another caller's key is another one.
    let citizen = platform.client().login(crate::common::demo::CITIZEN).await;
    assert_eq!(
        send(&citizen, "one", &other).await.problem(403),
        "forbidden"
    );

    // At the same time: one effect; who comes too early is told to repeat.
    let third = webhook("Terzo").to_string();
    let (left, right) = tokio::join!(send(&admin, "three", &third), send(&admin, "three", &third));
    let mut ids = Vec::new();
    for answer in [left, right] {
        if answer.status == 409 {
            assert_eq!(answer.problem(409), "idempotency-running");
        } else {
            ids.push(answer.expect(201)["id"].clone());
        }
    }
    let settled = send(&admin, "three", &third).await.expect(201)["id"].clone();
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == settled));
    assert_eq!(webhooks(&admin).await, 3);
}

#[tokio::test]
async fn one_effect_and_one_answer_on_sqlite() {
    one_effect_and_one_answer(Store::Sqlite).await;
}

#[tokio::test]
async fn one_effect_and_one_answer_on_postgres() {
    one_effect_and_one_answer(Store::Postgres).await;
}

#[tokio::test]
async fn a_login_is_never_answered_from_a_key() {
    let platform = Platform::start(Store::Sqlite).await;
    let login = async |password: &str| {
        let body = json!({"username": "admin", "password": password}).to_string();
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", "login"),
        ];
        let client = platform.client();
        let sent = client.send(
            Method::POST,
            "/lang/api/auth",
            &headers,
            Some(body.into_bytes()),
        );
        sent.await.unwrap()
    };
    login(crate::common::demo::PASSWORD).await.expect(200);
    assert_eq!(login("another").await.status, 401);
}
