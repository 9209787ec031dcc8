//! A citizen and an operator who do the main job on a platform that dies under them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, Client, Platform, demo, example};
use crate::main_job::PDF;

/// Does the main job step by step. A step whose answer is lost is looked at again: either it was done,
/// or it is done once more.
pub struct Driver {
    pub platform: Platform,
    citizen: Option<String>,
    operator: Option<String>,
    jobs: usize,
}

impl Driver {
    /// Somebody on this platform who has done nothing yet.
    pub fn on(platform: Platform) -> Self {
        Self {
            platform,
            citizen: None,
            operator: None,
            jobs: 0,
        }
    }

    async fn login(&mut self, username: &str) -> String {
        loop {
            let body = json!({"username": username, "password": demo::PASSWORD}).to_string();
            let client = self.platform.client();
            let sent = client
                .send(
                    Method::POST,
                    "/lang/api/auth",
                    &[("content-type", "application/json")],
                    Some(body.into_bytes()),
                )
                .await;
            match sent {
                Ok(answer) if answer.status == 200 => {
                    return answer.json()["token"].as_str().unwrap().to_owned();
                }
                _ => self.platform.recover().await,
            }
        }
    }

    async fn client(&mut self, operator: bool) -> Client {
        let held = if operator {
            self.operator.clone()
        } else {
            self.citizen.clone()
        };
        let token = match held {
            Some(token) => token,
            None => {
                let token = self
                    .login(if operator { "operatore" } else { demo::CITIZEN })
                    .await;
                *(if operator {
                    &mut self.operator
                } else {
                    &mut self.citizen
                }) = Some(token.clone());
                token
            }
        };
        self.platform.client().with_token(&token)
    }

