//! Bounded pools of connections, used from threads on which blocking is allowed.

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection};
use diesel::r2d2::{self, ManageConnection};
use diesel::{PgConnection, SqliteConnection};
use tokio::sync::Semaphore;

use super::connection::AnyConnection;
use super::{DatabaseSettings, DbError, DbResult, Target};

#[derive(Debug)]
pub(super) struct Manager {
    target: Target,
    statement_timeout_seconds: u32,
    busy_timeout_ms: u32,
    read_only: bool,
}

impl Manager {
    pub(super) fn new(target: &Target, settings: &DatabaseSettings, read_only: bool) -> Self {
        Self {
            target: target.clone(),
            statement_timeout_seconds: settings.statement_timeout_seconds,
            busy_timeout_ms: settings.busy_timeout_ms,
            read_only,
        }
    }

    pub(super) fn open(&self) -> Result<AnyConnection, r2d2::Error> {
        match &self.target {
            Target::Sqlite(path) => {
                let mut connection =
                    SqliteConnection::establish(path).map_err(r2d2::Error::ConnectionError)?;
                // WAL lets readers go on beside the writer; FULL makes each commit durable.
                connection
                    .batch_execute(&format!(
                        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                         PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA query_only = {};",
                        self.busy_timeout_ms,
                        u8::from(self.read_only),
                    ))
                    .map_err(r2d2::Error::QueryError)?;
                Ok(AnyConnection::Sqlite(connection))
            }
            Target::Postgres(url) => {
                let mut connection =
                    PgConnection::establish(url).map_err(r2d2::Error::ConnectionError)?;
                connection
                    .batch_execute(&format!(
                        "SET statement_timeout = '{}s'; SET TIME ZONE 'UTC'; SET application_name = 'opencity'",
                        self.statement_timeout_seconds
                    ))
                    .map_err(r2d2::Error::QueryError)?;
                Ok(AnyConnection::Postgres(connection))
            }
        }
    }
}

/// A connection of the pool.
pub(super) struct Pooled {
    connection: AnyConnection,
    /// The server did not take its first statement.
    lost: bool,
}

impl ManageConnection for Manager {
    type Connection = Pooled;
    type Error = r2d2::Error;

    fn connect(&self) -> Result<Self::Connection, Self::Error> {
        let mut connection = self.open()?;
        super::statements::observe(&mut connection);
        Ok(Pooled {
            connection,
            lost: false,
        })
    }

    /// Its first statement shows it.
    fn is_valid(&self, _connection: &mut Self::Connection) -> Result<(), Self::Error> {
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Self::Connection) -> bool {
        use diesel::connection::TransactionManager;
        std::thread::panicking()
            || pooled.lost
            || <AnyConnection as Connection>::TransactionManager::is_broken_transaction_manager(
                &mut pooled.connection,
            )
    }
}

/// The first statement of work on a connection, which also shows whether the server is still there.
pub(super) type First = fn(&mut AnyConnection) -> DbResult<()>;

/// Whether the server is still there.
fn alive(connection: &mut AnyConnection) -> bool {
    match connection {
        AnyConnection::Sqlite(_) => true,
        AnyConnection::Postgres(inner) => inner.batch_execute("SELECT 1").is_ok(),
    }
}

/// A pool and the permits to use it: as many blocking threads as connections, never more.
pub(super) struct Pool {
    connections: r2d2::Pool<Manager>,
    permits: Arc<Semaphore>,
    settings: DatabaseSettings,
}

impl Pool {
    pub(super) fn open(target: &Target, settings: &DatabaseSettings) -> DbResult<Self> {
        let size = settings.pool_size.max(1);
        let connections = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(1))
            .connection_timeout(Duration::from_millis(u64::from(settings.busy_timeout_ms)))
            .test_on_check_out(false)
            .build(Manager::new(
                target,
                settings,
                matches!(target, Target::Sqlite(_)),
            ))
            .map_err(|error| DbError::Unavailable(error.to_string()))?;
        let permits = Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(1)));
        Ok(Self {
            connections,
            permits,
            settings: settings.clone(),
        })
    }

    /// Work on a connection, after this first statement.
    pub(super) async fn run<T, E>(
        &self,
        first: First,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.blocking(move |connections| work(&mut taken(connections, first)?.connection))
            .await
    }

    /// Work that only reads, without a first statement: done again on another connection if the server has left this one behind.
    pub(super) async fn run_again<T: Send + 'static>(
        &self,
        work: impl Fn(&mut AnyConnection) -> DbResult<T> + Send + 'static,
    ) -> DbResult<T> {
        self.blocking(move |connections| {
            let mut left = connections.max_size();
            loop {
                let mut pooled = connection_of(connections)?;
                match work(&mut pooled.connection) {
                    Err(_) if left > 0 && !alive(&mut pooled.connection) => pooled.lost = true,
                    done => return done,
                }
                left -= 1;
            }
        })
        .await
    }

    /// Work on a thread that may block, as soon as there is a connection for it.
    async fn blocking<T, E>(
        &self,
        work: impl FnOnce(&r2d2::Pool<Manager>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| DbError::Unavailable("the pool is closed".to_owned()))?;
        let connections = self.connections.clone();
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&connections)
        })
        .await
        .unwrap_or_else(|_| {
            Err(DbError::Other("the query's work ended abnormally".to_owned()).into())
        })
    }

    /// Opens a connection of its own, with rights to write and without a time limit.
    pub(super) fn own(
        &self,
        target: &Target,
    ) -> impl FnOnce() -> DbResult<AnyConnection> + Send + use<> {
        let mut manager = Manager::new(target, &self.settings, false);
        manager.statement_timeout_seconds = 0;
        move || {
            manager
                .open()
                .map_err(|error| DbError::Unavailable(error.to_string()))
        }
    }

    /// A connection beside the pool.
    pub(super) fn connect(&self, target: &Target) -> DbResult<AnyConnection> {
        Manager::new(target, &self.settings, false)
            .open()
            .map_err(|error| DbError::Unavailable(error.to_string()))
    }

    /// Work on a connection of its own, with rights to write and without a time limit: migrations.
    pub(super) async fn run_unbounded<T: Send + 'static>(
        &self,
        target: &Target,
        work: impl FnOnce(&mut AnyConnection) -> DbResult<T> + Send + 'static,
    ) -> DbResult<T> {
        let own = self.own(target);
        tokio::task::spawn_blocking(move || work(&mut own()?))
            .await
            .unwrap_or_else(|_| Err(DbError::Other("the migration ended abnormally".to_owned())))
    }
}

/// A connection that has taken its first statement. Those that a server left behind when it went away are thrown away, and others
/// opened in their place.
fn taken(
    connections: &r2d2::Pool<Manager>,
    first: First,
) -> DbResult<r2d2::PooledConnection<Manager>> {
    let mut left = connections.max_size();
    loop {
        let mut pooled = connection_of(connections)?;
        match first(&mut pooled.connection) {
            Ok(()) => return Ok(pooled),
            Err(error) if left == 0 => return Err(DbError::Unavailable(error.to_string())),
            Err(_) => pooled.lost = true,
        }
        left -= 1;
    }
}

fn connection_of(connections: &r2d2::Pool<Manager>) -> DbResult<r2d2::PooledConnection<Manager>> {
    connections
        .get()
        .map_err(|error| DbError::Unavailable(error.to_string()))
}
