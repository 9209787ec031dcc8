//! From the event to the receiver: real database, the kernel's runner, a real HTTP server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

use std::sync::Arc;
use std::time::Duration;

use opencity_kernel::clock;
use opencity_kernel::config::Config;
use opencity_kernel::context::{ModuleContext, Platform};
use opencity_kernel::db::{DbError, Tenancy};
use opencity_kernel::events::lease::InstanceId;
use opencity_kernel::events::{Bus, Change, NewEvent, Runner, Topic};
use opencity_kernel::id::{TenantId, WebhookId};
use opencity_kernel::module::Module;
use opencity_kernel::problem::{Problem, ProblemKind};
use opencity_kernel::scheduler::Task;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::domain::{Secret, signature};
use crate::hooks::Wanted;
use crate::store::delivery::{self, Claim, DeliveryRow, Window};
use crate::store::webhook::WebhookRow;
use crate::tasks::Deliver;
use crate::{INFO, MIGRATIONS, Webhooks, deliveries};

/// A new database on the server of the tests.
fn postgres() -> String {
    use diesel::{Connection, RunQueryDsl};
    let server = std::env::var("OPENCITY_TEST_DATABASE_URL").expect(
        "OPENCITY_TEST_DATABASE_URL names no PostgreSQL server: run `make test`, or scripts/postgres start",
    );
    let name = format!("webhooks_{}", Uuid::new_v4().simple());
    let mut connection = diesel::PgConnection::establish(&server) // loose-ends: makes the database of a test
        .expect("the PostgreSQL server answers");
    diesel::sql_query(format!("CREATE DATABASE {name}"))
        .execute(&mut connection)
        .unwrap();
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

struct World {
    _folder: tempfile::TempDir,
    module: Webhooks,
    deliver: Deliver,
    bus: Bus,
    tenancy: Tenancy,
    service: Uuid,
    server: MockServer,
    _stop: watch::Sender<bool>,
    _runner: Runner,
}

fn module(folder: &tempfile::TempDir, settings: &str) -> Webhooks {
    let file = folder.path().join("config.toml");
    std::fs::write(&file, settings).unwrap();
    let data = folder.path().to_string_lossy().into_owned();
    let config = Config::load(Some(&file), &[("data_dir", data)]).unwrap();
    let platform = Platform::start(config, vec![INFO]).unwrap();
    Webhooks::new(ModuleContext::new(Arc::new(platform), INFO)).unwrap()
}

impl World {
    async fn new() -> Self {
        Self::with("[webhooks]\nschedule_seconds = [0, 0, 0]\n").await
    }

    async fn with(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let module = module(&folder, settings);
        let ctx = module.hooks.ctx.clone();
        ctx.db
            .migrate(vec![
                (opencity_kernel::INFO, opencity_kernel::MIGRATIONS),
                (INFO, MIGRATIONS),
            ])
            .await
            .unwrap();
        let (stop, stopped) = watch::channel(false);
        let bus = ctx.platform.bus.clone();
        let mut runner = Runner::new(ctx.platform.config.events.clone(), bus.clone(), stopped);
        runner.start_relay(&ctx.db).await.unwrap();
        for consumer in module.consumers() {
            runner.start(&ctx.db, consumer).await.unwrap();
        }
        let world = Self {
            deliver: module.deliver(),
            _folder: folder,
            module,
            bus,
            tenancy: Tenancy::from_row(TenantId::new()),
            service: Uuid::new_v4(),
            server: MockServer::start().await,
            _stop: stop,
            _runner: runner,
        };
        let body = json!({"slug": "suolo-pubblico", "name": "Suolo pubblico"});
        world
            .emit(NewEvent::new(
                Topic::Services,
                "t",
                world.service,
                1,
                Change::created(),
                body,
            ))
            .await;
        world
    }

    async fn emit(&self, event: NewEvent) {
        self.module
            .hooks
            .ctx
            .db
            .write::<_, DbError>(self.tenancy, move |scope| scope.emit(event))
            .await
            .unwrap();
        let db = &self.module.hooks.ctx.db;
        assert!(
            self.bus
                .caught_up(db, "webhooks", Duration::from_secs(20))
                .await
                .unwrap()
        );
    }

    async fn application(&self, id: Uuid, version: i64, change: Change, subject: &str) {
        let body = json!({
            "service_id": self.service, "tenant": self.tenancy.tenant_id(), "service": "suolo-pubblico",
            "subject": subject, "status": "2000", "data": {"applicant.data.name": "Maria"},
            "submission": {"applicant": {"data": {"name": "Maria"}}},
            "authentication": {"authentication_method": "spid"}, "links": [],
        });
        self.emit(NewEvent::new(
            Topic::Applications,
            self.service,
            id,
            version,
            change,
            body,
        ))
        .await;
    }

    fn wanted(&self, triggers: &[&str]) -> Wanted {
        Wanted {
            title: "Back office".to_owned(),
            endpoint: format!("{}/hook", self.server.uri()),
            triggers: triggers.iter().map(|name| (*name).to_owned()).collect(),
            filters: vec!["all".to_owned()],
            headers: [("Authorization".to_owned(), "Bearer abc".to_owned())].into(),
            active: true,
            version: 1,
        }
    }

    async fn make(&self, wanted: Wanted) -> Result<(WebhookRow, Secret), Problem> {
        let hooks = self.module.hooks.clone();
        let checked = hooks.check(self.tenancy, wanted).await?;
        hooks
            .ctx
            .db
            .clone()
            .write(self.tenancy, move |scope| hooks.create(scope, checked))
            .await
    }

    async fn answers(&self, template: ResponseTemplate, times: u64) {
        Mock::given(method("POST"))
            .and(path("/hook"))
            .respond_with(template)
            .up_to_n_times(times)
            .mount(&self.server)
            .await;
    }

    /// Sends what is due, and waits for the outcomes; one attempt of each.
    async fn send(&self) {
        self.deliver.run().await.unwrap();
        let all = u32::try_from(self.module.settings.calls).unwrap();
        drop(self.deliver.calls.acquire_many(all).await.unwrap());
    }

    async fn deliveries(&self, webhook: WebhookId) -> Vec<DeliveryRow> {
        let window = Window {
            after: None,
            offset: 0,
            limit: 100,
            newest_first: false,
        };
        self.module
            .hooks
            .ctx
            .db
            .read::<_, DbError>(self.tenancy, move |scope| {
                delivery::page(scope, webhook, None, &window)
            })
            .await
            .unwrap()
    }

    async fn received(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }
}

fn text<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).unwrap().to_str().unwrap()
}