    /// Sends until an answer comes.
    async fn send(
        &mut self,
        operator: bool,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Answer {
        loop {
            let client = self.client(operator).await;
            let mut headers = vec![("content-type", "application/json")];
            headers.extend(key.map(|key| ("idempotency-key", key)));
            let body = (method != Method::GET).then(|| body.to_string().into_bytes());
            match client.send(method.clone(), path, &headers, body).await {
                // The killed process has not ended its request: its lease of the key must.
                Ok(answer) if answer.status == 409 && is_running(&answer) => {}
                Ok(answer) if !answer.status.is_server_error() => return answer,
                _ => self.platform.recover().await,
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    async fn application(&mut self, id: &str) -> Value {
        self.send(
            false,
            Method::GET,
            &format!("/lang/api/applications/{id}"),
            None,
            &Value::Null,
        )
        .await
        .json()
    }

    async fn in_state(&mut self, id: &str, states: &[&str]) -> Value {
        let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(90);
        loop {
            let application = self.application(id).await;
            if states.iter().any(|state| application["status"] == *state) {
                return application;
            }
            assert!(
                tokio::time::Instant::now() < patience,
                "in vain: {states:?}, it is in {}",
                application["status"]
            );
            self.platform.recover().await;
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
    }

    /// A transition; if its answer was lost, the state tells whether it was done.
    async fn transition(
        &mut self,
        operator: bool,
        id: &str,
        name: &str,
        from: &[&str],
        body: &Value,
    ) {
        self.in_state(id, from).await;
        loop {
            let path = format!("/lang/api/applications/{id}/transition/{name}");
            let answer = self.send(operator, Method::POST, &path, None, body).await;
            if answer.status == 204 {
                return;
            }
            let now = self.application(id).await;
            if !from.iter().any(|state| now["status"] == *state) {
                return;
            }
            assert_eq!(
                answer.status.as_u16(),
                409,
                "{}",
                String::from_utf8_lossy(&answer.bytes)
            );
        }
    }

    /// Pays, following the links as a browser does; whatever is lost is begun again.
    async fn pay(&mut self, id: &str) {
        let browser = self.platform.client().browser();
        let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(90);
        while self.application(id).await["status"] == "1500" {
            assert!(
                tokio::time::Instant::now() < patience,
                "the payment does not go on"
            );
            let payments = self
                .send(
                    false,
                    Method::GET,
                    &format!("/lang/api/payments?remote_id={id}"),
                    None,
                    &Value::Null,
                )
                .await
                .json();
            let begin = payments[0]["links"]["online_payment_begin"]["url"]
                .as_str()
                .map(str::to_owned);
            let Some(begin) = begin else {
                tokio::time::sleep(std::time::Duration::from_millis(25)).await;
                continue;
            };
            let Ok(answer) = browser.send(Method::GET, &begin, &[], None).await else {
                self.platform.recover().await;
                continue;
            };
            let Some(page) = answer
                .headers
                .get("location")
                .map(|url| url.to_str().unwrap().to_owned())
            else {
                self.platform.recover().await;
                continue;
            };
            let form = [("content-type", "application/x-www-form-urlencoded")];
            // The page of one who has paid already is the platform's own, and that may be away.
            let paying = browser
                .send(Method::POST, &page, &form, Some(b"action=pay".to_vec()))
                .await;
            let Ok(paid) = paying else {
                self.platform.recover().await;
                continue;
            };
            if let Some(landing) = paid
                .headers
                .get("location")
                .map(|url| url.to_str().unwrap().to_owned())
                && browser
                    .send(Method::GET, &landing, &[], None)
                    .await
                    .is_err()
            {
                self.platform.recover().await;
            }
        }
    }

    async fn upload(&mut self) -> Value {
        for attempt in 1.. {
            let client = self.client(false).await;
            let begun = json!({"name": "planimetria.pdf", "original_filename": "planimetria.pdf", "size": PDF.len(), "protocol_required": true, "mime_type": "application/pdf", "description": "Allegato"});
            let begun = self
                .send(
                    false,
                    Method::POST,
                    "/lang/it/upload",
                    Some(&format!("upload-{}-{attempt}", self.jobs)),
                    &begun,
                )
                .await
                .expect(201);
            let (id, uri) = (
                begun["id"].as_str().unwrap().to_owned(),
                begun["uri"].as_str().unwrap().to_owned(),
            );
            let hash = opencity_kernel::crypto::sha256_hex(PDF);
            let sent = client
                .send(
                    Method::PUT,
                    &uri,
                    &[("content-type", "application/pdf")],
                    Some(PDF.to_vec()),
                )
                .await;
            if sent.is_err() {
                self.platform.recover().await;
            }
            let done = self
                .send(
                    false,
                    Method::PUT,
                    &format!("/lang/it/upload/{id}"),
                    None,
                    &json!({"file_hash": hash, "check_signature": false}),
                )
                .await;
            // The bytes may have come to nothing: then the upload is begun again.
            if done.status != 200 {
                continue;
            }
            return json!({"name": "planimetria.pdf", "url": uri, "size": PDF.len(), "type": "application/pdf", "originalName": "planimetria.pdf", "hash": hash, "data": {"id": id, "uri": uri}});
        }
        unreachable!("the loop has no end")
    }

    /// From the first login to the outcome; the application's id.
    pub async fn main_job(&mut self) -> String {
        self.jobs += 1;
        let job = self.jobs;
        let mut data = example("occupazione-suolo-pubblico");
        data["site_plan"] = json!([self.upload().await]);
        let body = json!({"service": demo::PUBLIC_GROUND, "data": data});
        let sent = self
            .send(
                false,
                Method::POST,
                "/lang/api/applications",
                Some(&format!("application-{job}")),
                &body,
            )
            .await
            .expect(201);
        let id = sent["id"].as_str().unwrap().to_owned();
        self.pay(&id).await;
        self.transition(true, &id, "assign", &["3000"], &json!({}))
            .await;
        self.transition(
            true,
            &id,
            "request-integration",
            &["4000"],
            &json!({"message": "Manca la planimetria firmata."}),
        )
        .await;
        self.in_state(&id, &["4200"]).await;
        let message = json!({"message": "Ecco la planimetria.", "visibility": "applicant"});
        self.send(
            false,
            Method::POST,
            &format!("/lang/api/applications/{id}/messages"),
            Some(&format!("message-{job}")),
            &message,
        )
        .await
        .expect(201);
        self.transition(false, &id, "submit", &["4200"], &json!({}))
            .await;
        self.transition(
            true,
            &id,
            "accept",
            &["4000"],
            &json!({"message": "Autorizzazione concessa."}),
        )
        .await;
        self.in_state(&id, &["7000"]).await;
        id
    }
}

/// Whether a first request with the same key is still taken to run.
fn is_running(answer: &Answer) -> bool {
    String::from_utf8_lossy(&answer.bytes).contains("\"idempotency-running\"")
}
