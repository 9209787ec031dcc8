//! The module with its server, its consumers and a real sandbox, in this process over real HTTP.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opencity_contracts::PaymentEvent;
use opencity_kernel::context::{ModuleContext, Platform};
use opencity_kernel::db::{Database, DbError, Tenancy};
use opencity_kernel::demo;
use opencity_kernel::events::{Change, Event, Filter, NewEvent, Redelivery, Topic, read};
use opencity_kernel::module::{Module, ModuleInfo};
use opencity_payment_proxy::{INFO, MIGRATIONS, PaymentProxy};
use opencity_testing::{Issuer, Running, Store, platform};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use uuid::Uuid;

/// The demo's service that is paid.
pub const SERVICE: &str = "b21c4429-95e4-45d5-930f-44eb74136625";
const OTHERS: ModuleInfo = ModuleInfo {
    name: "others",
    version: "0.1.0",
    title: "Others",
};
/// The longest that anything may take here.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct World {
    pub base: String,
    pub client: Client,
    sandbox: SocketAddr,
    staff_token: String,
    platform: Arc<Platform>,
    module: Arc<PaymentProxy>,
    others: Database,
    _running: Running,
    _sandbox_stop: oneshot::Sender<()>,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn start(store: Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = opencity_sandbox::Server::bind(opencity_sandbox::Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: folder.path().join("sandbox"),
            public_url: None,
        })
        .await
        .unwrap();
        let address = sandbox.local_addr();
        let (sandbox_stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(sandbox.run(async {
            stopped.await.ok();
        }));

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let settings = format!(
            r#"
            http = {{ public_url = "{base}", workers = 1 }}
            payment_proxy.sandbox = {{ base_url = "http://{address}", timeout_seconds = 2 }}
            "#
        );
        let platform = platform(INFO, MIGRATIONS, store, folder.path(), &settings).await;
        let ctx = ModuleContext::new(Arc::clone(&platform), INFO);
        let module = Arc::new(PaymentProxy::new(ctx).unwrap());
        let running = Running::whole(&platform, &*module).await;
        module.seed_demo().await.unwrap();
        module.seed_demo().await.unwrap();
        running.serve(listener, &platform, Arc::clone(&module) as Arc<dyn Module>);
        let others = platform.database.for_module(OTHERS);
        let administrator = Uuid::now_v7();
        let staff_token = Issuer::of(&platform.verifier).token(
            Self::tenancy().tenant_id(),
            administrator,
            "ROLE_ADMIN",
        );
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        let world = Self {
            base,
            client,
            sandbox: address,
            staff_token,
            platform,
            module,
            others,
            _running: running,
            _sandbox_stop: sandbox_stop,
            _folder: folder,
        };
        let tenant = demo::tenancy().unwrap().tenant_id().uuid();
        let body = json!({"slug": "comune-di-bugliano", "name": "Comune di Bugliano", "hosts": ["127.0.0.1"]});
        world
            .tell(Topic::Tenants, tenant, 1, Change::created(), body)
            .await;
        let body = json!({"role": "admin", "enabled": true, "username": "admin"});
        world
            .tell(Topic::Users, administrator, 1, Change::created(), body)
            .await;
        world
            .until("the directory", || async {
                world.platform.caught_up("kernel").await.unwrap()
            })
            .await;
        world
    }

    pub fn tenant(&self) -> Uuid {
        Self::tenancy().tenant_id().uuid()
    }

    /// What an administrator is answered.
    pub async fn staff(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let url = format!("{}/payment-proxy/sandbox/{path}", self.base);
        let mut request = self
            .client
            .request(method.parse().unwrap(), url)
            .bearer_auth(&self.staff_token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (got, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert_eq!(got, status, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn tenancy() -> Tenancy {
        demo::tenancy().unwrap()
    }

    pub async fn tell(&self, topic: Topic, id: Uuid, version: i64, change: Change, body: Value) {
        self.others
            .write::<_, DbError>(Self::tenancy(), move |scope| {
                scope
                    .emit(NewEvent::new(topic, SERVICE, id, version, change, body))
                    .map(|_| ())
            })
            .await
            .unwrap();
    }

    /// Delivers again the newest entry of the retry queue, as the RetryOrchestrator does when its time has come.
    pub async fn redeliver(&self, attempt: i64) {
        let entry = self.events(Topic::RetryQueue).await.pop().unwrap();
        let event = Redelivery::of(&entry.payload, json!({"attempt": attempt})).unwrap();
        self.others
            .write::<_, DbError>(Self::tenancy(), move |scope| scope.emit(event).map(|_| ()))
            .await
            .unwrap();
    }

    pub async fn events(&self, topic: Topic) -> Vec<Event> {
        read(
            &self.platform.database,
            Filter {
                after: 0,
                topics: vec![topic],
                limit: 10_000,
            },
        )
        .await
        .unwrap()
    }

    /// The states that events have told of a payment, in order, when all is told.
    pub async fn told(&self, id: Uuid) -> Vec<String> {
        self.settled().await;
        self.states(id).await
    }

    async fn states(&self, id: Uuid) -> Vec<String> {
        let events = self.events(Topic::Payments).await;
        let changes = events.iter().filter(|event| {
            event.entity == id && event.is_status_change() && event.retry_meta().is_none()
        });
        changes
            .map(|event| event.changed_to().unwrap().to_owned())
            .collect()
    }

    /// The newest event of a payment.
    pub async fn newest(&self, id: Uuid) -> Event {
        self.settled().await;
        let events = self.events(Topic::Payments).await;
        events
            .into_iter()
            .rfind(|event| event.entity == id)
            .unwrap()
    }

    /// Waits until something holds.
    pub async fn until<F: Future<Output = bool>>(&self, what: &str, holds: impl Fn() -> F) {
        let waiting = async {
            while !holds().await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("never: {what}"));
    }

    pub async fn until_state(&self, id: Uuid, state: &str) {
        self.until(state, || async {
            self.states(id)
                .await
                .last()
                .is_some_and(|last| last == state)
        })
        .await;
    }

    pub async fn until_retried(&self, entries: usize) {
        self.until("a retry", || async {
            self.events(Topic::RetryQueue).await.len() >= entries
        })
        .await;
    }

    /// Waits until all consumers have taken what was told.
    pub async fn settled(&self) {
        for _ in 0..3 {
            self.until("settled", || async {
                self.platform.caught_up("payment-proxy").await.unwrap()
            })
            .await;
        }
    }

    /// One turn of what is done by the clock.
    pub async fn tick(&self) {
        for task in self.module.tasks() {
            task.run().await.unwrap();
        }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap()
    }

    /// Where a link leads.
    pub async fn follow(&self, operation: &str, id: Uuid) -> String {
        let answer = self
            .get(&format!("/payment-proxy/sandbox/{operation}/{id}"))
            .await;
        assert_eq!(answer.status(), 302, "{operation}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// Presses a button of the sandbox's payment page.
    pub async fn press(&self, page: &str, action: &str) -> Response {
        let request = self
            .client
            .post(page)
            .header("Content-Type", "application/x-www-form-urlencoded");
        request
            .body(format!("action={action}"))
            .send()
            .await
            .unwrap()
    }

    pub async fn fault(&self, kind: &str, times: Option<u32>, millis: u64, operation: &str) {
        let fault = json!({"scope": "intermediary", "kind": kind, "times": times, "millis": millis, "operation": operation});
        let answer = self
            .client
            .put(format!("http://{}/_control/faults", self.sandbox))
            .json(&fault)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }

    pub async fn counter(&self, name: &str) -> u64 {
        let counters = self
            .client
            .get(format!("http://{}/_control/counters", self.sandbox))
            .send()
            .await
            .unwrap();
        let counters: Value = counters.json().await.unwrap();
        counters[name].as_u64().unwrap()
    }

    /// A payment that waits to be created.
    pub async fn request(&self, change: impl Fn(&mut Value)) -> Uuid {
        let id = Uuid::new_v4();
        let mut payment = payment(id);
        change(&mut payment);
        let status = payment["status"].as_str().unwrap().to_owned();
        self.tell(
            Topic::Payments,
            id,
            1,
            Change::status(None, &status),
            payment,
        )
        .await;
        id
    }

    /// A payment that the citizen can pay.
    pub async fn pending(&self) -> Uuid {
        let id = self.request(|_| ()).await;
        self.until_state(id, "PAYMENT_PENDING").await;
        id
    }

    /// A state of the application of a payment.
    pub async fn application(&self, id: Uuid, version: i64, status: &str, attempt: u32) {
        let body = json!({"status": status, "payment_data": {"attempt": attempt}});
        self.tell(
            Topic::Applications,
            id,
            version,
            Change::status(None, status),
            body,
        )
        .await;
    }
}

pub fn payment(id: Uuid) -> Value {
    let mut payment = PaymentEvent {
        id,
        kind: "PAGOPA".to_owned(),
        attempt: 1,
        ..PaymentEvent::default()
    };
    payment.service_id = SERVICE.parse().unwrap();
    payment.remote_id = Uuid::now_v7();
    payment.created_at = opencity_kernel::clock::now().utc();
    payment.updated_at = payment.created_at;
    payment.reason = Some("Occupazione di suolo pubblico".to_owned());
    payment.payment.currency = "EUR".to_owned();
    payment.payment.iud = PaymentEvent::iud_of(id);
    payment.payment.amount = Some("16.50".parse().unwrap());
    payment.payment.expire_at = Some("2099-12-31T22:59:59Z".parse().unwrap());
    payment.payer.tax_identification_number = "RSSMRA80A01H501U".to_owned();
    payment.payer.name = "Mario".to_owned();
    payment.payer.family_name = Some("Rossi".to_owned());
    payment.links.online_payment_landing.url =
        Some("https://servizi.example.it/lang/it/pratiche/1/detail".to_owned());
    serde_json::to_value(payment).unwrap()
}
