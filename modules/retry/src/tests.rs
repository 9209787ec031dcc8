//! The whole way of an event that fails, on a real database with the kernel's runner.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use opencity_kernel::ProblemKind;
use opencity_kernel::db::{Database, DatabaseSettings, DbError, Tenancy, WriteScope};
use opencity_kernel::events::{
    Bus, Change, Consumer, Event, Failure, HandleError, NewEvent, Next, Runner, RunnerSettings,
    Topic,
};
use opencity_kernel::id::TenantId;
use opencity_kernel::module::ModuleInfo;
use opencity_kernel::scheduler::Task;
use serde_json::json;
use tokio::sync::watch;
use uuid::Uuid;

use crate::store::entry::{self, EntryFilter};
use crate::tasks::Redeliver;
use crate::{
    DeadLetter, DeadLetters, Filter, INFO, MIGRATIONS, Schedule, State, Window, consumers,
};

const VICTIM: ModuleInfo = ModuleInfo {
    name: "victim",
    version: "0.0.0",
    title: "Victim",
};

/// Takes applications, but for those that it was told to fail on, so many times.
#[derive(Clone, Default)]
struct Victim {
    failures: Arc<Mutex<HashMap<i64, (u32, bool)>>>,
    taken: Arc<Mutex<Vec<i64>>>,
    given_up: Arc<Mutex<Vec<i64>>>,
    tried: Arc<Mutex<u32>>,
}