fn is_signed_by(request: &Request, secret: &Secret) -> bool {
    let id = text(request, "webhook-id");
    let timestamp = text(request, "webhook-timestamp").parse().unwrap();
    let body = std::str::from_utf8(&request.body).unwrap();
    let expected = signature(std::slice::from_ref(secret), id, timestamp, body);
    text(request, "webhook-signature")
        .split(' ')
        .any(|item| item == expected)
}

#[tokio::test]
async fn the_receiver_gets_the_application_as_it_was_signed_with_the_secret() {
    let world = World::new().await;
    world.answers(ResponseTemplate::new(204), 10).await;
    let (webhook, secret) = world.make(world.wanted(&["2000"])).await.unwrap();
    let application = Uuid::new_v4();
    world
        .application(application, 1, Change::status(None, "2000"), "as it was")
        .await;
    world
        .application(application, 2, Change::data(), "as it is now")
        .await;
    world
        .application(application, 3, Change::republished(), "told again")
        .await;
    world
        .application(
            application,
            4,
            Change::status(Some("2000"), "4000"),
            "another state",
        )
        .await;
    world.send().await;

    let received = world.received().await;
    assert_eq!(received.len(), 1);
    let body: Value = received[0].body_json().unwrap();
    assert_eq!(body["subject"], "as it was");
    assert_eq!(body["service"], "suolo-pubblico");
    assert_eq!(body["data"], json!({"applicant.data.name": "Maria"}));
    assert!(
        body["links"][0]["url"]
            .as_str()
            .unwrap()
            .contains(&application.to_string())
    );
    assert!(is_signed_by(&received[0], &secret));
    assert_eq!(text(&received[0], "content-type"), "application/json");
    assert_eq!(text(&received[0], "authorization"), "Bearer abc");
    let rows = world.deliveries(webhook.id).await;
    assert_eq!(
        (rows.len(), rows[0].state.as_str(), rows[0].response_status),
        (1, "delivered", Some(204))
    );
    assert_eq!(text(&received[0], "webhook-id"), rows[0].id.to_string());
}

