//! The module with its consumers and tasks on a real database, told things by events as in an installation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use opencity_kernel::config::Config;
use opencity_kernel::context::{FileSource, ModuleContext, Platform};
use opencity_kernel::db::{Database, DbError, Tenancy};
use opencity_kernel::directory::DirectoryConsumer;
use opencity_kernel::events::{Change, Event, Filter, NewEvent, Runner, Topic, read};
use opencity_kernel::files::{FileContent, FileError};
use opencity_kernel::id::{FileId, TenantId};
use opencity_kernel::module::{Module, ModuleInfo};
use opencity_kernel::scheduler::Task;
use opencity_payments::{INFO, MIGRATIONS, Payments};
use opencity_testing::{Issuer, Store, on_both_databases};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

const TENANT: &str = "01943ffe-0680-7438-ae6b-a7bca9d37914";
const SERVICE: &str = "a5a9bf9f-7b5c-4aed-b020-5bf2d1ca75ab";
const APPLICATION: &str = "01957f1f-2370-770e-9132-1729a8e91419";
const OTHERS: ModuleInfo = ModuleInfo {
    name: "others",
    version: "0.1.0",
    title: "Others",
};

struct Installation {
    platform: Arc<Platform>,
    module: Payments,
    others: Database,
    stop: watch::Sender<bool>,
    _runner: Runner,
    _folder: tempfile::TempDir,
}

