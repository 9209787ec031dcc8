//! The module at work, alone: the other modules are the events that the tests write.
#![allow(dead_code)]

use std::sync::Arc;
use std::time::Duration;

use opencity_contracts::application::{Act, FormRef};
use opencity_contracts::{
    Application, DocumentEvent, DocumentType, Form, Message, Service, Tenant,
};
use opencity_documents::{Documents, INFO, MIGRATIONS};
use opencity_kernel::context::{ModuleContext, Platform};
use opencity_kernel::db::{DbError, Tenancy};
use opencity_kernel::events::{Change, Event, Filter, NewEvent, Topic};
use opencity_kernel::id::TenantId;
use opencity_kernel::module::ModuleInfo;
use opencity_testing::{Issuer, Running, Store, platform};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub const SERVICE: Uuid = Uuid::from_u128(0x5e);
pub const FORM: Uuid = Uuid::from_u128(0xf0);
const OTHER: ModuleInfo = ModuleInfo {
    name: "applications",
    version: "0.1.0",
    title: "Applications",
};

pub struct World {
    pub platform: Arc<Platform>,
    pub module: Documents,
    pub tenancy: Tenancy,
    issuer: Issuer,
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
        let settings = "events.poll_ms = 20";
        let platform = platform(INFO, MIGRATIONS, store, folder.path(), settings).await;
        let module = Documents::new(ModuleContext::new(Arc::clone(&platform), INFO)).unwrap();
        let running = Running::whole(&platform, &module).await;
        let tenancy = Tenancy::from_row(TenantId::from_uuid(Uuid::from_u128(0x7e)));
        let issuer = Issuer::of(&platform.verifier);
        let world = Self {
            platform,
            module,
            tenancy,
            issuer,
            running,
            _folder: folder,
        };
        world.set_up().await;
        world
    }

    async fn set_up(&self) {
        let tenant = Tenant {
            id: self.tenancy.tenant_id().uuid(),
            name: "Comune di Bugliano".to_owned(),
            slug: "comune-di-bugliano".to_owned(),
            hosts: vec!["localhost".to_owned()],
            tax_identification_number: Some("77777777777".to_owned()),
            ..Tenant::default()
        };
        self.emit(
            Topic::Tenants,
            tenant.id,
            tenant.id,
            1,
            Change::created(),
            &tenant,
        )
        .await;
        let service = Service {
            id: SERVICE,
            name: "Occupazione di suolo pubblico".to_owned(),
            ..Service::default()
        };
        self.emit(
            Topic::Services,
            tenant.id,
            SERVICE,
            1,
            Change::created(),
            &service,
        )
        .await;
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
        let body = serde_json::to_value(body).unwrap();
        self.platform
            .database
            .for_module(OTHER)
            .write::<_, DbError>(self.tenancy, move |scope| {
                scope.emit(NewEvent::new(topic, key, entity, version, change, body))
            })
            .await
            .unwrap();
    }

    pub async fn form(&self, form: Uuid, schema: &Value) {
        let body = Form {
            id: form,
            version: 1,
            schema: schema.as_object().unwrap().clone(),
            ..Form::default()
        };
        self.emit(Topic::Forms, form, form, 1, Change::created(), &body)
            .await;
    }

    pub async fn message(&self, application: Uuid, message: Uuid, text: &str) {
        let body = Message {
            id: message,
            message: text.to_owned(),
            related_entity_id: application,
            related_entity_type: "application".to_owned(),
            ..Message::default()
        };
        self.emit(
            Topic::Messages,
            application,
            message,
            1,
            Change::created(),
            &body,
        )
        .await;
    }

    /// The event of an act.
    pub async fn act(&self, application: &Application, version: i64) {
        let change = Change::status(None, application.status.as_str());
        self.emit(
            Topic::Applications,
            SERVICE,
            application.id,
            version,
            change,
            application,
        )
        .await;
    }

    /// Waits until there are so many events on `documents`, and gives them.
    pub async fn told(&self, number: usize) -> Vec<Event> {
        let patience = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let filter = Filter {
                after: 0,
                topics: vec![Topic::Documents],
                limit: 1000,
            };
            let events = opencity_kernel::events::read(&self.platform.database, filter)
                .await
                .unwrap();
            if events.len() >= number {
                return events;
            }
            assert!(
                tokio::time::Instant::now() < patience,
                "only {} of {number} events on documents",
                events.len()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn caught_up(&self) {
        assert!(self.platform.caught_up("documents").await.unwrap());
    }

    /// The bytes that another module of the process gets.
    pub async fn pdf(&self, document: &DocumentEvent) -> Vec<u8> {
        use futures::TryStreamExt as _;
        let content = self
            .platform
            .sources
            .open(self.tenancy, "documents", document.main_document.id.into())
            .await
            .unwrap();
        let pieces: Vec<bytes::Bytes> = content.body.try_collect().await.unwrap();
        pieces.concat()
    }

    /// A token of a person.
    pub fn token(&self, id: Uuid, role: &str) -> String {
        self.issuer.token(self.tenancy.tenant_id(), id, role)
    }

    pub async fn stop(self) {
        self.running.end().await;
        self.platform.database.close().await;
    }
}

/// An application at an act.
pub fn application(kind: DocumentType, act: Uuid) -> Application {
    Application {
        id: Uuid::from_u128(0xa1),
        user: Uuid::from_u128(0xc1),
        service_id: SERVICE,
        service_name: Some("Occupazione di suolo pubblico".to_owned()),
        submission: submitted("Mario", "Rossi", "RSSMRA80A01H501U"),
        form: Some(FormRef {
            id: FORM,
            version: 1,
        }),
        act: Some(Act {
            id: act,
            kind,
            actor: None,
            message_ids: Vec::new(),
            file_ids: Vec::new(),
        }),
        updated_at: "2026-03-09T10:11:12Z".parse().unwrap(),
        ..Application::default()
    }
}

fn submitted(name: &str, surname: &str, code: &str) -> Map<String, Value> {
    let data = json!({"applicant": {"data": {
        "completename": {"data": {"name": name, "surname": surname}},
        "fiscal_code": {"data": {"fiscal_code": code}},
    }}});
    data.as_object().unwrap().clone()
}

pub fn document(event: &Event) -> DocumentEvent {
    serde::Deserialize::deserialize(&event.payload).unwrap()
}

/// What poppler, a program that knows nothing of ours, reads in a PDF; one space between words.
pub fn read(pdf: &[u8]) -> String {
    use std::io::Write as _;
    let mut reader = std::process::Command::new("pdftotext")
        .args(["-enc", "UTF-8", "-", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("this test needs pdftotext: apt-get install poppler-utils");
    let mut input = reader.stdin.take().unwrap();
    let bytes = pdf.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = reader.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    flowing(&String::from_utf8(output.stdout).unwrap())
}

pub fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
