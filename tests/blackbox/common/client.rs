//! A client of the API, with a token or without.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    /// The body, which must come with this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.bytes)
        );
        self.json()
    }

    /// `code` of a problem that must come with this status.
    #[track_caller]
    pub fn problem(self, status: u16) -> String {
        let kind = self
            .headers
            .get("content-type")
            .map(|kind| kind.to_str().unwrap().to_owned());
        assert_eq!(
            kind.as_deref(),
            Some("application/problem+json"),
            "{}",
            String::from_utf8_lossy(&self.bytes)
        );
        let body = self.expect(status);
        assert!(
            body["detail"]
                .as_str()
                .is_some_and(|detail| detail.ends_with('.')),
            "{body}"
        );
        assert!(
            body["instance"].as_str().is_some_and(|id| id.len() > 8),
            "{body}"
        );
        body["code"].as_str().unwrap().to_owned()
    }
}

/// Speaks to one platform in the name of one user.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            // It speaks plain HTTP; the authorities of the system take a while to read.
            .tls_certs_only([])
            // Less than the 5 seconds after which the server closes an idle connection.
            .pool_idle_timeout(std::time::Duration::from_secs(2))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self::over(http, base)
    }

    /// Over an HTTP client that is set up elsewhere.
    pub fn over(http: reqwest::Client, base: &str) -> Self {
        Self {
            http,
            base: base.to_owned(),
            token: None,
        }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// A browser on the same machine: it takes whole URLs, and has no token.
    pub fn browser(&self) -> Self {
        Self {
            base: String::new(),
            token: None,
            ..self.clone()
        }
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    /// Sends a request; `path` may be a whole URL.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Answer, reqwest::Error> {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer {
            status,
            headers,
            bytes: response.bytes().await?.to_vec(),
        })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await.unwrap()
    }

    pub async fn json(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(
            method,
            path,
            &[("content-type", "application/json")],
            Some(body.to_string().into_bytes()),
        )
        .await
        .unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::POST, path, body).await
    }

    /// A token for a user of the demo.
    pub async fn login(&self, username: &str) -> Self {
        let body = json!({"username": username, "password": super::demo::PASSWORD});
        let answer = self.post("/lang/api/auth", &body).await.expect(200);
        self.with_token(answer["token"].as_str().unwrap())
    }

    /// A token for an anonymous citizen.
    pub async fn anonymous(&self) -> Self {
        let answer = self
            .send(Method::POST, "/lang/api/session-auth", &[], None)
            .await
            .unwrap()
            .expect(200);
        self.with_token(answer["token"].as_str().unwrap())
    }

    /// Uploads a file in three steps; what goes into `data`.
    pub async fn upload(&self, name: &str, bytes: &[u8]) -> Value {
        let mime = if name.ends_with(".pdf") {
            "application/pdf"
        } else {
            "image/png"
        };
        let begun = self
            .post(
                "/lang/it/upload",
                &json!({"name": name, "original_filename": name, "size": bytes.len(), "protocol_required": true, "mime_type": mime, "description": "Allegato"}),
            )
            .await
            .expect(201);
        let uri = begun["uri"].as_str().unwrap().to_owned();
        let sent = self
            .send(
                Method::PUT,
                &uri,
                &[("content-type", "multipart/form-data")],
                Some(bytes.to_vec()),
            )
            .await
            .unwrap();
        assert!(
            sent.status.is_success(),
            "{}",
            String::from_utf8_lossy(&sent.bytes)
        );
        let id = begun["id"].as_str().unwrap().to_owned();
        let hash = sha256(bytes);
        self.json(
            Method::PUT,
            &format!("/lang/it/upload/{id}"),
            &json!({"file_hash": hash, "check_signature": false}),
        )
        .await
        .expect(200);
        json!({"name": name, "url": uri, "size": bytes.len(), "type": mime, "originalName": name, "hash": hash, "data": {"id": id, "uri": uri}})
    }
}

fn sha256(bytes: &[u8]) -> String {
    opencity_kernel::crypto::sha256_hex(bytes)
}
