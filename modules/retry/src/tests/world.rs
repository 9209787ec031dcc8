//! A consumer that fails when it is told to, with the module that keeps what it cannot take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use opencity_kernel::db::{Database, DbError, Tenancy, WriteScope};
use opencity_kernel::events::{
    Bus, Change, Consumer, Event, Failure, HandleError, NewEvent, Next, Topic,
};
use opencity_kernel::id::TenantId;
use opencity_kernel::module::ModuleInfo;
use opencity_kernel::scheduler::Task;
use opencity_testing::{Running, Store, platform};
use serde_json::json;
use uuid::Uuid;

use crate::store::entry::{self, EntryFilter};
use crate::tasks::Redeliver;
use crate::{DeadLetter, DeadLetters, Filter, INFO, MIGRATIONS, Schedule, Window, consumers};

const VICTIM: ModuleInfo = ModuleInfo {
    name: "victim",
    version: "0.0.0",
    title: "Victim",
};

/// Takes applications, but for those that it was told to fail on, so many times.
#[derive(Clone, Default)]
pub(super) struct Victim {
    failures: Arc<Mutex<HashMap<i64, (u32, bool)>>>,
    taken: Arc<Mutex<Vec<i64>>>,
    pub(super) given_up: Arc<Mutex<Vec<i64>>>,
    pub(super) tried: Arc<Mutex<u32>>,
}

impl Victim {
    pub(super) fn fails_on(&self, version: i64, times: u32, permanent: bool) {
        self.failures
            .lock()
            .unwrap()
            .insert(version, (times, permanent));
    }
    pub(super) fn taken(&self) -> Vec<i64> {
        self.taken.lock().unwrap().clone()
    }
}

#[async_trait]
impl Consumer for Victim {
    fn name(&self) -> &'static str {
        "victim.consumer"
    }
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Applications]
    }
    fn handle(&self, _scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        if let Some((times, permanent)) = self
            .failures
            .lock()
            .unwrap()
            .get_mut(&event.aggregate_version)
            && *times > 0
        {
            *times -= 1;
            *self.tried.lock().unwrap() += 1;
            return Err(if *permanent {
                HandleError::permanent("poisoned", "it can never be taken")
            } else {
                HandleError::temporary("away", "the other side is away")
            });
        }
        self.taken.lock().unwrap().push(event.aggregate_version);
        Ok(Next::Done)
    }
    fn give_up(
        &self,
        _scope: &mut WriteScope<'_>,
        event: &Event,
        _failure: &Failure,
    ) -> Result<(), HandleError> {
        self.given_up.lock().unwrap().push(event.aggregate_version);
        Ok(())
    }
}

pub(super) struct World {
    _folder: tempfile::TempDir,
    pub(super) db: Database,
    bus: Bus,
    pub(super) victim: Victim,
    pub(super) letters: DeadLetters,
    task: Redeliver,
    pub(super) tenancy: Tenancy,
    pub(super) entity: Uuid,
    _running: Running,
}

impl World {
    /// A schedule of so many attempts, each after this wait.
    pub(super) async fn new(attempts: i64, wait_seconds: u64) -> Self {
        Self::on(Store::Sqlite, attempts, wait_seconds).await
    }

    pub(super) async fn on(store: Store, attempts: i64, wait_seconds: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = "events.poll_ms = 20";
        let platform = platform(INFO, MIGRATIONS, store, folder.path(), settings).await;
        let db = platform.database.for_module(INFO);
        let schedule = Schedule::new(&[wait_seconds], attempts, 20).unwrap();
        let victim = Victim::default();
        let queue = consumers::Queue {
            schedule: schedule.clone(),
        };
        let mut running = Running::relay(&platform).await;
        running
            .start(&db.for_module(VICTIM), Arc::new(victim.clone()))
            .await;
        running.start(&db, Arc::new(queue)).await;
        Self {
            letters: DeadLetters::new(&db, &schedule),
            task: Redeliver {
                db: db.clone(),
                every: Duration::from_secs(1),
                batch: 10,
            },
            tenancy: Tenancy::from_row(TenantId::new()),
            entity: Uuid::new_v4(),
            _folder: folder,
            _running: running,
            db,
            bus: platform.bus.clone(),
            victim,
        }
    }

    pub(super) async fn emit(&self, version: i64) {
        let entity = self.entity;
        self.db
            .write::<_, DbError>(self.tenancy, move |scope| {
                let body = json!({"data": {"applicant.name": "Maria"}});
                scope.emit(NewEvent::new(
                    Topic::Applications,
                    "service",
                    entity,
                    version,
                    Change::data(),
                    body,
                ))
            })
            .await
            .unwrap();
        self.consumers_are_done().await;
    }

    /// All events are taken, those that the consumers wrote about them included.
    pub(super) async fn consumers_are_done(&self) {
        for module in ["victim", "retry", "victim", "retry"] {
            assert!(
                self.bus
                    .caught_up(&self.db, module, Duration::from_secs(20))
                    .await
                    .unwrap(),
                "{module} is stuck"
            );
        }
    }

    /// Delivers what is due, once.
    pub(super) async fn redeliver(&self) {
        self.task.run().await.unwrap();
        self.consumers_are_done().await;
    }

    /// What was parked is drained after the commit that freed its key.
    pub(super) async fn taken_all(&self, versions: &[i64]) {
        let drained = async {
            while self.victim.taken().len() < versions.len() {
                tokio::task::yield_now().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(20), drained).await;
        assert_eq!(self.victim.taken(), versions);
    }

    pub(super) async fn letters(&self) -> Vec<DeadLetter> {
        let window = Window {
            after: None,
            offset: 0,
            limit: 10,
            newest_first: false,
        };
        self.letters
            .list(Filter::default(), window)
            .await
            .unwrap()
            .1
    }

    pub(super) async fn waiting(&self) -> Vec<entry::EntryRow> {
        let window = Window {
            after: None,
            offset: 0,
            limit: 10,
            newest_first: false,
        };
        self.db
            .read_across("test", move |scope| {
                entry::page(scope, &EntryFilter::default(), &window)
            })
            .await
            .unwrap()
    }
}
