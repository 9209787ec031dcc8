//! The module with its consumers and tasks on a real database, told things by events as in an installation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions, missing_docs)]

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
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

const TENANT: &str = "01943ffe-0680-7438-ae6b-a7bca9d37914";
const SERVICE: &str = "a5a9bf9f-7b5c-4aed-b020-5bf2d1ca75ab";
const APPLICATION: &str = "01957f1f-2370-770e-9132-1729a8e91419";
const OTHERS: ModuleInfo = ModuleInfo { name: "others", version: "0.1.0", title: "Others" };

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
        Ok(FileContent { size, range: 0..size, body: futures::stream::iter([Ok(Bytes::from_static(bytes))]).boxed() })
    }
}

fn tenancy() -> Tenancy {
    Tenancy::from_row(TENANT.parse::<TenantId>().unwrap())
}

impl Installation {
    async fn start(files: HashMap<Uuid, &'static [u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::load(None, &[("data_dir", folder.path().to_string_lossy().into_owned())]).unwrap();
        let events = config.events.clone();
        let platform = Arc::new(Platform::start(config, vec![INFO]).unwrap());
        platform
            .database
            .migrate(vec![(opencity_kernel::INFO, opencity_kernel::MIGRATIONS), (INFO, MIGRATIONS)])
            .await
            .unwrap();
        platform.sources.register("jobs", Arc::new(JobFiles(files)));
        let ctx = ModuleContext::new(Arc::clone(&platform), INFO);
        let module = Payments::new(ctx.clone()).unwrap();
        let (stop, stopped) = watch::channel(false);
        let mut runner = Runner::new(events, platform.bus.clone(), stopped);
        runner.start_relay(&platform.database).await.unwrap();
        runner.start(&platform.database, Arc::new(DirectoryConsumer)).await.unwrap();
        for consumer in module.consumers() {
            runner.start(&ctx.db, consumer).await.unwrap();
        }
        let others = platform.database.for_module(OTHERS);
        let installation = Self { platform, module, others, stop, _runner: runner, _folder: folder };
        installation
            .tell(Topic::Tenants, TENANT, 1, Change::created(), json!({"slug": "bugliano", "name": "Bugliano", "hosts": ["localhost"]}))
            .await;
        installation
    }

    async fn tell(&self, topic: Topic, id: &str, version: i64, change: Change, body: Value) {
        let id: Uuid = id.parse().unwrap();
        self.others
            .write::<_, DbError>(tenancy(), move |scope| {
                scope.emit(NewEvent::new(topic, "key", id, version, change, body)).map(|_| ())
            })
            .await
            .unwrap();
    }

