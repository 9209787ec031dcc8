//! Databases and running consumers for the tests.
#![allow(dead_code)]

#[cfg(feature = "kafka")]
pub mod broker;

use std::sync::Arc;
use std::time::Duration;

use opencity_kernel::db::{Database, DatabaseSettings};
#[cfg(feature = "kafka")]
use opencity_kernel::events::kafka::KafkaSettings;
use opencity_kernel::events::{Bus, Carrier, Consumer, Filter, Runner, RunnerSettings};
use opencity_kernel::module::ModuleInfo;
use tokio::sync::watch;

pub const INFO: ModuleInfo = ModuleInfo {
    name: "test",
    version: "0.1.0",
    title: "Test",
};

/// A migrated database of its own.
pub struct Place {
    pub database: Database,
    settings: DatabaseSettings,
    _folder: Arc<tempfile::TempDir>,
}

impl Place {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = folder
            .path()
            .join("test.sqlite")
            .to_string_lossy()
            .into_owned();
        Self::open(url, folder).await
    }

    /// A new database on the server that `OPENCITY_TEST_DATABASE_URL` names; `make test` starts one.
    pub async fn postgres() -> Self {
        use diesel::{Connection, RunQueryDsl};
        let server = std::env::var("OPENCITY_TEST_DATABASE_URL")
            .expect("OPENCITY_TEST_DATABASE_URL names no PostgreSQL server: run `make test`, or scripts/postgres start");
        let name = format!("kernel_{}", uuid::Uuid::new_v4().simple());
        let mut connection =
            diesel::PgConnection::establish(&server).expect("the PostgreSQL server answers");
        diesel::sql_query(format!("CREATE DATABASE {name}"))
            .execute(&mut connection)
            .unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        Self::open(format!("{base}/{name}"), tempfile::tempdir().unwrap()).await
    }

    async fn open(url: String, folder: tempfile::TempDir) -> Self {
        let settings = DatabaseSettings {
            url: url.into(),
            pool_size: 12,
            statement_timeout_seconds: 30,
            busy_timeout_ms: 5000,
            group_commit: 16,
        };
        let database = Database::open(&settings, INFO).unwrap();
        let folder = Arc::new(folder);
        database
            .migrate(vec![(opencity_kernel::INFO, opencity_kernel::MIGRATIONS)])
            .await
            .unwrap();
        Self {
            database,
            settings,
            _folder: folder,
        }
    }

    /// The same database, as another process reaches it.
    pub fn again(&self) -> Self {
        Self {
            database: Database::open(&self.settings, INFO).unwrap(),
            settings: self.settings.clone(),
            _folder: Arc::clone(&self._folder),
        }
    }

    /// Events of a topic in the log.
    pub async fn count(&self, topic: &str) -> usize {
        opencity_kernel::events::read(
            &self.database,
            Filter {
                after: 0,
                topics: Vec::new(),
                limit: 10_000,
            },
        )
        .await
        .unwrap()
        .iter()
        .filter(|event| event.topic.as_str() == topic)
        .count()
    }
}

/// Consumers at work.
pub struct Running {
    pub bus: Bus,
    stop: watch::Sender<bool>,
    runner: Runner,
}

impl Running {
    pub async fn start(place: &Place, consumers: Vec<Arc<dyn Consumer>>) -> Self {
        let settings = RunnerSettings {
            carrier: Carrier::Embedded,
            batch: 16,
            poll_ms: 50,
            lease_seconds: 1,
            call_lease_seconds: 1,
            calls: 4,
            replica_wait_ms: 2000,
        };
        let (stop, stopping) = watch::channel(false);
        let bus = Bus::default();
        let mut runner = Runner::new(settings, bus.clone(), stopping);
        runner.start_relay(&place.database).await.unwrap();
        for consumer in consumers {
            runner.start(&place.database, consumer).await.unwrap();
        }
        Self { bus, stop, runner }
    }

    /// As [`start`](Self::start), joined with other databases by Kafka.
    #[cfg(feature = "kafka")]
    pub async fn joined(
        place: &Place,
        kafka: &KafkaSettings,
        consumers: Vec<Arc<dyn Consumer>>,
    ) -> Self {
        let topics = consumers
            .iter()
            .flat_map(|consumer| consumer.topics().to_vec())
            .collect();
        let mut running = Self::start(place, consumers).await;
        running
            .runner
            .start_kafka(&place.database, kafka, topics)
            .await
            .unwrap();
        running
    }

    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.runner.join().await;
    }

    /// Ends at once, as a killed process would.
    pub fn abandon(self) {
        drop(self.runner);
    }
}

/// The settings of a database of this group that finds its brokers there.
#[cfg(feature = "kafka")]
pub fn kafka(brokers: &str, group: &str) -> KafkaSettings {
    KafkaSettings {
        brokers: brokers.to_owned(),
        group: group.to_owned(),
        // tansu has none that end.
        transactions: false,
        security_protocol: "plaintext".to_owned(),
        sasl_mechanism: String::new(),
        sasl_username: String::new(),
        sasl_password: String::new().into(),
        ca_file: "".into(),
        certificate_file: "".into(),
        key_file: "".into(),
        // A member that comes back is let in late by tansu.
        session_seconds: 30,
        partitions: 3,
        replication: 1,
        retention_days: 30,
    }
}

/// Waits for a condition; a test that waits longer than this has failed.
#[track_caller]
pub fn eventually(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let asked = std::panic::Location::caller();
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    async move {
        while !condition() {
            assert!(
                tokio::time::Instant::now() < patience,
                "the condition of {asked} did not come true"
            );
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
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
