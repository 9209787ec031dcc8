//! Databases for the tests, and what they say.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

use opencity_kernel::Problem;
use opencity_kernel::db::{Database, DatabaseSettings, Tenancy, WriteScope};
use opencity_kernel::events::{Event, Filter, Topic};
use opencity_kernel::id::TenantId;
use opencity_services::{INFO, MIGRATIONS};
use opencity_testing::Store;
use serde_json::{Map, Value};

/// A migrated database of its own, with one tenant.
pub struct Place {
    pub database: Database,
    pub tenancy: Tenancy,
    _folder: tempfile::TempDir,
}

impl Place {
    pub async fn sqlite() -> Self {
        Self::open(Store::Sqlite).await
    }

    pub async fn postgres() -> Self {
        Self::open(Store::Postgres).await
    }

    async fn open(store: Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = DatabaseSettings {
            url: store.url(folder.path()).into(),
            pool_size: 4,
            statement_timeout_seconds: 30,
            busy_timeout_ms: 5000,
            group_commit: 16,
        };
        let database = Database::open(&settings, INFO).unwrap();
        database
            .migrate(vec![
                (opencity_kernel::INFO, opencity_kernel::MIGRATIONS),
                (INFO, MIGRATIONS),
            ])
            .await
            .unwrap();
        Self {
            database,
            tenancy: Tenancy::from_row(TenantId::new()),
            _folder: folder,
        }
    }

    /// The logical schema, kernel's tables included.
    pub async fn schema(&self) -> Vec<String> {
        self.database.logical_schema().await.unwrap()
    }

    /// Does work in a transaction of the tenant.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut WriteScope<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.database.write(self.tenancy, work).await
    }

    /// The events of a topic, oldest first, each checked against its published schema.
    pub async fn events(&self, topic: Topic) -> Vec<Event> {
        let events = self.outbox().await;
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&opencity_contracts::schema::schema(topic))
            .unwrap();
        let events: Vec<Event> = events
            .into_iter()
            .filter(|event| event.topic == topic)
            .collect();
        for event in &events {
            let faults: Vec<_> = validator
                .iter_errors(&event.payload)
                .map(|e| format!("{}: {e}", e.instance_path()))
                .collect();
            assert_eq!(faults, [""; 0], "{}", event.payload);
        }
        events
    }

    /// On PostgreSQL events have a position only once the relay gave it to them.
    async fn outbox(&self) -> Vec<Event> {
        if self.database.is_postgres() {
            use opencity_kernel::events::{Bus, Carrier, Runner, RunnerSettings};
            let settings = RunnerSettings {
                carrier: Carrier::Embedded,
                batch: 16,
                poll_ms: 20,
                lease_seconds: 1,
                call_lease_seconds: 1,
                calls: 1,
                replica_wait_ms: 2000,
            };
            let (stop, stopping) = tokio::sync::watch::channel(false);
            let mut runner = Runner::new(settings, Bus::default(), stopping);
            runner.start_relay(&self.database).await.unwrap();
            let end = self.write(marker).await.unwrap();
            let events = loop {
                let events = all(&self.database).await;
                if events.iter().any(|event| event.event_id == end) {
                    break events;
                }
                tokio::task::yield_now().await;
            };
            stop.send_replace(true);
            runner.join().await;
            return events;
        }
        all(&self.database).await
    }
}

fn marker(scope: &mut WriteScope<'_>) -> Result<opencity_kernel::id::EventId, Problem> {
    use opencity_kernel::events::{Change, NewEvent};
    let id = uuid::Uuid::new_v4();
    Ok(scope.emit(NewEvent::new(
        Topic::Security,
        id,
        id,
        1,
        Change::created(),
        serde_json::json!({}),
    ))?)
}

async fn all(database: &Database) -> Vec<Event> {
    opencity_kernel::events::read(
        database,
        Filter {
            after: 0,
            topics: Vec::new(),
            limit: 10_000,
        },
    )
    .await
    .unwrap()
}

/// The members of a JSON object.
pub fn map(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else {
        panic!("not an object")
    };
    map
}

/// The same test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($name:ident, $test:expr) => {
        mod $name {
            use super::*;
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                ($test)(Place::sqlite().await).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                ($test)(Place::postgres().await).await;
            }
        }
    };
}
pub(crate) use on_both;