    async fn events(&self, topic: Topic) -> Vec<Event> {
        read(&self.platform.database, Filter { after: 0, topics: vec![topic], limit: 10_000 }).await.unwrap()
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

#[tokio::test]
async fn an_application_is_charged_once_per_attempt_and_item_however_often_it_is_told() {
    let installation = Installation::start(HashMap::new()).await;
    let pending = || Change::status(Some("1000"), "1500");
    for version in [1, 2] {
        installation.tell(Topic::Applications, APPLICATION, version, pending(), application(version, payment_data(1))).await;
    }
    installation.tell(Topic::Applications, APPLICATION, 3, Change::republished(), application(3, payment_data(2))).await;
    installation.tell(Topic::Applications, APPLICATION, 4, Change::data(), application(4, payment_data(2))).await;
    installation.settled().await;
    let first = installation.events(Topic::Payments).await;
    let items: Vec<_> = first.iter().map(|event| event.payload["item"].as_str().unwrap()).collect();
    assert_eq!(items, ["amount", "stamp:0"]);
    assert!(first.iter().all(|event| event.key == SERVICE && event.payload["event_version"] == "2.0"));
    assert!(first.iter().all(|event| event.payload["change"]["to"] == "CREATION_PENDING" && event.aggregate_version == 1));

    installation.tell(Topic::Applications, APPLICATION, 5, pending(), application(5, payment_data(2))).await;
    installation.settled().await;
    assert_eq!(installation.events(Topic::Payments).await.len(), 4);
}

#[tokio::test]
async fn an_application_without_payment_data_makes_no_payment() {
    let installation = Installation::start(HashMap::new()).await;
    installation.tell(Topic::Applications, APPLICATION, 1, Change::status(None, "1500"), application(1, Value::Null)).await;
    installation.settled().await;
    assert!(installation.events(Topic::Payments).await.is_empty());
    assert!(installation.events(Topic::RetryQueue).await.is_empty());
}

#[tokio::test]
async fn the_present_form_of_every_payment_can_be_told_again() {
    let installation = Installation::start(HashMap::new()).await;
    installation.tell(Topic::Applications, APPLICATION, 1, Change::status(None, "1500"), application(1, payment_data(1))).await;
    installation.settled().await;
    assert_eq!(installation.module.republish(Topic::Payments).await.unwrap(), Some(2));
    assert_eq!(installation.module.republish(Topic::Jobs).await.unwrap(), None);
    installation.settled().await;
    let events = installation.events(Topic::Payments).await;
    assert_eq!(events.len(), 4);
    assert_eq!(events[2].change_type(), "republished");
    assert_eq!(events[2].payload["payment"], events[0].payload["payment"]);
    assert_eq!(events[2].aggregate_version, events[0].aggregate_version);
}

const FILE: &[u8] = b"notice_number;fiscal_code;amount;reason;created_at;expire_at\n\
301202400001234539;RSSMRA80A01H501U;50,50;Mensa scolastica marzo 2025;01-03-2025;30-04-2025\n\
301202400001234538;RSSMRA80A01H501U;50,50;Mensa scolastica aprile 2025;01-03-2025;30-04-2025\n\
302000000000000184;VRDGLI92M54F205A;10;Mensa scolastica marzo 2025;01-03-2025;30-04-2025\n\
301202400001234539;RSSMRA80A01H501U;50,50;Mensa scolastica marzo 2025;01-03-2025;30-04-2025\n";

fn job(id: Uuid, file: Uuid, status: &str) -> Value {
    json!({
        "type": "import_dovuti", "status": status, "args": {"service_id": SERVICE},
        "attachment": {"name": "dovuti.csv", "mime_type": "text/csv", "url": format!("https://localhost/lang/api/jobs/{file}/attachment"), "size": 1, "md5": "", "sha256": ""},
        "created_at": "2025-03-10T09:20:11+01:00", "updated_at": "2025-03-10T09:20:11+01:00",
    })
}

async fn service(installation: &Installation, kind: &str) {
    let body = json!({"tenant": TENANT, "slug": "mensa", "name": "Mensa", "kind": kind, "updated_at": "2025-03-10T09:20:11+01:00"});
    installation.tell(Topic::Services, SERVICE, 1, Change::created(), body).await;
}

async fn request(installation: &Installation, file: Uuid) -> Uuid {
    let id = Uuid::now_v7();
    installation.tell(Topic::Jobs, &id.to_string(), 1, Change::status(None, "pending"), job(id, file, "pending")).await;
    id
}

async fn text_of(installation: &Installation, file: Uuid) -> String {
    let content = installation.platform.sources.open(tenancy(), "payments", FileId::from_uuid(file)).await.unwrap();
    let pieces: Vec<Bytes> = content.body.map(Result::unwrap).collect().await;
    String::from_utf8(pieces.concat()).unwrap()
}

#[tokio::test]
async fn good_rows_of_a_file_become_dues_wrong_ones_are_reported_and_the_same_file_again_adds_nothing() {
    let file = Uuid::now_v7();
    let installation = Installation::start(HashMap::from([(file, FILE)])).await;
    service(&installation, "dues").await;
    let id = request(&installation, file).await;
    installation.import().await;

    let dues = installation.events(Topic::Payments).await;
    assert_eq!(dues.len(), 2);
    let due = &dues[0].payload;
    assert_eq!((due["status"].as_str(), due["payment"]["notice_code"].as_str()), (Some("PAYMENT_PENDING"), Some("301202400001234539")));
    assert_eq!(due["remote_id"], due["id"]);
    assert_eq!(due["links"]["online_payment_begin"]["url"], Value::Null);

    let told = installation.events(Topic::Jobs).await;
    let end = told.last().unwrap();
    assert_eq!(end.payload["status"], "finished");
    assert_eq!(end.payload["progress"], json!({"done": 4, "total": 4, "rejected": 1}));
    assert_eq!(end.payload["output"], json!({"added": 2, "known": 1, "rejected": 1}));
    assert!(end.payload["rejects"]["url"].as_str().unwrap().ends_with(&format!("/jobs/{id}/rejects")));
    let versions: Vec<i64> = told.iter().map(|event| event.aggregate_version).collect();
    assert_eq!(versions, (1..=told.len() as i64).collect::<Vec<_>>());
    let rejects = text_of(&installation, id).await;
    let lines: Vec<&str> = rejects.lines().collect();
    assert_eq!(lines[0], "line,reason,notice_number,fiscal_code,amount,reason,created_at,expire_at");
    assert!(lines[1].starts_with("3,") && lines[1].contains("notice_number takes 18 digits"), "{}", lines[1]);

    request(&installation, file).await;
    installation.import().await;
    assert_eq!(installation.events(Topic::Payments).await.len(), 2);
    let end = installation.events(Topic::Jobs).await.pop().unwrap();
    assert_eq!(end.payload["output"], json!({"added": 0, "known": 3, "rejected": 1}));
}

#[tokio::test]
async fn an_import_that_cannot_be_done_ends_as_failed_with_the_reason() {
    let (no_columns, good) = (Uuid::now_v7(), Uuid::now_v7());
    let files = HashMap::from([(no_columns, b"a;b\n1;2\n".as_slice()), (good, FILE)]);
    let installation = Installation::start(files).await;
    service(&installation, "dues").await;
    for (file, why) in [(no_columns, "notice_number"), (Uuid::now_v7(), "the file of the job is not there")] {
        request(&installation, file).await;
        installation.import().await;
        let end = installation.events(Topic::Jobs).await.pop().unwrap();
        assert_eq!(end.payload["status"], "failed");
        assert!(end.payload["output"]["error"].as_str().unwrap().contains(why));
    }
    let standard = Installation::start(HashMap::from([(good, FILE)])).await;
    service(&standard, "standard").await;
    request(&standard, good).await;
    standard.import().await;
    assert_eq!(standard.events(Topic::Jobs).await.pop().unwrap().payload["status"], "failed");
    assert!(standard.events(Topic::Payments).await.is_empty());
}

#[tokio::test]
async fn an_import_that_was_called_off_adds_nothing_and_says_nothing_more() {
    let file = Uuid::now_v7();
    let installation = Installation::start(HashMap::from([(file, FILE)])).await;
    service(&installation, "dues").await;
    let id = request(&installation, file).await;
    let cancelled = Change::status(Some("pending"), "cancelled");
    installation.tell(Topic::Jobs, &id.to_string(), 2, cancelled, job(id, file, "cancelled")).await;
    installation.import().await;
    assert!(installation.events(Topic::Payments).await.is_empty());
    assert_eq!(installation.events(Topic::Jobs).await.len(), 2);
}

#[tokio::test]
async fn a_long_file_goes_on_turn_by_turn_where_it_was() {
    let mut text = String::from("notice_number,fiscal_code,amount,reason,expire_at\n");
    for base in 0..2_345_u64 {
        let number = opencity_kernel::notice_number::NoticeNumber::compose(
            opencity_kernel::notice_number::NoticeKind::SingleStation,
            base,
        )
        .unwrap();
        text.push_str(&format!("{},RSSMRA80A01H501U,1,Mensa,2030-01-01\n", number.as_str()));
    }
    let file = Uuid::now_v7();
    let installation = Installation::start(HashMap::from([(file, &*text.leak().as_bytes())])).await;
    service(&installation, "dues").await;
    request(&installation, file).await;
    installation.settled().await;
    let task: Arc<dyn Task> = installation.module.tasks().remove(0);
    assert!(task.run().await.unwrap());
    let first_turn = installation.events(Topic::Payments).await.len();
    assert!((1..2_345).contains(&first_turn), "{first_turn}");
    while task.run().await.unwrap() {}
    assert_eq!(installation.events(Topic::Payments).await.len(), 2_345);
    let end = installation.events(Topic::Jobs).await.pop().unwrap();
    assert_eq!(end.payload["progress"], json!({"done": 2345, "total": 2345, "rejected": 0}));
}
