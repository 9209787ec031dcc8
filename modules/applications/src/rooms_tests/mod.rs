//! Files and messages over HTTP, on a real database and store, with applications that are only said to exist.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod claims;
mod downloads;
mod messages;
mod scans;
mod uploads;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use actix_web::web;
use base64::Engine as _;
use opencity_kernel::auth::{Caller, CallerKind};
use opencity_kernel::context::{ModuleContext, Platform};
use opencity_kernel::crypto::sha256_hex;
use opencity_kernel::db::{DbError, DbResult, Migration, Tenancy, TenantScope};
use opencity_kernel::directory::DirectoryConsumer;
use opencity_kernel::events::{self, Change, Consumer, Event, Filter, NewEvent, Topic};
use opencity_kernel::id::{ApplicationId, FileId, ServiceId, TenantId, UserId};
use opencity_kernel::module::ModuleInfo;
use opencity_kernel::{clock, migrations, module_info};
use opencity_testing::{Issuer, Running, Store, platform};
use serde_json::{Value, json};

use crate::access::{Access, Applications, KnownApplication};
use crate::domain::{self, Facts, Status};
use crate::files::Files;

const INFO: ModuleInfo = module_info!("applications", "Applications");
const MIGRATIONS: &[Migration] = migrations!("applications", "20261124100100_messages" => 1);

#[derive(Clone, Copy)]
struct Fake {
    owner: UserId,
    service: ServiceId,
    status: Status,
    facts: Facts,
}

/// Applications that are only said to exist.
#[derive(Default)]
struct Fakes(Mutex<HashMap<ApplicationId, Fake>>);

impl Applications for Fakes {
    fn known(
        &self,
        _scope: &mut TenantScope<'_>,
        caller: &Caller,
        id: ApplicationId,
    ) -> DbResult<Option<KnownApplication>> {
        let fake = self.0.lock().unwrap().get(&id).copied();
        Ok(fake.map(|fake| KnownApplication {
            id,
            owner: fake.owner,
            service: fake.service,
            status: fake.status,
            email: Some("mario.rossi@example.org".to_owned()),
            caller: domain::Caller {
                is_citizen: caller.is_citizen(),
                is_owner: caller.is_citizen() && caller.id == fake.owner,
                is_enabled_operator: caller.works_service(fake.service),
                is_system_operator: caller.is_system_operator(),
                is_admin: matches!(caller.kind, CallerKind::Administrator(_)),
                ..domain::Caller::default()
            },
            facts: fake.facts,
        }))
    }
}

/// A tenant with an operator, a system operator, an administrator and citizens.
struct World {
    _folder: tempfile::TempDir,
    platform: Arc<Platform>,
    _relay: Running,
    access: Access,
    fakes: Arc<Fakes>,
    issuer: Issuer,
    tenancy: Tenancy,
    service: ServiceId,
    operator: UserId,
    system: UserId,
    admin: UserId,
    citizen: UserId,
    stranger: UserId,
}

impl World {
    async fn on(store: Store) -> Self {
        Self::with(store, |_| {}).await
    }