#[tokio::test]
async fn messages_payments_and_documents_reach_those_who_want_them_with_the_slug_of_the_service() {
    let world = World::new().await;
    world.answers(ResponseTemplate::new(200), 10).await;
    let (all, _) = world.make(world.wanted(&["all"])).await.unwrap();
    let (messages, _) = world
        .make(world.wanted(&["message_created"]))
        .await
        .unwrap();
    let other = Wanted {
        filters: vec![world.service.to_string()],
        ..world.wanted(&["payment_completed", "2000"])
    };
    let (payments, _) = world.make(other).await.unwrap();
    let (application, author) = (Uuid::new_v4(), Uuid::new_v4());
    let of_service = json!({"id": world.service, "type": "service"});
    let message = json!({
        "message": "x", "author_id": author, "related_entity_id": application, "related_entity_type": "application",
        "transmission_type": "inbound", "visibility": "applicant", "remote_collection": of_service,
    });
    world
        .emit(NewEvent::new(
            Topic::Messages,
            application,
            Uuid::new_v4(),
            1,
            Change::created(),
            message,
        ))
        .await;
    let payment =
        json!({"service_id": world.service, "remote_id": application, "status": "COMPLETE"});
    let paid = Change::status(Some("PAYMENT_STARTED"), "COMPLETE");
    world
        .emit(NewEvent::new(
            Topic::Payments,
            world.service,
            Uuid::new_v4(),
            3,
            paid,
            payment,
        ))
        .await;
    let document = json!({"remote_id": application, "remote_collection": of_service});
    let registered = Change::status(None, "REGISTRATION_COMPLETE");
    world
        .emit(NewEvent::new(
            Topic::Documents,
            application,
            Uuid::new_v4(),
            2,
            registered,
            document,
        ))
        .await;

    let fired = |rows: Vec<DeliveryRow>| {
        rows.into_iter()
            .map(|row| row.trigger_name)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        fired(world.deliveries(messages.id).await),
        ["message_created"]
    );
    assert_eq!(
        fired(world.deliveries(payments.id).await),
        ["payment_completed"]
    );
    let rows = world.deliveries(all.id).await;
    assert!(rows.iter().all(|row| {
        let body: Value = serde_json::from_str(&row.body).unwrap();
        body["service"] == "suolo-pubblico" && body["tenant"] == json!(world.tenancy.tenant_id())
    }));
    assert_eq!(
        fired(rows),
        [
            "message_created",
            "payment_completed",
            "document_registered"
        ]
    );
}

#[tokio::test]
async fn a_failure_is_tried_again_under_the_same_id_with_a_fresh_signature_until_no_attempt_is_left()
 {
    tried_until_no_attempt_is_left(World::new().await).await;
}

#[tokio::test]
async fn on_postgresql_too_a_failure_is_tried_again_until_no_attempt_is_left() {
    let settings = format!(
        "[webhooks]\nschedule_seconds = [0, 0, 0]\n[database]\nurl = \"{}\"\n",
        postgres()
    );
    tried_until_no_attempt_is_left(World::with(&settings).await).await;
}

async fn tried_until_no_attempt_is_left(world: World) {
    world.answers(ResponseTemplate::new(500), 3).await;
    let (webhook, secret) = world.make(world.wanted(&["2000"])).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
        .await;
    for attempts in 1..=3 {
        world.send().await;
        assert_eq!(world.deliveries(webhook.id).await[0].attempts, attempts);
    }
    world.send().await;
    let received = world.received().await;
    assert_eq!(received.len(), 3, "three attempts, no fourth");
    assert!(
        received
            .iter()
            .all(|request| text(request, "webhook-id") == text(&received[0], "webhook-id"))
    );
    assert!(
        received
            .iter()
            .all(|request| request.body == received[0].body && is_signed_by(request, &secret))
    );
    let failed = world.deliveries(webhook.id).await.remove(0);
    assert_eq!(
        (failed.state.as_str(), failed.response_status),
        ("failed", Some(500))
    );
    assert!(failed.error.unwrap().contains("500"));

    world.server.reset().await;
    world.answers(ResponseTemplate::new(200), 1).await;
    world
        .module
        .hooks
        .redeliver(world.tenancy, webhook.id, failed.id)
        .await
        .unwrap();
    world.send().await;
    assert_eq!(
        text(&world.received().await[0], "webhook-id"),
        failed.id.to_string()
    );
    assert_eq!(world.deliveries(webhook.id).await[0].state, "delivered");
}