struct JobFiles(HashMap<Uuid, &'static [u8]>);

#[async_trait]
impl FileSource for JobFiles {
    async fn open(&self, _tenancy: Tenancy, file: FileId) -> Result<FileContent, FileError> {
        let bytes = *self.0.get(&file.uuid()).ok_or(FileError::NotFound)?;
        let size = bytes.len() as u64;
        Ok(FileContent {
            size,
            range: 0..size,
            body: futures::stream::iter([Ok(Bytes::from_static(bytes))]).boxed(),
        })
    }
}

fn tenancy() -> Tenancy {
    Tenancy::from_row(TENANT.parse::<TenantId>().unwrap())
}

impl Installation {
    async fn start(store: Store, files: HashMap<Uuid, &'static [u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = [
            ("data_dir", folder.path().to_string_lossy().into_owned()),
            ("database.url", store.url(folder.path())),
        ];
        let config = Config::load(None, &settings).unwrap();
        let events = config.events.clone();
        let platform = Arc::new(Platform::start(config, vec![INFO]).unwrap());
        platform
            .database
            .migrate(vec![
                (opencity_kernel::INFO, opencity_kernel::MIGRATIONS),
                (INFO, MIGRATIONS),
            ])
            .await
            .unwrap();
        platform.sources.register("jobs", Arc::new(JobFiles(files)));
        let ctx = ModuleContext::new(Arc::clone(&platform), INFO);
        let module = Payments::new(ctx.clone()).unwrap();
        let (stop, stopped) = watch::channel(false);
        let mut runner = Runner::new(events, platform.bus.clone(), stopped);
        runner.start_relay(&platform.database).await.unwrap();
        runner
            .start(&platform.database, Arc::new(DirectoryConsumer))
            .await
            .unwrap();
        for consumer in module.consumers() {
            runner.start(&ctx.db, consumer).await.unwrap();
        }
        let others = platform.database.for_module(OTHERS);
        let installation = Self {
            platform,
            module,
            others,
            stop,
            _runner: runner,
            _folder: folder,
        };
        installation
            .tell(
                Topic::Tenants,
                TENANT,
                1,
                Change::created(),
                json!({"slug": "bugliano", "name": "Bugliano", "hosts": ["localhost"]}),
            )
            .await;
        installation
    }

    async fn tell(&self, topic: Topic, id: &str, version: i64, change: Change, body: Value) {
        let id: Uuid = id.parse().unwrap();
        self.others
            .write::<_, DbError>(tenancy(), move |scope| {
                scope
                    .emit(NewEvent::new(topic, "key", id, version, change, body))
                    .map(|_| ())
            })
            .await
            .unwrap();
    }

    async fn events(&self, topic: Topic) -> Vec<Event> {
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

    async fn settled(&self) {
        // What a consumer writes is read by others in turn.
        for _ in 0..3 {
            for module in ["payments", "kernel"] {
                let mut waited = 0;
                while !self.platform.caught_up(module).await.unwrap() {
                    waited += 1;
                    assert!(waited < 20, "{module} has not read to the end");
                }
            }
        }
    }

    /// Lets the import work until it has nothing more to do.
    async fn import(&self) {
        self.settled().await;
        for task in self.module.tasks() {
            while task.run().await.unwrap() {}
        }
        self.settled().await;
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

fn application(version: i64, payment_data: Value) -> Value {
    json!({
        "user": "5b00796e-ef10-8c98-b9f5-b0f7ffd7a17d", "service_id": SERVICE, "tenant": TENANT, "status": "1500",
        "status_name": "status_payment_pending", "updated_at": format!("2025-03-10T09:20:{version:02}+01:00"),
        "data": {
            "applicant.data.completename.data.name": "Mario", "applicant.data.completename.data.surname": "Rossi",
            "applicant.data.fiscal_code.data.fiscal_code": "RSSMRA80A01H501U",
        },
        "payment_data": payment_data,
    })
}

fn payment_data(attempt: u32) -> Value {
    json!({
        "reason": "Suolo pubblico - 01957f1f", "amount": "16.50", "expire_at": "2025-06-08T10:20:11+02:00", "split": null,
        "stamps": [{"amount": "16.00", "collection_data": null, "reason": "Marca da bollo"}],
        "notify": {"url": "https://e.it/notify", "method": "POST"}, "landing": {"url": "https://e.it/landing", "method": "GET"},
        "config_id": "cf9ece67-1956-49c9-af89-a19120485fef", "attempt": attempt,
    })
}

const FILE: &[u8] = b"notice_number;fiscal_code;amount;reason;created_at;expire_at\n\
301202400001234539;RSSMRA80A01H501U;50,50;Mensa scolastica marzo 2025;01-03-2025;30-04-2025\n\
301202400001234538;RSSMRA80A01H501U;50,50;Mensa scolastica aprile 2025;01-03-2025;30-04-2025\n\
302000000000000184;VRDGLI92M54F205A;10;Mensa scolastica marzo 2025;01-03-2025;30-04-2025\n\
301202400001234539;RSSMRA80A01H501U;50,50;Mensa scolastica marzo 2025;01-03-2025;30-04-2025\n";

fn job(file: Uuid, status: &str) -> Value {
    json!({
        "type": "import_dovuti", "status": status, "args": {"service_id": SERVICE},
        "attachment": {"name": "dovuti.csv", "mime_type": "text/csv", "url": format!("https://localhost/lang/api/jobs/{file}/attachment"), "size": 1, "md5": "", "sha256": ""},
        "created_at": "2025-03-10T09:20:11+01:00", "updated_at": "2025-03-10T09:20:11+01:00",
    })
}

async fn service(installation: &Installation, kind: &str) {
    let body = json!({"tenant": TENANT, "slug": "mensa", "name": "Mensa", "kind": kind, "updated_at": "2025-03-10T09:20:11+01:00"});
    installation
        .tell(Topic::Services, SERVICE, 1, Change::created(), body)
        .await;
}

async fn request(installation: &Installation, file: Uuid) -> Uuid {
    let id = Uuid::now_v7();
    installation
        .tell(
            Topic::Jobs,
            &id.to_string(),
            1,
            Change::status(None, "pending"),
            job(file, "pending"),
        )
        .await;
    id
}

async fn text_of(installation: &Installation, file: Uuid) -> String {
    let content = installation
        .platform
        .sources
        .open(tenancy(), "payments", FileId::from_uuid(file))
        .await
        .unwrap();
    let pieces: Vec<Bytes> = content.body.map(Result::unwrap).collect().await;
    String::from_utf8(pieces.concat()).unwrap()
}

/// More rows than one turn takes.
fn long_file() -> &'static [u8] {
    let mut text = String::from("notice_number,fiscal_code,amount,reason,expire_at\n");
    for base in 0..2_345_u64 {
        let number = opencity_kernel::notice_number::NoticeNumber::compose(
            opencity_kernel::notice_number::NoticeKind::SingleStation,
            base,
        )
        .unwrap();
        text.push_str(&format!(
            "{},RSSMRA80A01H501U,1,Mensa,2030-01-01\n",
            number.as_str()
        ));
    }
    text.leak().as_bytes()
}

/// Serves the module over HTTP.
struct Served {
    base: String,
    issuer: Issuer,
    client: reqwest::Client,
}

impl Served {
    fn start(installation: &Installation, stop: watch::Receiver<bool>, module: Payments) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!(
            "http://{}/lang/api/payments",
            listener.local_addr().unwrap()
        );
        let parts = opencity_kernel::http::ServerParts {
            platform: Arc::clone(&installation.platform),
            modules: vec![Arc::new(module)],
            metrics: metrics_exporter_prometheus::PrometheusBuilder::new()
                .build_recorder()
                .handle(),
            stop,
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            tokio::task::LocalSet::new()
                .block_on(
                    &runtime,
                    opencity_kernel::http::Server::run(listener, parts),
                )
                .unwrap();
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            base,
            issuer: Issuer::of(&installation.platform.verifier),
            client,
        }
    }

    async fn of(installation: &Installation) -> Self {
        let module =
            Payments::new(ModuleContext::new(Arc::clone(&installation.platform), INFO)).unwrap();
        Self::start(installation, installation.stop.subscribe(), module)
    }

    fn token(&self, user: Uuid, role: &str) -> String {
        self.issuer.token(TENANT.parse().unwrap(), user, role)
    }

    async fn list(&self, token: &str, remote: &str) -> (u16, Value) {
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

    async fn hand_in(&self, token: &str, key: &str, body: &Value) -> (u16, Value) {
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
async fn staff(installation: &Installation, change: Value) -> Uuid {
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

on_both_databases! {
    async fn an_application_is_charged_once_per_attempt_and_item_however_often_it_is_told(store) {
        let installation = Installation::start(store, HashMap::new()).await;
        let pending = || Change::status(Some("1000"), "1500");
        for version in [1, 2] {
            installation
                .tell(
                    Topic::Applications,
                    APPLICATION,
                    version,
                    pending(),
                    application(version, payment_data(1)),
                )
                .await;
        }
        installation
            .tell(
                Topic::Applications,
                APPLICATION,
                3,
                Change::republished(),
                application(3, payment_data(2)),
            )
            .await;
        installation
            .tell(
                Topic::Applications,
                APPLICATION,
                4,
                Change::data(),
                application(4, payment_data(2)),
            )
            .await;
        installation.settled().await;
        let first = installation.events(Topic::Payments).await;
        let items: Vec<_> = first
            .iter()
            .map(|event| event.payload["item"].as_str().unwrap())
            .collect();
        assert_eq!(items, ["amount", "stamp:0"]);
        assert!(
            first
                .iter()
                .all(|event| event.key == SERVICE && event.payload["event_version"] == "2.0")
        );
        assert!(
            first
                .iter()
                .all(|event| event.payload["change"]["to"] == "CREATION_PENDING"
                    && event.aggregate_version == 1)
        );

        installation
            .tell(
                Topic::Applications,
                APPLICATION,
                5,
                pending(),
                application(5, payment_data(2)),
            )
            .await;
        installation.settled().await;
        assert_eq!(installation.events(Topic::Payments).await.len(), 4);
    }

    async fn an_application_without_payment_data_makes_no_payment(store) {
        let installation = Installation::start(store, HashMap::new()).await;
        installation
            .tell(
                Topic::Applications,
                APPLICATION,
                1,
                Change::status(None, "1500"),
                application(1, Value::Null),
            )
            .await;
        installation.settled().await;
        assert!(installation.events(Topic::Payments).await.is_empty());
        assert!(installation.events(Topic::RetryQueue).await.is_empty());
    }

    async fn the_present_form_of_every_payment_can_be_told_again(store) {
        let installation = Installation::start(store, HashMap::new()).await;
        installation
            .tell(
                Topic::Applications,
                APPLICATION,
                1,
                Change::status(None, "1500"),
                application(1, payment_data(1)),
            )
            .await;
        installation.settled().await;
        assert_eq!(
            installation
                .module
                .republish(Topic::Payments)
                .await
                .unwrap(),
            Some(2)
        );
        assert_eq!(
            installation.module.republish(Topic::Jobs).await.unwrap(),
            None
        );
        installation.settled().await;
        let events = installation.events(Topic::Payments).await;
        assert_eq!(events.len(), 4);
        for again in &events[2..] {
            let first = events[..2].iter().find(|event| event.entity == again.entity).unwrap();
            assert_eq!(again.change_type(), "republished");
            assert_eq!(again.payload["payment"], first.payload["payment"]);
            assert_eq!(again.aggregate_version, first.aggregate_version);
        }
    }

    async fn an_import_that_cannot_be_done_ends_as_failed_with_the_reason(store) {
        let (no_columns, good) = (Uuid::now_v7(), Uuid::now_v7());
        let files = HashMap::from([(no_columns, b"a;b\n1;2\n".as_slice()), (good, FILE)]);
        let installation = Installation::start(store, files).await;
        service(&installation, "dues").await;
        for (file, why) in [
            (no_columns, "notice_number"),
            (Uuid::now_v7(), "the file of the job is not there"),
        ] {
            request(&installation, file).await;
            installation.import().await;
            let end = installation.events(Topic::Jobs).await.pop().unwrap();
            assert_eq!(end.payload["status"], "failed");
            assert!(
                end.payload["output"]["error"]
                    .as_str()
                    .unwrap()
                    .contains(why)
            );
        }
        let standard = Installation::start(store, HashMap::from([(good, FILE)])).await;
        service(&standard, "standard").await;
        request(&standard, good).await;
        standard.import().await;
        assert_eq!(
            standard.events(Topic::Jobs).await.pop().unwrap().payload["status"],
            "failed"
        );
        assert!(standard.events(Topic::Payments).await.is_empty());
    }

    async fn an_import_that_was_called_off_adds_nothing_and_says_nothing_more(store) {
        let file = Uuid::now_v7();
        let installation = Installation::start(store, HashMap::from([(file, FILE)])).await;
        service(&installation, "dues").await;
        let id = request(&installation, file).await;
        let cancelled = Change::status(Some("pending"), "cancelled");
        installation
            .tell(
                Topic::Jobs,
                &id.to_string(),
                2,
                cancelled,
                job(file, "cancelled"),
            )
            .await;
        installation.import().await;
        assert!(installation.events(Topic::Payments).await.is_empty());
        assert_eq!(installation.events(Topic::Jobs).await.len(), 2);
    }

    async fn a_long_file_goes_on_turn_by_turn_where_it_was(store) {
        let file = Uuid::now_v7();
        let installation = Installation::start(store, HashMap::from([(file, long_file())])).await;
        service(&installation, "dues").await;
        request(&installation, file).await;
        installation.settled().await;
        let task: Arc<dyn Task> = installation.module.tasks().remove(0);
        assert!(task.run().await.unwrap());
        installation.settled().await;
        let first_turn = installation.events(Topic::Payments).await.len();
        assert!((1..2_345).contains(&first_turn), "{first_turn}");
        while task.run().await.unwrap() {}
        installation.settled().await;
        assert_eq!(installation.events(Topic::Payments).await.len(), 2_345);
        let end = installation.events(Topic::Jobs).await.pop().unwrap();
        assert_eq!(
            end.payload["progress"],
            json!({"done": 2345, "total": 2345, "rejected": 0})
        );
    }

    async fn an_import_that_is_called_off_half_way_ends_as_cancelled_whoever_spoke_last(store) {
        let (file, text) = (Uuid::now_v7(), long_file());
        let installation = Installation::start(store, HashMap::from([(file, text)])).await;
        service(&installation, "dues").await;
        let id = request(&installation, file).await;
        installation.settled().await;
        let task: Arc<dyn Task> = installation.module.tasks().remove(0);
        assert!(task.run().await.unwrap());
        // `jobs` had heard of no progress yet when it called the import off.
        let cancelled = Change::status(Some("pending"), "cancelled");
        installation
            .tell(
                Topic::Jobs,
                &id.to_string(),
                2,
                cancelled,
                job(file, "cancelled"),
            )
            .await;
        installation.settled().await;
        let told = installation.events(Topic::Payments).await.len();
        assert!(!task.run().await.unwrap());
        assert_eq!(installation.events(Topic::Payments).await.len(), told);
        let newest = installation
            .events(Topic::Jobs)
            .await
            .into_iter()
            .max_by_key(|event| event.aggregate_version)
            .unwrap();
        assert_eq!(newest.payload["status"], "cancelled");
    }

    async fn payments_are_shown_to_their_citizen_and_to_those_who_may_view_the_application_only(store) {
        let installation = Installation::start(store, HashMap::new()).await;
        let served = Served::of(&installation).await;
        let (office, linked) = (Uuid::now_v7(), Uuid::now_v7());
        let body = json!({"tenant": TENANT, "slug": "suolo", "name": "Suolo", "user_group_ids": [linked], "updated_at": "2025-03-10T09:20:11+01:00"});
        installation
            .tell(Topic::Services, SERVICE, 1, Change::created(), body)
            .await;
        let assigned = staff(&installation, json!({})).await;
        let mut event = application(1, payment_data(1));
        event["user_group_id"] = json!(office);
        event["operator_id"] = json!(assigned);
        installation
            .tell(
                Topic::Applications,
                APPLICATION,
                1,
                Change::status(Some("1000"), "1500"),
                event,
            )
            .await;
        let owner: Uuid = "5b00796e-ef10-8c98-b9f5-b0f7ffd7a17d".parse().unwrap();
        let callers = [
            (owner, "ROLE_CPS_USER", true),
            (Uuid::now_v7(), "ROLE_CPS_USER", false),
            (assigned, "ROLE_OPERATORE", true),
            (
                staff(&installation, json!({})).await,
                "ROLE_OPERATORE",
                false,
            ),
            (
                staff(&installation, json!({"enabled_services_ids": [SERVICE]})).await,
                "ROLE_OPERATORE",
                true,
            ),
            (
                staff(&installation, json!({"user_groups_ids": [office]})).await,
                "ROLE_OPERATORE",
                true,
            ),
            (
                staff(&installation, json!({"user_groups_ids": [linked]})).await,
                "ROLE_OPERATORE",
                true,
            ),
            (
                staff(&installation, json!({"user_groups_ids": [Uuid::now_v7()]})).await,
                "ROLE_OPERATORE",
                false,
            ),
            (
                staff(&installation, json!({"system_user": true})).await,
                "ROLE_OPERATORE",
                true,
            ),
            (
                staff(&installation, json!({"role": "admin"})).await,
                "ROLE_ADMIN",
                true,
            ),
        ];
        // Asked at once: the answer waits for what was told before.
        for (place, (user, role, sees)) in callers.into_iter().enumerate() {
            let (status, body) = served.list(&served.token(user, role), APPLICATION).await;
            assert_eq!(
                status,
                if sees { 200 } else { 404 },
                "caller {place}: {body}"
            );
            if sees {
                assert_eq!(body.as_array().unwrap().len(), 2);
                assert_eq!(body[0]["tenant_id"], TENANT);
            }
        }
        let unknown = Uuid::now_v7().to_string();
        assert_eq!(
            served
                .list(&served.token(owner, "ROLE_CPS_USER"), &unknown)
                .await
                .0,
            404
        );
        assert_eq!(
            served
                .list(&served.token(owner, "ROLE_CPS_USER"), "x")
                .await
                .0,
            400
        );
        assert_eq!(served.list("x", APPLICATION).await.0, 401);
    }

    async fn a_due_is_handed_in_once_per_service_and_notice_number(store) {
        let installation = Installation::start(store, HashMap::new()).await;
        let served = Served::of(&installation).await;
        service(&installation, "dues").await;
        let admin = served.token(
            staff(&installation, json!({"role": "admin"})).await,
            "ROLE_ADMIN",
        );
        let body = json!({
            "service_id": SERVICE, "reason": "Mensa", "amount": 50.5, "expire_at": "2030-04-30T23:59:59+02:00",
            "notice_code": "301202400001234539", "payer": {"tax_identification_number": "RSSMRA80A01H501U", "name": "Mario"}
        });
        let (status, made) = served.hand_in(&admin, "one", &body).await;
        assert_eq!(
            (status, made["status"].as_str()),
            (201, Some("PAYMENT_PENDING")),
            "{made}"
        );
        assert_eq!(
            served.hand_in(&admin, "one", &body).await,
            (201, made.clone())
        );
        let (status, refused) = served.hand_in(&admin, "two", &body).await;
        assert_eq!(
            (status, refused["code"].as_str()),
            (409, Some("already-exists"))
        );
        installation.settled().await;
        assert_eq!(installation.events(Topic::Payments).await.len(), 1);

        let (status, shown) = served.list(&admin, made["id"].as_str().unwrap()).await;
        assert_eq!(
            (status, shown[0]["payment"]["notice_code"].as_str()),
            (200, Some("301202400001234539"))
        );
        let citizen = Uuid::parse_str(made["user_id"].as_str().unwrap()).unwrap();
        assert_eq!(
            served
                .list(
                    &served.token(citizen, "ROLE_CPS_USER"),
                    made["id"].as_str().unwrap()
                )
                .await
                .0,
            200
        );

        let mut without_number = body.clone();
        without_number["notice_code"] = Value::Null;
        assert_eq!(
            served.hand_in(&admin, "three", &without_number).await.1["status"],
            "CREATION_PENDING"
        );
        let mut unknown = body.clone();
        unknown["service_id"] = json!(Uuid::new_v4());
        assert_eq!(
            served.hand_in(&admin, "four", &unknown).await.1["code"],
            "unknown-reference"
        );
        let operator = served.token(staff(&installation, json!({})).await, "ROLE_OPERATORE");
        assert_eq!(served.hand_in(&operator, "five", &body).await.0, 403);
        let system = served.token(
            staff(&installation, json!({"system_user": true})).await,
            "ROLE_OPERATORE",
        );
        assert_eq!(served.hand_in(&system, "six", &body).await.0, 409);
    }

    async fn good_rows_of_a_file_become_dues_wrong_ones_are_reported_and_the_same_file_again_adds_nothing(store) {
        let file = Uuid::now_v7();
        let installation = Installation::start(store, HashMap::from([(file, FILE)])).await;
        service(&installation, "dues").await;
        let id = request(&installation, file).await;
        installation.import().await;

        let dues = installation.events(Topic::Payments).await;
        assert_eq!(dues.len(), 2);
        let due = &dues[0].payload;
        assert_eq!(
            (
                due["status"].as_str(),
                due["payment"]["notice_code"].as_str()
            ),
            (Some("PAYMENT_PENDING"), Some("301202400001234539"))
        );
        assert_eq!(due["remote_id"], due["id"]);
        assert_eq!(due["links"]["online_payment_begin"]["url"], Value::Null);

        let told = installation.events(Topic::Jobs).await;
        let end = told.last().unwrap();
        assert_eq!(end.payload["status"], "finished");
        assert_eq!(
            end.payload["progress"],
            json!({"done": 4, "total": 4, "rejected": 1})
        );
        assert_eq!(
            end.payload["output"],
            json!({"added": 2, "known": 1, "rejected": 1})
        );
        assert!(
            end.payload["rejects"]["url"]
                .as_str()
                .unwrap()
                .ends_with(&format!("/jobs/{id}/rejects"))
        );
        let versions: Vec<i64> = told.iter().map(|event| event.aggregate_version).collect();
        assert_eq!(versions, (1..=told.len() as i64).collect::<Vec<_>>());
        let rejects = text_of(&installation, id).await;
        let lines: Vec<&str> = rejects.lines().collect();
        assert_eq!(
            lines[0],
            "line,reason,notice_number,fiscal_code,amount,reason,created_at,expire_at"
        );
        assert!(
            lines[1].starts_with("3,") && lines[1].contains("notice_number takes 18 digits"),
            "{}",
            lines[1]
        );

        request(&installation, file).await;
        installation.import().await;
        assert_eq!(installation.events(Topic::Payments).await.len(), 2);
        let end = installation.events(Topic::Jobs).await.pop().unwrap();
        assert_eq!(
            end.payload["output"],
            json!({"added": 0, "known": 3, "rejected": 1})
        );
    }
}
