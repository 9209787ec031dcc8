//! A platform with the module, its consumers and its tasks, and what others tell it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use opencity_kernel::context::{FileSource, ModuleContext, Platform};
use opencity_kernel::db::{Database, DbError, Tenancy};
use opencity_kernel::events::{Change, Event, Filter, NewEvent, Topic, read};
use opencity_kernel::files::{FileContent, FileError};
use opencity_kernel::id::{FileId, TenantId};
use opencity_kernel::module::{Module, ModuleInfo};
use opencity_payments::{INFO, MIGRATIONS, Payments};
use opencity_testing::{Running, Store, platform};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const TENANT: &str = "01943ffe-0680-7438-ae6b-a7bca9d37914";
pub(crate) const SERVICE: &str = "a5a9bf9f-7b5c-4aed-b020-5bf2d1ca75ab";
pub(crate) const APPLICATION: &str = "01957f1f-2370-770e-9132-1729a8e91419";
const OTHERS: ModuleInfo = ModuleInfo {
    name: "others",
    version: "0.1.0",
    title: "Others",
};

pub(crate) struct Installation {
    pub(crate) platform: Arc<Platform>,
    pub(crate) module: Payments,
    others: Database,
    pub(crate) running: Running,
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

pub(crate) fn tenancy() -> Tenancy {
    Tenancy::from_row(TENANT.parse::<TenantId>().unwrap())
}

impl Installation {
    pub(crate) async fn start(store: Store, files: HashMap<Uuid, &'static [u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let platform = platform(INFO, MIGRATIONS, store, folder.path(), "").await;
        platform.sources.register("jobs", Arc::new(JobFiles(files)));
        let module = Payments::new(ModuleContext::new(Arc::clone(&platform), INFO)).unwrap();
        let running = Running::whole(&platform, &module).await;
        let others = platform.database.for_module(OTHERS);
        let installation = Self {
            platform,
            module,
            others,
            running,
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

    pub(crate) async fn tell(
        &self,
        topic: Topic,
        id: &str,
        version: i64,
        change: Change,
        body: Value,
    ) {
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

    pub(crate) async fn events(&self, topic: Topic) -> Vec<Event> {
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

    pub(crate) async fn settled(&self) {
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
    pub(crate) async fn import(&self) {
        self.settled().await;
        for task in self.module.tasks() {
            while task.run().await.unwrap() {}
        }
        self.settled().await;
    }
}

pub(crate) fn application(version: i64, payment_data: Value) -> Value {
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

pub(crate) fn payment_data(attempt: u32) -> Value {
    json!({
        "reason": "Suolo pubblico - 01957f1f", "amount": "16.50", "expire_at": "2025-06-08T10:20:11+02:00", "split": null,
        "stamps": [{"amount": "16.00", "collection_data": null, "reason": "Marca da bollo"}],
        "notify": {"url": "https://e.it/notify", "method": "POST"}, "landing": {"url": "https://e.it/landing", "method": "GET"},
        "config_id": "cf9ece67-1956-49c9-af89-a19120485fef", "attempt": attempt,
    })
}

pub(crate) async fn service(installation: &Installation, kind: &str) {
    let body = json!({"tenant": TENANT, "slug": "mensa", "name": "Mensa", "kind": kind, "updated_at": "2025-03-10T09:20:11+01:00"});
    installation
        .tell(Topic::Services, SERVICE, 1, Change::created(), body)
        .await;
}