#[tokio::test]
async fn the_wait_that_a_target_asks_for_is_kept() {
    let world = World::new().await;
    world
        .answers(
            ResponseTemplate::new(429).insert_header("Retry-After", "7200"),
            1,
        )
        .await;
    let (webhook, _) = world.make(world.wanted(&["2000"])).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
        .await;
    world.send().await;
    world.send().await;
    assert_eq!(world.received().await.len(), 1);
    let row = world.deliveries(webhook.id).await.remove(0);
    assert_eq!(row.state, "pending");
    assert_eq!(
        row.next_attempt_at
            .unwrap()
            .since(row.last_attempt_at.unwrap())
            .as_secs(),
        7200
    );
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let world = World::new().await;
    let elsewhere = format!("{}/elsewhere", world.server.uri());
    world
        .answers(
            ResponseTemplate::new(307).insert_header("Location", elsewhere.as_str()),
            1,
        )
        .await;
    let (webhook, _) = world.make(world.wanted(&["2000"])).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
        .await;
    world.send().await;
    assert!(
        world
            .received()
            .await
            .iter()
            .all(|request| request.url.path() == "/hook")
    );
    let row = world.deliveries(webhook.id).await.remove(0);
    assert_eq!(
        (row.state.as_str(), row.response_status),
        ("pending", Some(307))
    );
}

#[tokio::test]
async fn a_target_that_is_gone_switches_the_webhook_off_and_what_waits_is_kept() {
    let world = World::with("[webhooks]\ncalls = 1\nschedule_seconds = [0, 0]\n").await;
    world.answers(ResponseTemplate::new(410), 1).await;
    let (webhook, _) = world.make(world.wanted(&["2000"])).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "first")
        .await;
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "second")
        .await;
    world.send().await;
    let off = world
        .module
        .hooks
        .get(world.tenancy, webhook.id)
        .await
        .unwrap();
    assert!(!off.active && off.switched_off_at.is_some());
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "third")
        .await;
    let mut states: Vec<String> = world
        .deliveries(webhook.id)
        .await
        .into_iter()
        .map(|row| row.state)
        .collect();
    states.sort();
    assert_eq!(
        states,
        ["failed", "held"],
        "nothing is lost, and nothing new is made"
    );
    world.send().await;
    assert_eq!(world.received().await.len(), 1);

    world.answers(ResponseTemplate::new(200), 5).await;
    let hooks = &world.module.hooks;
    let checked = hooks
        .check(world.tenancy, world.wanted(&["2000"]))
        .await
        .unwrap();
    hooks.change(off, checked).await.unwrap();
    world.send().await;
    let mut states: Vec<String> = world
        .deliveries(webhook.id)
        .await
        .into_iter()
        .map(|row| row.state)
        .collect();
    states.sort();
    assert_eq!(states, ["delivered", "failed"]);
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_and_later_only_the_new_one() {
    let world = World::new().await;
    world.answers(ResponseTemplate::new(200), 10).await;
    let (webhook, old) = world.make(world.wanted(&["2000"])).await.unwrap();
    let (new, until) = world
        .module
        .hooks
        .rotate(world.tenancy, webhook.id)
        .await
        .unwrap();
    assert_eq!(until.since(clock::now()).as_secs() / 3600, 23, "a day");
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
        .await;
    world.send().await;
    let received = world.received().await;
    assert!(is_signed_by(&received[0], &old) && is_signed_by(&received[0], &new));
    assert_eq!(
        text(&received[0], "webhook-signature").split(' ').count(),
        2
    );

    let row = world
        .module
        .hooks
        .get(world.tenancy, webhook.id)
        .await
        .unwrap();
    let sealer = &world.module.hooks.ctx.platform.sealer;
    let later =
        crate::secrets::signing_secrets(sealer, &row, until.plus(Duration::from_secs(1))).unwrap();
    assert_eq!(
        signature(&later, "a", 1, "b"),
        signature(&[new], "a", 1, "b")
    );
}

