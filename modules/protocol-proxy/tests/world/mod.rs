//! The module at work beside the real demonstration registry; the other modules are the events that the tests write.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use opencity_contracts::document::{DocumentFile, Folder, RegistrationData, Transmission};
use opencity_contracts::file::RemoteCollection;
use opencity_contracts::{Application, DocumentEvent, DocumentType, Service};
use opencity_kernel::context::{FileSource, ModuleContext, Platform};
use opencity_kernel::crypto::sha256_hex;
use opencity_kernel::db::{DbError, Tenancy};
use opencity_kernel::events::{Change, Event, Filter, NewEvent, Redelivery, Topic};
use opencity_kernel::files::{FileContent, FileError};
use opencity_kernel::id::FileId;
use opencity_kernel::module::{Module, ModuleInfo};
use opencity_protocol_proxy::{INFO, MIGRATIONS, ProtocolProxy};
use opencity_sandbox::{Options, Server};
use opencity_testing::{Issuer, Running, Store, platform};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use uuid::Uuid;

/// A service of the demo that needs registration, and one that does not.
pub const SERVICE: Uuid = uuid::uuid!("b21c4429-95e4-45d5-930f-44eb74136625");
pub const FREE_SERVICE: Uuid = uuid::uuid!("b21c4429-95e4-45d5-930f-44eb74136627");
const OTHER: ModuleInfo = ModuleInfo {
    name: "documents",
    version: "0.1.0",
    title: "Documents",
};

/// Every file holds its own id, but one that was tampered with.
struct Stored;
pub const TAMPERED: Uuid = Uuid::from_u128(0xbad);

#[async_trait]
impl FileSource for Stored {
    async fn open(&self, _tenancy: Tenancy, file: FileId) -> Result<FileContent, FileError> {
        let text = if file.uuid() == TAMPERED {
            "something else".to_owned()
        } else {
            file.to_string()
        };
        let bytes = Bytes::from(text);
        let size = bytes.len() as u64;
        Ok(FileContent {
            size,
            range: 0..size,
            body: futures::stream::iter([Ok(bytes)]).boxed(),
        })
    }
}

pub fn file(id: Uuid) -> DocumentFile {
    let bytes = id.to_string();
    DocumentFile {
        id,
        name: format!("{id}.pdf"),
        filename: "domanda.pdf".to_owned(),
        mime_type: "application/pdf".to_owned(),
        size: bytes.len() as u64,
        sha256: sha256_hex(bytes.as_bytes()),
        ..DocumentFile::default()
    }
}

pub struct World {
    pub platform: Arc<Platform>,
    pub module: ProtocolProxy,
    pub tenancy: Tenancy,
    issuer: Issuer,
    registry: SocketAddr,
    stop_registry: oneshot::Sender<()>,
    running: Running,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn sqlite() -> Self {
        Self::open(Store::Sqlite).await
    }

    pub async fn postgres() -> Self {
        Self::open(Store::Postgres).await
    }