    async fn with(store: Store, change: impl FnOnce(&mut crate::files::FilesSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = r#"
            auth.service_keys = [{ id = "test", key = "a key between modules, 32 bytes long" }]
        "#;
        let platform = platform(INFO, MIGRATIONS, store, folder.path(), settings).await;
        let ctx = ModuleContext::new(Arc::clone(&platform), INFO);
        let mut settings = platform.config.section("applications.files").unwrap();
        change(&mut settings);
        let files = Files::new(ctx, settings);
        files.register();
        let fakes = Arc::new(Fakes::default());
        let world = Self {
            _folder: folder,
            access: Access {
                files,
                applications: Arc::clone(&fakes) as Arc<dyn Applications>,
            },
            issuer: Issuer::of(&platform.verifier),
            _relay: Running::relay(&platform).await,
            platform,
            fakes,
            tenancy: Tenancy::from_row(TenantId::new()),
            service: ServiceId::random(),
            operator: UserId::new(),
            system: UserId::new(),
            admin: UserId::new(),
            citizen: UserId::new(),
            stranger: UserId::new(),
        };
        world.fill_directory().await;
        world
    }

    async fn fill_directory(&self) {
        let tenant = self.tenancy.tenant_id();
        let service = self.service;
        let users = [
            (
                self.operator,
                json!({"role": "operator", "enabled_services_ids": [service]}),
            ),
            (
                self.system,
                json!({"role": "operator", "system_user": true}),
            ),
            (self.admin, json!({"role": "admin"})),
        ];
        self.platform
            .database
            .write::<_, DbError>(self.tenancy, move |scope| {
                let body = json!({"slug": "bugliano", "name": "Bugliano", "hosts": ["localhost"]});
                scope.emit(NewEvent::new(
                    Topic::Tenants,
                    tenant,
                    tenant,
                    1,
                    Change::created(),
                    body,
                ))?;
                for (id, body) in users {
                    scope.emit(NewEvent::new(
                        Topic::Users,
                        id,
                        id,
                        1,
                        Change::created(),
                        body,
                    ))?;
                }
                Ok(())
            })
            .await
            .unwrap();
        for event in self.events(&[Topic::Tenants, Topic::Users]).await {
            self.take(DirectoryConsumer, event).await;
        }
    }

    /// What has been told so far.
    async fn events(&self, topics: &[Topic]) -> Vec<Event> {
        // On PostgreSQL an event has a position once the relay gave it one.
        assert!(self.platform.caught_up("nobody").await.unwrap());
        let filter = Filter {
            after: 0,
            topics: topics.to_vec(),
            limit: 1000,
        };
        events::read(&self.platform.database, filter).await.unwrap()
    }

    async fn take(&self, consumer: impl Consumer, event: Event) {
        self.access
            .files
            .ctx
            .db
            .write::<_, DbError>(event.tenancy(), move |scope| {
                consumer.handle(scope, &event).unwrap();
                Ok(())
            })
            .await
            .unwrap();
    }

    /// How many files the store has.
    fn stored_files(&self) -> usize {
        fn below(folder: &std::path::Path) -> usize {
            let entries = std::fs::read_dir(folder).unwrap();
            entries
                .map(|entry| entry.unwrap().path())
                .map(|path| if path.is_dir() { below(&path) } else { 1 })
                .sum()
        }
        below(&self.platform.config.in_data_dir("files"))
    }

    fn application(&self, status: Status) -> ApplicationId {
        self.application_with(status, Facts::default())
    }

    fn application_with(&self, status: Status, facts: Facts) -> ApplicationId {
        let id = ApplicationId::new();
        let fake = Fake {
            owner: self.citizen,
            service: self.service,
            status,
            facts,
        };
        self.fakes.0.lock().unwrap().insert(id, fake);
        id
    }

    /// A token of a user.
    fn token(&self, user: UserId) -> String {
        let role = match user {
            user if user == self.operator || user == self.system => "ROLE_OPERATORE",
            user if user == self.admin => "ROLE_ADMIN",
            _ => "ROLE_CPS_USER",
        };
        self.issuer
            .token(self.tenancy.tenant_id(), user.uuid(), role)
    }

    fn service_token(&self) -> String {
        let tenant = self.tenancy.tenant_id();
        self.platform
            .verifier
            .service_token("documents", "applications", tenant)
            .unwrap()
    }
}

/// The tests that hold on both databases.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        opencity_testing::on_both_databases! { #[actix_web::test] $($name),* }
    };
}
use on_both;