#[tokio::test]
async fn a_delivery_that_a_dead_process_had_claimed_is_sent_by_another_one() {
    let world = World::new().await;
    world.answers(ResponseTemplate::new(200), 10).await;
    let (webhook, _) = world.make(world.wanted(&["2000"])).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
        .await;
    let claim = |holder: InstanceId, alone: bool, ahead: u64| {
        let claim = Claim {
            holder,
            alone,
            now: clock::now().plus(Duration::from_secs(ahead)),
            lease: Duration::from_secs(60),
        };
        let db = world.module.hooks.ctx.db.clone();
        async move {
            db.write_across::<_, DbError>("test", move |scope| {
                let due = delivery::due(scope, &claim)?;
                delivery::claim(scope, &claim, due, 8)
            })
            .await
            .unwrap()
            .len()
        }
    };
    let (dead, other) = (InstanceId::new(), InstanceId::new());
    assert_eq!(claim(dead, false, 0).await, 1);
    assert_eq!(claim(other, false, 30).await, 0, "the lease is not over");
    assert_eq!(claim(other, false, 61).await, 1, "now it is");
    // On SQLite no other process can live: what it claimed is free at once.
    world.send().await;
    assert_eq!(world.received().await.len(), 1);
    assert_eq!(world.deliveries(webhook.id).await[0].state, "delivered");
}

#[tokio::test]
async fn the_same_event_makes_one_delivery_however_often_it_is_taken() {
    let world = World::new().await;
    let (webhook, _) = world.make(world.wanted(&["all"])).await.unwrap();
    let (event, id) = (opencity_kernel::id::EventId::new(), webhook.id);
    for expected in [true, false] {
        let row = deliveries::new(
            &webhook,
            event,
            Uuid::new_v4().into(),
            "2000",
            &json!({}),
            clock::now(),
        )
        .unwrap();
        let inserted = world
            .module
            .hooks
            .ctx
            .db
            .write::<_, DbError>(world.tenancy, move |scope| delivery::insert(scope, &row))
            .await
            .unwrap();
        assert_eq!(inserted, expected);
    }
    assert_eq!(world.deliveries(id).await.len(), 1);
}

#[tokio::test]
async fn a_test_is_sent_once_also_while_the_webhook_is_off() {
    let world = World::new().await;
    world.answers(ResponseTemplate::new(500), 10).await;
    let off = Wanted {
        active: false,
        ..world.wanted(&["all"])
    };
    let (webhook, secret) = world.make(off).await.unwrap();
    let (hooks, id) = (world.module.hooks.clone(), webhook.id);
    hooks
        .ctx
        .db
        .clone()
        .write(world.tenancy, move |scope| hooks.test(scope, id))
        .await
        .unwrap();
    world.send().await;
    world.send().await;
    let received = world.received().await;
    assert_eq!(received.len(), 1);
    assert!(is_signed_by(&received[0], &secret));
    assert_eq!(
        received[0].body_json::<Value>().unwrap()["change"]["type"],
        "test"
    );
    assert_eq!(world.deliveries(id).await[0].state, "failed");
}