impl Victim {
    fn fails_on(&self, version: i64, times: u32, permanent: bool) {
        self.failures
            .lock()
            .unwrap()
            .insert(version, (times, permanent));
    }
    fn taken(&self) -> Vec<i64> {
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

struct World {
    _folder: tempfile::TempDir,
    db: Database,
    bus: Bus,
    victim: Victim,
    letters: DeadLetters,
    task: Redeliver,
    tenancy: Tenancy,
    entity: Uuid,
    _stop: watch::Sender<bool>,
    _runner: Runner,
}

/// A new database on the server of the tests.
fn postgres() -> String {
    use diesel::{Connection, RunQueryDsl};
    let server = std::env::var("OPENCITY_TEST_DATABASE_URL").expect(
        "OPENCITY_TEST_DATABASE_URL names no PostgreSQL server: run `make test`, or scripts/postgres start",
    );
    let name = format!("retry_{}", Uuid::new_v4().simple());
    let mut connection = diesel::PgConnection::establish(&server) // loose-ends: makes the database of a test
        .expect("the PostgreSQL server answers");
    diesel::sql_query(format!("CREATE DATABASE {name}"))
        .execute(&mut connection)
        .unwrap();
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

fn sqlite(folder: &tempfile::TempDir) -> String {
    folder
        .path()
        .join("test.sqlite")
        .to_string_lossy()
        .into_owned()
}

async fn database(url: String) -> Database {
    let settings = DatabaseSettings {
        url: url.into(),
        pool_size: 8,
        statement_timeout_seconds: 5,
        busy_timeout_ms: 5000,
        group_commit: 8,
    };
    let db = Database::open(&settings, INFO).unwrap();
    db.migrate(vec![
        (opencity_kernel::INFO, opencity_kernel::MIGRATIONS),
        (INFO, MIGRATIONS),
    ])
    .await
    .unwrap();
    db
}

impl World {
    /// A schedule of so many attempts, each after this wait.
    async fn new(attempts: i64, wait_seconds: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::on(sqlite(&folder), folder, attempts, wait_seconds).await
    }

    async fn on(url: String, folder: tempfile::TempDir, attempts: i64, wait_seconds: u64) -> Self {
        let db = database(url).await;
        let schedule = Schedule::new(&[wait_seconds], attempts, 20).unwrap();
        let (stop, stopped) = watch::channel(false);
        let bus = Bus::default();
        let settings: RunnerSettings = serde_json::from_value(json!({
            "carrier": "embedded", "batch": 64, "poll_ms": 20, "lease_seconds": 5, "call_lease_seconds": 90,
            "calls": 2, "replica_wait_ms": 2000,
        }))
        .unwrap();
        let mut runner = Runner::new(settings, bus.clone(), stopped);
        let victim = Victim::default();
        runner.start_relay(&db).await.unwrap();
        runner
            .start(&db.for_module(VICTIM), Arc::new(victim.clone()))
            .await
            .unwrap();
        runner
            .start(
                &db,
                Arc::new(consumers::Queue {
                    schedule: schedule.clone(),
                }),
            )
            .await
            .unwrap();
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
            _stop: stop,
            _runner: runner,
            db,
            bus,
            victim,
        }
    }

    async fn emit(&self, version: i64) {
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
    async fn consumers_are_done(&self) {
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
    async fn redeliver(&self) {
        self.task.run().await.unwrap();
        self.consumers_are_done().await;
    }

    /// What was parked is drained after the commit that freed its key.
    async fn taken_all(&self, versions: &[i64]) {
        let drained = async {
            while self.victim.taken().len() < versions.len() {
                tokio::task::yield_now().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(20), drained).await;
        assert_eq!(self.victim.taken(), versions);
    }

    async fn letters(&self) -> Vec<DeadLetter> {
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

    async fn waiting(&self) -> Vec<entry::EntryRow> {
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

#[tokio::test]
async fn an_event_that_fails_for_a_while_is_taken_later_and_those_behind_it_keep_their_order() {
    let world = World::new(10, 0).await;
    world.victim.fails_on(1, 3, false);
    world.emit(1).await;
    world.emit(2).await;
    assert_eq!(
        world.victim.taken(),
        [] as [i64; 0],
        "the second one waits behind the first"
    );
    for attempt in 1..=3 {
        assert_eq!(world.waiting().await[0].attempt, attempt);
        world.redeliver().await;
    }
    world.emit(3).await;
    world.taken_all(&[1, 2, 3]).await;
    assert!(world.waiting().await.is_empty() && world.letters().await.is_empty());
}

#[tokio::test]
async fn nothing_is_delivered_before_its_time() {
    let world = World::new(10, 3600).await;
    world.victim.fails_on(1, 1, false);
    world.emit(1).await;
    world.redeliver().await;
    assert_eq!(world.victim.taken(), [] as [i64; 0]);
    let waiting = world.waiting().await;
    let wait = waiting[0]
        .next_attempt_at
        .since(waiting[0].created_at)
        .as_secs();
    assert!(
        (2880..=4320).contains(&wait),
        "an hour, a fifth more or less, not {wait} s"
    );
}

#[tokio::test]
async fn when_the_attempts_are_used_up_it_is_a_dead_letter_and_a_redrive_brings_it_through() {
    to_a_dead_letter_and_back(World::new(2, 0).await).await;
}

#[tokio::test]
async fn on_postgresql_too_it_becomes_a_dead_letter_and_is_redriven() {
    to_a_dead_letter_and_back(World::on(postgres(), tempfile::tempdir().unwrap(), 2, 0).await)
        .await;
}

async fn to_a_dead_letter_and_back(world: World) {
    world.victim.fails_on(1, 3, false);
    world.emit(1).await;
    world.redeliver().await;
    world.redeliver().await;
    let letters = world.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].state, letters[0].attempts, letters[0].permanent),
        (State::Dead, 2, true)
    );
    assert_eq!(
        *world.victim.given_up.lock().unwrap(),
        [1],
        "the consumer was told, once"
    );
    world.redeliver().await;
    assert_eq!(
        *world.victim.tried.lock().unwrap(),
        3,
        "nobody tries it by itself"
    );

    world
        .letters
        .redrive(letters[0].id, "an administrator")
        .await
        .unwrap();
    world.consumers_are_done().await;
    assert_eq!(world.victim.taken(), [1]);
    let letter = world.letters.get(letters[0].id).await.unwrap();
    assert_eq!(letter.letter.state, State::Redriven);
    assert_eq!(
        (
            letter.decisions[0].action.as_str(),
            letter.decisions[0].decided_by.as_str()
        ),
        ("redrive", "an administrator")
    );
    assert_eq!(letter.event["data"]["applicant.name"], "Maria");
    let again = world
        .letters
        .redrive(letters[0].id, "an administrator")
        .await
        .unwrap_err();
    assert_eq!(again.kind(), ProblemKind::Conflict);
}

#[tokio::test]
async fn a_redriven_event_has_all_its_attempts_again_and_dies_as_the_same_letter() {
    let world = World::new(2, 0).await;
    world.victim.fails_on(1, 6, false);
    world.emit(1).await;
    world.redeliver().await;
    world.redeliver().await;
    let letter = world.letters().await[0].id;
    world.letters.redrive(letter, "somebody").await.unwrap();
    world.consumers_are_done().await;
    world.redeliver().await;
    world.redeliver().await;
    let letters = world.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].id, letters[0].state), (letter, State::Dead));
    assert_eq!(
        *world.victim.tried.lock().unwrap(),
        6,
        "three times, twice over"
    );
    world.letters.redrive(letter, "somebody").await.unwrap();
    world.consumers_are_done().await;
    assert_eq!(world.victim.taken(), [1]);
}

#[tokio::test]
async fn a_queue_that_is_read_again_does_not_undo_a_decision() {
    let world = World::new(10, 0).await;
    world.victim.fails_on(1, 1, true);
    world.emit(1).await;
    let letter = world.letters().await[0].id;
    let entry = world.letters.get(letter).await.unwrap().event;
    world
        .letters
        .discard(letter, "a test sent it", "somebody")
        .await
        .unwrap();
    let entity = world.entity;
    world
        .db
        .write::<_, DbError>(world.tenancy, move |scope| {
            scope.emit(NewEvent::new(
                Topic::RetryQueue,
                entity,
                entity,
                1,
                Change::data(),
                entry,
            ))
        })
        .await
        .unwrap();
    world.consumers_are_done().await;
    let letters = world.letters().await;
    assert_eq!((letters.len(), letters[0].state), (1, State::Discarded));
}

#[tokio::test]
async fn a_permanent_failure_is_dead_at_once_and_a_discard_lets_the_others_go_on() {
    let world = World::new(10, 0).await;
    world.victim.fails_on(1, 100, true);
    world.emit(1).await;
    world.emit(2).await;
    let letters = world.letters().await;
    assert_eq!(
        letters[0].error.r#type,
        "/docs/problems/event-not-taken#poisoned"
    );
    assert_eq!(world.victim.taken(), [] as [i64; 0], "its key is held");

    let refused = world
        .letters
        .discard(letters[0].id, "  ", "somebody")
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ProblemKind::Validation);
    world
        .letters
        .discard(letters[0].id, "a test sent it", "somebody")
        .await
        .unwrap();
    world.consumers_are_done().await;
    // The one given up is not taken, the next one is.
    world.taken_all(&[2]).await;
    let letter = world.letters.get(letters[0].id).await.unwrap();
    assert_eq!(letter.letter.state, State::Discarded);
    assert_eq!(
        letter.decisions[0].reason.as_deref(),
        Some("a test sent it")
    );
}

#[tokio::test]
async fn what_cannot_go_back_is_kept_as_it_came() {
    let world = World::new(10, 0).await;
    let entity = world.entity;
    let bodies = [
        json!({"raw": "e25vdCBqc29u", "retry_meta": {"original_topic": "payments", "consumer": "elsewhere"}}),
        json!({"retry_meta": {"original_topic": "nowhere", "consumer": "elsewhere", "original_event_id": Uuid::new_v4()}}),
        json!({"retry_meta": "what is this"}),
    ];
    for body in bodies.clone() {
        world
            .db
            .write::<_, DbError>(world.tenancy, move |scope| {
                scope.emit(NewEvent::new(
                    Topic::RetryQueue,
                    entity,
                    entity,
                    1,
                    Change::data(),
                    body,
                ))
            })
            .await
            .unwrap();
    }
    world.consumers_are_done().await;
    let letters = world.letters().await;
    assert_eq!(letters.len(), 3);
    for (letter, body) in letters.iter().zip(bodies) {
        let detail = world.letters.get(letter.id).await.unwrap();
        for (key, value) in body.as_object().unwrap() {
            assert_eq!(&detail.event[key], value);
        }
        let refused = world
            .letters
            .redrive(letter.id, "somebody")
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ProblemKind::Conflict);
        world
            .letters
            .discard(letter.id, "nobody knows it", "somebody")
            .await
            .unwrap();
        assert_eq!(
            world.letters.get(letter.id).await.unwrap().letter.state,
            State::Discarded
        );
    }
}

