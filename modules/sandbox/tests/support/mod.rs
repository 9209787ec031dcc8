//! A sandbox in this process on a free port, spoken to over real HTTP, and a receiver of its notifications.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use opencity_sandbox::{Options, SandboxError, Server};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub const BODY: &str = "77777777777";

pub struct Sandbox {
    pub address: SocketAddr,
    pub client: Client,
    pub folder: Arc<TempDir>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), SandboxError>>,
}

impl Sandbox {
    pub async fn start() -> Self {
        Self::start_on(Arc::new(TempDir::new().expect("a folder")), None).await
    }

    /// One whose pages are at this address for browsers.
    pub async fn behind(public_url: &str) -> Self {
        Self::start_on(
            Arc::new(TempDir::new().expect("a folder")),
            Some(public_url.to_owned()),
        )
        .await
    }

    async fn start_on(folder: Arc<TempDir>, public_url: Option<String>) -> Self {
        let server = Server::bind(Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: folder.path().join("data"),
            public_url,
        })
        .await
        .expect("a bound server");
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(async {
            stopped.await.ok();
        }));
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        Self {
            address,
            client,
            folder,
            stop,
            running,
        }
    }

    /// Stops cleanly.
    pub async fn stop(self) -> Arc<TempDir> {
        self.stop.send(()).expect("a running server");
        self.running
            .await
            .expect("a task that ends")
            .expect("a clean stop");
        self.folder
    }

    /// Stops, and starts again on the same files.
    pub async fn restart(self) -> Self {
        Self::start_on(self.stop().await, None).await
    }

    pub fn store_file(&self) -> PathBuf {
        Path::new(self.folder.path()).join("data/sandbox.sqlite")
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client
            .get(self.url(path))
            .send()
            .await
            .expect("an answer")
    }

    pub async fn get_json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "GET {path}");
        answer.json().await.expect("JSON")
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self
            .client
            .post(self.url(path))
            .json(body)
            .send()
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    pub async fn put_file(&self, path: &str, bytes: &[u8]) -> (u16, Value) {
        let answer = self
            .client
            .put(self.url(path))
            .body(bytes.to_vec())
            .send()
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    pub async fn create(&self, position: &Value) -> Value {
        let (status, answer) = self.post("/intermediary/positions", position).await;
        assert_eq!(status, 201, "{answer}");
        answer
    }

    /// Presses a button of the payment page.
    pub async fn press(&self, external_id: &str, action: &str) -> Response {
        self.client
            .post(self.url(&format!("/pay/{external_id}")))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("action={action}"))
            .send()
            .await
            .expect("an answer")
    }

    pub async fn set_fault(&self, fault: Value) {
        let answer = self
            .client
            .put(self.url("/_control/faults"))
            .json(&fault)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
    }

    pub async fn counters(&self) -> Value {
        self.get_json("/_control/counters").await
    }

    /// Waits until a counter has this value.
    pub async fn wait_for_counter(&self, name: &str, value: u64) {
        tokio::time::timeout(Duration::from_secs(20), async {
            while self.counters().await[name] != value {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{name} never became {value}"));
    }
}

/// A position that can be paid.
pub fn position(external_id: &str) -> Value {
    json!({
        "external_id": external_id,
        "organization_tax_code": BODY,
        "amount": 1650,
        "reason": "Occupazione di suolo pubblico <1>",
        "expires_at": "2099-12-31T23:59:59+01:00",
        "payer": { "type": "human", "tax_identification_number": "RSSMRA80A01H501U", "name": "Mario", "family_name": "Rossi" },
        "return_url": "http://127.0.0.1:9/landing/1?a=b&c=d",
        "category": "9/0101100IM/",
        "kind": "due",
    })
}

/// A notification as it arrived.
pub struct Received {
    pub signature: Option<String>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// Takes notifications; refuses the first few when told to.
pub struct Receiver {
    pub url: String,
    arrived: mpsc::UnboundedReceiver<Received>,
}

impl Receiver {
    pub fn start(refuse_first: u32) -> Self {
        let (sender, arrived) = mpsc::unbounded_channel();
        let left = Arc::new(AtomicU32::new(refuse_first));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!(
            "http://{}/notify",
            listener.local_addr().expect("an address")
        );
        let take = move |request: HttpRequest, body: web::Bytes| {
            let sender = sender.clone();
            let left = Arc::clone(&left);
            async move {
                let signature = request.headers().get("X-Sandbox-Signature");
                sender
                    .send(Received {
                        signature: signature.map(|value| value.to_str().expect("text").to_owned()),
                        body: body.to_vec(),
                    })
                    .ok();
                let refuse = left
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                        left.checked_sub(1)
                    })
                    .is_ok();
                if refuse {
                    HttpResponse::InternalServerError()
                } else {
                    HttpResponse::NoContent()
                }
                .finish()
            }
        };
        tokio::spawn(
            HttpServer::new(move || App::new().default_service(web::post().to(take.clone())))
                .workers(1)
                .disable_signals()
                .listen(listener)
                .expect("a server")
                .run(),
        );
        Self { url, arrived }
    }

    pub async fn next(&mut self) -> Received {
        tokio::time::timeout(Duration::from_secs(20), self.arrived.recv())
            .await
            .expect("a notification in time")
            .expect("a receiver that runs")
    }
}