    async fn open(store: Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::bind(Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: folder.path().join("sandbox"),
            public_url: None,
        })
        .await
        .unwrap();
        let registry = server.local_addr();
        let (stop_registry, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.run(async {
            stopped.await.ok();
        }));
        let settings = format!(
            r#"
            events.poll_ms = 20
            protocol_proxy.sandbox.base_url = "http://{registry}"
            "#
        );
        let platform = platform(INFO, MIGRATIONS, store, folder.path(), &settings).await;
        platform.sources.register("documents", Arc::new(Stored));
        platform.sources.register("applications", Arc::new(Stored));
        let module = ProtocolProxy::new(ModuleContext::new(Arc::clone(&platform), INFO)).unwrap();
        module.seed_demo().await.unwrap();
        module.seed_demo().await.unwrap();
        let running = Running::whole(&platform, &module).await;
        let issuer = Issuer::of(&platform.verifier);
        let tenancy = opencity_kernel::demo::tenancy().unwrap();
        let world = Self {
            platform,
            module,
            tenancy,
            issuer,
            registry,
            stop_registry,
            running,
            _folder: folder,
        };
        for (service, protocol_required) in [(SERVICE, true), (FREE_SERVICE, false)] {
            let body = Service {
                id: service,
                protocol_required,
                ..Service::default()
            };
            world
                .emit(
                    Topic::Services,
                    tenancy.tenant_id().uuid(),
                    service,
                    1,
                    Change::created(),
                    &body,
                )
                .await;
        }
        world
    }

    pub async fn emit(
        &self,
        topic: Topic,
        key: Uuid,
        entity: Uuid,
        version: i64,
        change: Change,
        body: &impl Serialize,
    ) {
        let event = NewEvent::new(
            topic,
            key,
            entity,
            version,
            change,
            serde_json::to_value(body).unwrap(),
        );
        self.write(event).await;
    }

    async fn write(&self, event: NewEvent) {
        self.platform
            .database
            .for_module(OTHER)
            .write::<_, DbError>(self.tenancy, move |scope| scope.emit(event))
            .await
            .unwrap();
    }

    /// The first event of a document.
    pub async fn document(&self, document: &DocumentEvent) {
        let change = Change::status(None, "DOCUMENT_CREATED");
        self.emit(
            Topic::Documents,
            document.remote_id,
            document.id,
            1,
            change,
            document,
        )
        .await;
    }

    pub async fn application(&self, application: &Application, version: i64) {
        self.emit(
            Topic::Applications,
            application.service_id,
            application.id,
            version,
            Change::data(),
            application,
        )
        .await;
    }

    async fn events(&self, topic: Topic) -> Vec<Event> {
        let filter = Filter {
            after: 0,
            topics: vec![topic],
            limit: 1000,
        };
        opencity_kernel::events::read(&self.platform.database, filter)
            .await
            .unwrap()
    }

    /// Waits until there are so many events on a topic, and gives them.
    pub async fn told(&self, topic: Topic, number: usize) -> Vec<Event> {
        let patience = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let events = self.events(topic).await;
            if events.len() >= number {
                return events;
            }
            assert!(
                tokio::time::Instant::now() < patience,
                "only {} of {number} events on {topic:?}",
                events.len()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the proxy has told documents so many times, and gives what it told.
    pub async fn answers(&self, number: usize) -> Vec<Value> {
        let patience = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let own = |event: &Event| {
                event.payload["app_id"]
                    .as_str()
                    .unwrap()
                    .starts_with("protocol-proxy:")
            };
            let events = self.events(Topic::Documents).await;
            let answers: Vec<Value> = events
                .into_iter()
                .filter(own)
                .map(|event| event.payload)
                .collect();
            if answers.len() >= number {
                return answers;
            }
            assert!(
                tokio::time::Instant::now() < patience,
                "only {} of {number}: {answers:?}",
                answers.len()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The states that the proxy has told, when it has told so many.
    pub async fn states(&self, number: usize) -> Vec<String> {
        let answers = self.answers(number).await;
        answers
            .iter()
            .map(|payload| payload["status"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Gives the last entry of the retry queue back, as the RetryOrchestrator would.
    pub async fn try_again(&self, entries: usize) -> Event {
        let entry = self.told(Topic::RetryQueue, entries).await.pop().unwrap();
        self.write(Redelivery::of(&entry.payload, json!({"attempt": entries})).unwrap())
            .await;
        entry
    }

    pub async fn caught_up(&self) {
        assert!(self.platform.caught_up("protocol-proxy").await.unwrap());
    }

    async fn control(&self, request: reqwest::RequestBuilder) -> Value {
        request
            .send()
            .await
            .unwrap()
            .error_for_status()
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    fn client() -> reqwest::Client {
        reqwest::Client::builder().no_proxy().build().unwrap()
    }

    pub async fn counters(&self) -> Value {
        self.control(Self::client().get(format!("http://{}/_control/counters", self.registry)))
            .await
    }

    pub async fn fault(&self, fault: Value) {
        let url = format!("http://{}/_control/faults", self.registry);
        let request = Self::client()
            .put(url)
            .header("content-type", "application/json")
            .body(fault.to_string());
        self.control(request).await;
    }

    pub async fn no_faults(&self) {
        Self::client()
            .delete(format!("http://{}/_control/faults", self.registry))
            .send()
            .await
            .unwrap();
    }

    /// A token of a person.
    pub fn token(&self, id: Uuid, role: &str) -> String {
        self.issuer.token(self.tenancy.tenant_id(), id, role)
    }

    pub async fn stop(self) {
        self.running.end().await;
        self.platform.database.close().await;
        self.stop_registry.send(()).ok();
    }
}

/// A document of the public ground with one attachment.
pub fn new_document() -> DocumentEvent {
    DocumentEvent {
        id: Uuid::now_v7(),
        act_id: Uuid::now_v7(),
        kind: DocumentType::ApplicationRequest,
        title: "Richiesta: Occupazione di suolo pubblico".to_owned(),
        remote_id: Uuid::now_v7(),
        remote_collection: RemoteCollection::service(SERVICE),
        folder: Folder {
            id: None,
            title: "Occupazione di suolo pubblico 2026".to_owned(),
        },
        registration_data: RegistrationData {
            transmission_type: Transmission::Inbound,
            ..RegistrationData::default()
        },
        main_document: file(Uuid::now_v7()),
        attachments: vec![file(Uuid::now_v7())],
        ..DocumentEvent::default()
    }
}

/// The same test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($name:ident, $test:expr) => {
        mod $name {
            use super::*;
            #[actix_web::test]
            async fn on_sqlite() {
                ($test)(World::sqlite().await).await;
            }
            #[actix_web::test]
            async fn on_postgres() {
                ($test)(World::postgres().await).await;
            }
        }
    };
}
pub(crate) use on_both;
