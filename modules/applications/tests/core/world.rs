//! A tenant with people, services and forms, and the module that serves it.

mod calls;
mod people;

use std::cell::Cell;
use std::net::TcpListener;
use std::sync::Arc;

use opencity_applications::{Applications, INFO, MIGRATIONS};
use opencity_kernel::context::{ModuleContext, Platform};
use opencity_kernel::crypto::citizen_id;
use opencity_kernel::db::{Database, DbError, Tenancy};
use opencity_kernel::directory::DirectoryConsumer;
use opencity_kernel::events::{
    self, Change, Consumer, Event, Filter, HandleError, NewEvent, Topic,
};
use opencity_kernel::id::{OfficeId, ServiceId, TenantId, UserId};
use opencity_kernel::module::Module;
use opencity_kernel::{clock, module_info};
use opencity_testing::{Issuer, Running, Store, platform};
use serde_json::{Value, json};
use uuid::Uuid;

pub use calls::{Answer, Served};

pub const CONFIG: &str = "cf9ece67-1956-49c9-af89-a19120485fef";

pub struct World {
    _folder: tempfile::TempDir,
    pub platform: Arc<Platform>,
    pub module: Arc<Applications>,
    outside: Database,
    issuer: Issuer,
    relay: Running,
    pub tenancy: Tenancy,
    pub operator: UserId,
    pub colleague: UserId,
    pub system: UserId,
    pub admin: UserId,
    pub citizen: UserId,
    pub stranger: UserId,
    pub anonymous: UserId,
    pub office: OfficeId,
    /// Paid at sending, registered, with integrations.
    pub ground: ServiceId,
    /// Registered, with integrations.
    pub nursery: ServiceId,
    /// Neither; without a login.
    pub report: ServiceId,
    version: Cell<i64>,
}

impl World {
    pub async fn new() -> Self {
        Self::on(Store::Sqlite).await
    }

    pub async fn on(store: Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = r#"
            http.workers = 2
            auth.service_keys = [{ id = "test", key = "a key between modules, 32 bytes long" }]
        "#;
        let platform = platform(INFO, MIGRATIONS, store, folder.path(), settings).await;
        let module =
            Arc::new(Applications::new(ModuleContext::new(Arc::clone(&platform), INFO)).unwrap());
        let tenancy = Tenancy::from_row(TenantId::new());
        let tenant = tenancy.tenant_id().uuid();
        let citizen = citizen_id(&platform.citizen_ids, tenant, "RSSMRA80A01H501U");
        let world = Self {
            _folder: folder,
            outside: platform
                .database
                .for_module(module_info!("outside", "Outside")),
            issuer: Issuer::of(&platform.verifier),
            relay: Running::relay(&platform).await,
            platform,
            module,
            tenancy,
            operator: UserId::new(),
            colleague: UserId::new(),
            system: UserId::new(),
            admin: UserId::new(),
            citizen: UserId::from_uuid(citizen),
            stranger: UserId::new(),
            anonymous: UserId::new(),
            office: OfficeId::new(),
            ground: ServiceId::random(),
            nursery: ServiceId::random(),
            report: ServiceId::random(),
            version: Cell::new(0),
        };
        world.fill().await;
        world
    }

    /// Another module tells something, and ours takes it.
    pub async fn outside(&self, topic: Topic, entity: Uuid, change: Change, body: Value) {
        let version = self.version.get() + 1;
        self.version.set(version);
        let event = NewEvent::new(topic, entity, entity, version, change, body);
        let tenancy = self.tenancy;
        let before = events::latest_position(&self.platform.database)
            .await
            .unwrap();
        let id = self
            .outside
            .write::<_, DbError>(tenancy, |scope| scope.emit(event))
            .await
            .unwrap();
        let told = self
            .events_after(before, &[topic])
            .await
            .into_iter()
            .find(|event| event.event_id == id)
            .unwrap();
        let mut takers: Vec<Arc<dyn Consumer>> = self.module.consumers();
        takers.push(Arc::new(DirectoryConsumer));
        for taker in takers
            .into_iter()
            .filter(|taker| taker.topics().contains(&topic))
        {
            let database = ModuleContext::new(Arc::clone(&self.platform), INFO).db;
            // As the kernel does: at once again when another transaction was faster.
            while database
                .write::<_, HandleError>(tenancy, {
                    let (taker, event) = (Arc::clone(&taker), told.clone());
                    move |scope| taker.handle(scope, &event).map(|_| ())
                })
                .await
                .inspect_err(|error| assert!(is_conflict(error), "{error}"))
                .is_err()
            {}
        }
    }