#[tokio::test]
async fn internal_targets_are_refused_at_save_and_at_send() {
    let world = World::new().await;
    world.answers(ResponseTemplate::new(200), 10).await;
    let (webhook, _) = world.make(world.wanted(&["2000"])).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
        .await;

    let folder = tempfile::tempdir().unwrap();
    let strict = module(&folder, "environment = \"production\"\n");
    for endpoint in [
        "http://127.0.0.1:1/",
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "http://[::1]/",
    ] {
        let wanted = Wanted {
            endpoint: endpoint.to_owned(),
            ..world.wanted(&["2000"])
        };
        let refused = strict.hooks.check(world.tenancy, wanted).await.unwrap_err();
        assert_eq!(refused.kind(), ProblemKind::TargetRefused, "{endpoint}");
    }
    let wanted = Wanted {
        endpoint: "http://8.8.8.8/".to_owned(),
        ..world.wanted(&["2000"])
    };
    let refused = strict.hooks.check(world.tenancy, wanted).await.unwrap_err();
    assert_eq!(
        refused.body("x")["errors"][0]["code"],
        "scheme",
        "personal data do not travel in the clear"
    );
    let strict = Deliver {
        client: strict.hooks.client.clone(),
        ..world.deliver.clone()
    };
    strict.run().await.unwrap();
    drop(strict.calls.acquire_many(8).await.unwrap());
    assert!(world.received().await.is_empty());
    let row = world.deliveries(webhook.id).await.remove(0);
    assert_eq!(row.response_status, None);
    assert!(row.error.unwrap().contains("not on the public Internet"));
}

#[tokio::test]
async fn every_fault_of_a_webhook_is_named() {
    let world = World::new().await;
    let wrong = Wanted {
        title: " ".to_owned(),
        endpoint: "not a URL".to_owned(),
        triggers: vec!["2001".to_owned()],
        filters: vec!["everything".to_owned()],
        headers: [("Host".to_owned(), "x".to_owned())].into(),
        active: true,
        version: 3,
    };
    let problem = world.make(wrong).await.err().unwrap();
    let body = problem.body("x");
    let fields: Vec<&str> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        [
            "title", "endpoint", "triggers", "filters", "headers", "version"
        ]
    );
    let unknown = Wanted {
        filters: vec![Uuid::new_v4().to_string()],
        ..world.wanted(&["all"])
    };
    assert_eq!(
        world.make(unknown).await.err().unwrap().kind(),
        ProblemKind::UnknownReference
    );
    let ftp = Wanted {
        endpoint: "ftp://example.org/".to_owned(),
        ..world.wanted(&["all"])
    };
    assert_eq!(
        world.make(ftp).await.err().unwrap().kind(),
        ProblemKind::Validation
    );
}

#[tokio::test]
async fn secrets_and_headers_are_not_readable_in_the_database() {
    use secrecy::ExposeSecret;
    let world = World::new().await;
    let (webhook, secret) = world.make(world.wanted(&["all"])).await.unwrap();
    assert!(
        !webhook
            .secret
            .contains(secret.reveal().expose_secret().trim_start_matches("whsec_"))
    );
    assert!(!webhook.headers.contains("Bearer"));
    assert_eq!(
        world.module.hooks.headers(&webhook).unwrap()["Authorization"],
        "Bearer abc"
    );
    let moved = WebhookRow {
        id: WebhookId::new(),
        ..webhook
    };
    assert!(
        world.module.hooks.headers(&moved).is_err(),
        "copied to another row they open nothing"
    );
}

#[tokio::test]
async fn a_slow_target_does_not_hide_the_others() {
    let world = World::with("[webhooks]\ncalls = 2\nschedule_seconds = [0, 0]\n").await;
    world.answers(ResponseTemplate::new(500), 100).await;
    Mock::given(path("/other"))
        .and(header("authorization", "Bearer abc"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&world.server)
        .await;
    let (_busy, _) = world.make(world.wanted(&["2000"])).await.unwrap();
    for _ in 0..5 {
        world
            .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
            .await;
    }
    let other = Wanted {
        endpoint: format!("{}/other", world.server.uri()),
        ..world.wanted(&["4000"])
    };
    let (other, _) = world.make(other).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "4000"), "x")
        .await;
    world.send().await;
    assert_eq!(
        world.deliveries(other.id).await[0].state,
        "delivered",
        "it came last and goes with the first"
    );
}

#[tokio::test]
async fn the_migrations_go_down_and_up_again() {
    let world = World::new().await;
    let db = &world.module.hooks.ctx.db;
    let before = db.logical_schema().await.unwrap();
    db.revert(vec![(INFO, MIGRATIONS)]).await.unwrap();
    assert!(
        !db.logical_schema()
            .await
            .unwrap()
            .iter()
            .any(|line| line.starts_with("webhooks_"))
    );
    db.migrate(vec![(INFO, MIGRATIONS)]).await.unwrap();
    assert_eq!(db.logical_schema().await.unwrap(), before);
}
