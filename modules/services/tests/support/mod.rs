//! Databases for the tests, and what they say.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

use std::sync::Arc;
use std::time::Duration;

use opencity_kernel::Problem;
use opencity_kernel::context::Platform;
use opencity_kernel::db::{Database, Tenancy, WriteScope};
use opencity_kernel::events::{Event, Filter, Topic};
use opencity_kernel::id::TenantId;
use opencity_services::{INFO, MIGRATIONS};
use opencity_testing::{Running, Store, platform};
use serde_json::{Map, Value};

/// A migrated database of its own, with one tenant.
pub struct Place {
    pub database: Database,
    pub tenancy: Tenancy,
    platform: Arc<Platform>,
    _running: Running,
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
        let platform = platform(INFO, MIGRATIONS, store, folder.path(), "").await;
        Self {
            database: platform.database.for_module(INFO),
            tenancy: Tenancy::from_row(TenantId::new()),
            _running: Running::relay(&platform).await,
            platform,
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

    async fn outbox(&self) -> Vec<Event> {
        // On PostgreSQL an event has a position once the relay gave it one.
        let (bus, most) = (&self.platform.bus, Duration::from_secs(20));
        let told = bus.caught_up(&self.database, "nobody", most).await;
        assert!(told.unwrap(), "the relay is stuck");
        let all = Filter {
            after: 0,
            topics: Vec::new(),
            limit: 10_000,
        };
        opencity_kernel::events::read(&self.database, all)
            .await
            .unwrap()
    }
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