    /// What was told so far on these topics.
    pub async fn events(&self, topics: &[Topic]) -> Vec<Event> {
        self.events_after(0, topics).await
    }

    async fn events_after(&self, after: i64, topics: &[Topic]) -> Vec<Event> {
        // On PostgreSQL an event has a position once the relay gave it one.
        assert!(self.platform.caught_up("nobody").await.unwrap());
        let filter = Filter {
            after,
            topics: topics.to_vec(),
            limit: 100_000,
        };
        events::read(&self.platform.database, filter).await.unwrap()
    }

    /// The events of one application, as `from>to`.
    pub async fn told(&self, id: &str) -> Vec<String> {
        let all = self.events(&[Topic::Applications]).await;
        let own = all
            .into_iter()
            .filter(|event| event.entity.to_string() == id);
        own.map(|event| {
            format!(
                "{}>{}",
                event.changed_from().unwrap_or("-"),
                event.changed_to().unwrap_or("-")
            )
        })
        .collect()
    }

    /// The last event of an application.
    pub async fn last_event(&self, id: &str) -> Event {
        let all = self.events(&[Topic::Applications]).await;
        all.into_iter()
            .rfind(|event| event.entity.to_string() == id)
            .unwrap()
    }

    pub fn token(&self, user: UserId) -> String {
        let role = match user {
            user if user == self.anonymous => {
                let tenant = self.tenancy.tenant_id();
                return self.issuer.anonymous(tenant, user.uuid());
            }
            user if [self.operator, self.colleague, self.system].contains(&user) => {
                "ROLE_OPERATORE"
            }
            user if user == self.admin => "ROLE_ADMIN",
            _ => "ROLE_CPS_USER",
        };
        self.token_in(user, role)
    }

    /// A token of somebody whom only one test knows.
    pub fn token_in(&self, user: UserId, role: &str) -> String {
        self.issuer
            .token(self.tenancy.tenant_id(), user.uuid(), role)
    }

    /// The module behind a server of its own, over real HTTP.
    pub fn serve(&self) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/lang/api", listener.local_addr().unwrap());
        let module = Arc::clone(&self.module) as Arc<dyn Module>;
        self.relay.serve(listener, &self.platform, module);
        Served {
            base,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// The document of the application's last act reaches a state.
    pub async fn document(&self, id: &str, act: &Value, status: &str, number: Option<&str>) {
        let now = clock::now();
        let document = Uuid::new_v4();
        let folder = number.map(|_| "6.3-12");
        let body = json!({
            "id": document, "owner_id": self.citizen, "act_id": act["id"], "type": act["type"],
            "status": status, "title": "Atto", "remote_id": id,
            "remote_collection": {"id": self.ground, "type": "service"},
            "folder": {"id": folder, "title": "Occupazione 2026"},
            "registration_data": {"transmission_type": "Inbound", "document_number": number,
                "document_id": number, "date": number.map(|_| now)},
            "main_document": {"id": document, "name": "atto.pdf", "filename": "atto.pdf",
                "mime_type": "application/pdf", "size": 10, "url": "http://localhost/x", "md5": "0", "sha256": "0"},
            "source_type": "user", "recipient_type": "tenant", "created_at": now, "updated_at": now,
        });
        self.outside(
            Topic::Documents,
            document,
            Change::status(None, status),
            body,
        )
        .await;
    }

    /// A payment of the application reaches a state.
    pub async fn payment(&self, id: &str, attempt: u32, status: &str) {
        let now = clock::now();
        // One payment for an attempt, whatever its state.
        let payment = Uuid::from_u128(u128::from(attempt));
        let links =
            serde_json::to_value(opencity_contracts::payment::PaymentLinks::default()).unwrap();
        let body = json!({
            "id": payment, "user_id": self.citizen, "type": "sandbox", "service_id": self.ground,
            "created_at": now, "updated_at": now, "status": status, "reason": "Suolo", "remote_id": id,
            "attempt": attempt, "item": "amount",
            "payment": {"currency": "EUR", "amount": 48, "iud": "x", "split": []},
            "links": links,
            "payer": {"type": "human", "tax_identification_number": "RSSMRA80A01H501U", "name": "Mario"},
        });
        self.outside(Topic::Payments, payment, Change::status(None, status), body)
            .await;
    }
}

fn is_conflict(error: &HandleError) -> bool {
    matches!(error, HandleError::Database(DbError::Conflict))
}

/// The sample data of a demo form.
pub fn sample(slug: &str) -> Value {
    let path = format!(
        "{}/../../examples/forms/{slug}.submission.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