/// The application with our routes.
macro_rules! app {
    ($world:expr) => {
        actix_web::test::init_service(
            actix_web::App::new()
                .app_data(actix_web::web::Data::from(std::sync::Arc::clone(
                    &$world.platform,
                )))
                .app_data(actix_web::web::Data::new($world.access.clone()))
                .configure($crate::api::upload::routes)
                .configure($crate::api::attachments::routes)
                .configure($crate::api::messages::routes),
        )
        .await
    };
}
use app;

/// An answer.
struct Answer {
    status: StatusCode,
    headers: actix_web::http::header::HeaderMap,
    bytes: web::Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Status and, of a problem, its id.
    fn told(&self) -> (u16, String) {
        (
            self.status.as_u16(),
            self.json()["code"].as_str().unwrap_or_default().to_owned(),
        )
    }

    /// The fields that a problem names, with the rule.
    fn fields(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let errors = self.json()["errors"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        errors
            .iter()
            .map(|error| (text(&error["field"]), text(&error["code"])))
            .collect()
    }
}

macro_rules! send {
    ($app:expr, $request:expr) => {{
        let response = actix_web::test::call_service(&$app, $request.to_request()).await;
        $crate::rooms_tests::answer_of(response).await
    }};
}
use send;

async fn answer_of<B: MessageBody>(response: ServiceResponse<B>) -> Answer
where
    B::Error: std::fmt::Debug,
{
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = actix_web::body::to_bytes(response.into_body())
        .await
        .unwrap();
    Answer {
        status,
        headers,
        bytes,
    }
}

fn request(method: Method, path: &str, token: &str) -> TestRequest {
    let request = TestRequest::with_uri(path)
        .method(method)
        .insert_header(("host", "localhost"));
    if token.is_empty() {
        request
    } else {
        request.insert_header(("authorization", format!("Bearer {token}")))
    }
}

fn get(path: &str, token: &str) -> TestRequest {
    request(Method::GET, path, token)
}

fn post(path: &str, token: &str, body: Value) -> TestRequest {
    request(Method::POST, path, token).set_json(body)
}

fn put(path: &str, token: &str, body: Value) -> TestRequest {
    request(Method::PUT, path, token).set_json(body)
}

fn patch(path: &str, token: &str, body: Value) -> TestRequest {
    request(Method::PATCH, path, token).set_json(body)
}

/// Sends bytes as clients do: under a label that does not fit.
fn put_bytes(path: &str, token: &str, bytes: &[u8]) -> TestRequest {
    request(Method::PUT, path, token)
        .insert_header(("content-type", "multipart/form-data"))
        .insert_header(("content-length", bytes.len().to_string()))
        .set_payload(bytes.to_vec())
}

const PDF: &[u8] = b"%PDF-1.7\nplanimetria di prova";

fn announcement(size: usize) -> Value {
    json!({"name": "planimetria.pdf", "original_filename": "Planimetria – piano terra.pdf", "size": size,
        "mime_type": "application/pdf", "description": "Pianta", "protocol_required": false})
}

/// The path and query of an address.
fn path_of(address: &Value) -> String {
    let address = address.as_str().unwrap();
    let path = address.split_once("://").unwrap().1;
    format!("/{}", path.split_once('/').unwrap().1)
}

/// Uploads a file to its end.
macro_rules! upload {
    ($world:expr, $app:expr, $user:expr) => {{
        use $crate::rooms_tests::*;
        let token = $world.token($user);
        let begun = send!($app, post("/lang/it/upload", &token, announcement(PDF.len())));
        assert_eq!(begun.status, 201, "{}", begun.json());
        let begun = begun.json();
        let sent = send!($app, put_bytes(&path_of(&begun["uri"]), "", PDF));
        assert_eq!(sent.status, 200, "{}", sent.json());
        let id: FileId = begun["id"].as_str().unwrap().parse().unwrap();
        let hash = json!({"file_hash": sha256_hex(PDF), "check_signature": false});
        let finished = send!($app, put(&format!("/lang/it/upload/{id}"), &token, hash));
        assert_eq!(finished.status, 200, "{}", finished.json());
        id
    }};
}
use upload;
