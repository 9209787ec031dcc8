//! The module over HTTP, and those who ask it.

use std::sync::Arc;

use opencity_kernel::context::ModuleContext;
use opencity_kernel::events::{Change, Topic};
use opencity_payments::{INFO, Payments};
use opencity_testing::Issuer;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::installation::{Installation, TENANT};

/// Serves the module over HTTP.
pub(crate) struct Served {
    base: String,
    issuer: Issuer,
    client: reqwest::Client,
}

impl Served {
    pub(crate) async fn of(installation: &Installation) -> Self {
        let platform = &installation.platform;
        let module = Payments::new(ModuleContext::new(Arc::clone(platform), INFO)).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!(
            "http://{}/lang/api/payments",
            listener.local_addr().unwrap()
        );
        installation
            .running
            .serve(listener, platform, Arc::new(module));
        Self {
            base,
            issuer: Issuer::of(&platform.verifier),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub(crate) fn token(&self, user: Uuid, role: &str) -> String {
        self.issuer.token(TENANT.parse().unwrap(), user, role)
    }

    pub(crate) async fn list(&self, token: &str, remote: &str) -> (u16, Value) {
        let url = format!("{}?remote_id={remote}", self.base);
        let answer = self
            .client
            .get(url)
            .bearer_auth(token)
            .header("Host", "localhost")
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(crate) async fn hand_in(&self, token: &str, key: &str, body: &Value) -> (u16, Value) {
        let request = self
            .client
            .post(&self.base)
            .bearer_auth(token)
            .header("Host", "localhost");
        let answer = request
            .header("Idempotency-Key", key)
            .json(body)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

/// A user of the back office.
pub(crate) async fn staff(installation: &Installation, change: Value) -> Uuid {
    let id = Uuid::now_v7();
    let mut body = json!({"role": "operator", "enabled": true, "username": "olga"});
    body.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    installation
        .tell(Topic::Users, &id.to_string(), 1, Change::created(), body)
        .await;
    id
}