#[tokio::test]
async fn the_list_is_filtered_and_paged() {
    let world = World::new(10, 0).await;
    world.victim.fails_on(1, 1, true);
    world.emit(1).await;
    let all = Window {
        after: None,
        offset: 0,
        limit: 10,
        newest_first: true,
    };
    let count = |filter: Filter| async { world.letters.list(filter, all).await.unwrap().0 };
    let of = |topic: &str| Filter {
        topic: Some(topic.to_owned()),
        ..Filter::default()
    };
    assert_eq!(count(of("applications")).await, 1);
    assert_eq!(count(of("payments")).await, 0);
    assert_eq!(
        count(Filter {
            tenant: Some(TenantId::new()),
            ..Filter::default()
        })
        .await,
        0
    );
    assert_eq!(
        count(Filter {
            tenant: Some(world.tenancy.tenant_id()),
            ..Filter::default()
        })
        .await,
        1
    );
    assert_eq!(
        count(Filter {
            state: Some(State::Discarded),
            ..Filter::default()
        })
        .await,
        0
    );
    assert_eq!(
        count(Filter {
            consumer: Some("victim.consumer".to_owned()),
            ..Filter::default()
        })
        .await,
        1
    );
    let first = world.letters().await[0].id;
    let after = Window {
        after: Some(first.uuid()),
        ..all
    };
    assert!(
        world
            .letters
            .list(Filter::default(), after)
            .await
            .unwrap()
            .1
            .is_empty()
    );
}

#[tokio::test]
async fn the_migrations_go_down_and_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(sqlite(&folder)).await;
    let before = db.logical_schema().await.unwrap();
    db.revert(vec![(INFO, MIGRATIONS)]).await.unwrap();
    let without = db.logical_schema().await.unwrap();
    assert!(
        !without.iter().any(|line| line.starts_with("retry_")),
        "{without:?}"
    );
    db.migrate(vec![(INFO, MIGRATIONS)]).await.unwrap();
    assert_eq!(db.logical_schema().await.unwrap(), before);
}
