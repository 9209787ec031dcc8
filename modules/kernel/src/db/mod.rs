//! The database: SQLite or PostgreSQL behind one type. Raw connections stay in here; modules
//! get scopes ([`TenantScope`], [`WriteScope`], [`PlatformScope`]).

mod after;
mod changes;
mod connection;
mod copy;
mod error;
pub(crate) mod kernel_tables;
mod migrate;
mod pool;
mod scope;
mod sql_types;
mod statements;
mod writer;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{oneshot, watch};

pub(crate) use after::AfterCommit;
pub(crate) use connection::AnyConnection;
pub use connection::{Boxed, Columns, MultiBackend, ReadQuery, WriteStatement};
pub use copy::CopiedTable;
pub use error::{DbError, DbResult};
pub use migrate::{Migration, MigrationStatus};
pub use scope::{PlatformScope, Tenancy, TenantRow, TenantScope, TenantTable, WriteScope};
pub(crate) use scope::{release, rollback, savepoint};

/// The SQL types for `diesel::table!`.
pub mod sql {
    pub use super::sql_types::{Id, Instant, Json};
    pub use diesel::sql_types::*;
}

use crate::module::ModuleInfo;
use crate::trace;
use pool::Pool;
use writer::{Done, JobEnd, Writer};

/// How to reach a database.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `postgres://…`, or the path of an SQLite file; empty = `opencity.sqlite` in the data folder.
    pub url: SecretString,
    /// Connections for reading (SQLite), for everything (PostgreSQL).
    pub pool_size: u32,
    /// Seconds that a statement may take (PostgreSQL).
    pub statement_timeout_seconds: u32,
    /// Milliseconds to wait for a free connection or for SQLite's write lock.
    pub busy_timeout_ms: u32,
    /// Transactions that may share one commit on SQLite; 1 gives each its own.
    pub group_commit: usize,
}

/// Which of the two databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Sqlite(String),
    Postgres(String),
}

impl Target {
    fn of(url: &str) -> Self {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::Postgres(url.to_owned())
        } else {
            Self::Sqlite(url.trim_start_matches("sqlite://").to_owned())
        }
    }
}

/// Who goes first at SQLite's one writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A person waits.
    Request,
    /// Consumers and tasks.
    Background,
}

struct Inner {
    target: Target,
    pool: Pool,
    /// Only on SQLite, which has one writer.
    writer: Option<Writer>,
    /// Counts commits that wrote events: whoever waits for the log watches it.
    appended: watch::Sender<u64>,
}

/// A handle on the database, for one module. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
    module: ModuleInfo,
}

impl Database {
    /// Opens the database. SQLite files are created.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] if it does not answer.
    pub fn open(settings: &DatabaseSettings, module: ModuleInfo) -> DbResult<Self> {
        let target = Target::of(settings.url.expose_secret());
        let appended = watch::Sender::new(0);
        let writer = match &target {
            Target::Sqlite(_) => Some(Writer::start(&target, settings, appended.clone())?),
            Target::Postgres(_) => None,
        };
        let pool = Pool::open(&target, settings)?;
        Ok(Self {
            inner: Arc::new(Inner {
                target,
                pool,
                writer,
                appended,
            }),
            module,
        })
    }

    /// The same database, for another module.
    #[must_use]
    pub fn for_module(&self, module: ModuleInfo) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            module,
        }
    }

    /// The module that this handle writes for.
    #[must_use]
    pub fn module(&self) -> ModuleInfo {
        self.module
    }

    /// Whether it is PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(self.inner.target, Target::Postgres(_))
    }

    /// Counts commits that wrote events.
    pub(crate) fn appended(&self) -> watch::Receiver<u64> {
        self.inner.appended.subscribe()
    }

    /// Reads, for one tenant, what was there at one moment.
    ///
    /// # Errors
    /// The work's own, or [`DbError::Unavailable`].
    pub async fn read<T, E>(
        &self,
        tenancy: Tenancy,
        work: impl FnOnce(&mut TenantScope<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.read_snapshot(move |connection| work(&mut TenantScope::new(connection, tenancy)))
            .await
    }

    /// Reads across tenants, for the stated reason, what was there at one moment.
    ///
    /// # Errors
    /// The work's own, or [`DbError::Unavailable`].
    pub async fn read_across<T, E>(
        &self,
        _reason: &'static str,
        work: impl FnOnce(&mut PlatformScope<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let module = self.module;
        self.read_snapshot(move |connection| {
            work(&mut PlatformScope::new(connection, module, None))
        })
        .await
    }

    /// Does work for one tenant in one transaction: durable when this returns `Ok`, undone on an
    /// error.
    ///
    /// # Errors
    /// The work's own, or the database's.
    pub async fn write<T, E>(
        &self,
        tenancy: Tenancy,
        work: impl FnOnce(&mut WriteScope<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.write_as(Priority::Request, tenancy, work).await
    }

    /// As [`write`](Self::write), with a priority.
    ///
    /// # Errors
    /// The work's own, or the database's.
    pub async fn write_as<T, E>(
        &self,
        priority: Priority,
        tenancy: Tenancy,
        work: impl FnOnce(&mut WriteScope<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (module, trace) = (self.module, trace::current());
        self.write_raw(priority, move |connection| {
            let mut scope = WriteScope::new(connection, tenancy, module, trace);
            let result = work(&mut scope);
            (result, scope.after)
        })
        .await
    }

    /// Writes across tenants in one transaction, for the stated reason.
    ///
    /// # Errors
    /// The work's own, or the database's.
    pub async fn write_across<T, E>(
        &self,
        _reason: &'static str,
        work: impl FnOnce(&mut PlatformScope<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (module, trace) = (self.module, trace::current());
        self.write_raw(Priority::Background, move |connection| {
            let mut scope = PlatformScope::new(connection, module, trace);
            let result = work(&mut scope);
            (result, scope.after)
        })
        .await
    }

    /// A connection of the caller's own, outside the pool; for a thread that may block.
    pub(crate) fn connect(&self) -> DbResult<AnyConnection> {
        self.inner.pool.connect(&self.inner.target)
    }

    async fn read_snapshot<T, E>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.inner
            .pool
            .run(writer::begin_snapshot, move |connection| {
                writer::in_snapshot(connection, work)
            })
            .await
    }

    /// Reads in no transaction: for one statement. It is run again where the server has gone away.
    pub(crate) async fn read_raw<T: Send + 'static>(
        &self,
        work: impl Fn(&mut AnyConnection) -> DbResult<T> + Send + 'static,
    ) -> DbResult<T> {
        self.inner.pool.run_again(work).await
    }

    /// As [`read_raw`](Self::read_raw), for one tenant.
    pub(crate) async fn read_one<T: Send + 'static>(
        &self,
        tenancy: Tenancy,
        work: impl Fn(&mut TenantScope<'_>) -> DbResult<T> + Send + 'static,
    ) -> DbResult<T> {
        self.read_raw(move |connection| work(&mut TenantScope::new(connection, tenancy)))
            .await
    }

    /// The one way to a transaction. The work says what follows from its commit.
    pub(crate) async fn write_raw<T, E>(
        &self,
        priority: Priority,
        work: impl FnOnce(&mut AnyConnection) -> (Result<T, E>, AfterCommit) + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.inner.writer {
            Some(writer) => {
                let (tell, told) = oneshot::channel::<Result<T, E>>();
                writer
                    .submit(
                        priority,
                        Box::new(move |connection| {
                            let (result, after) = work(connection);
                            let keep = result.is_ok();
                            let done: Done = Box::new(move |commit| {
                                let _ = tell.send(match commit {
                                    Ok(()) => result,
                                    Err(error) => result.and(Err(error.into())),
                                });
                            });
                            JobEnd { keep, after, done }
                        }),
                    )
                    .await?;
                told.await.unwrap_or_else(|_| {
                    Err(DbError::Other("the transaction's work ended abnormally".to_owned()).into())
                })
            }
            None => {
                let inner = Arc::clone(&self.inner);
                self.inner
                    .pool
                    .run(writer::begin, move |connection| {
                        let (value, after) = writer::transaction(connection, work)?;
                        if after.emitted {
                            inner.appended.send_modify(|count| *count += 1);
                        }
                        after.carry_out();
                        Ok(value)
                    })
                    .await
            }
        }
    }

    /// Applies the migrations of these modules that are missing, one process at a time.
    ///
    /// # Errors
    /// If the database was made by a newer version that this one does not understand, or refuses.
    pub async fn migrate(
        &self,
        modules: Vec<(ModuleInfo, &'static [Migration])>,
    ) -> DbResult<Vec<String>> {
        self.inner
            .pool
            .run_unbounded(&self.inner.target, move |connection| {
                migrate::up(connection, &modules)
            })
            .await
    }

    /// Copies every row of this SQLite database into an empty PostgreSQL one with the same migrations, in one transaction;
    /// each row is compared with what has arrived before it is kept. Nothing else may write meanwhile.
    ///
    /// # Errors
    /// If it is another pair of databases, the target is not empty, a row differs, or one of them refuses.
    pub async fn copy_to(&self, target: &Self) -> DbResult<Vec<CopiedTable>> {
        let source = self.inner.pool.own(&self.inner.target);
        target
            .inner
            .pool
            .run_unbounded(&target.inner.target, move |postgres| {
                let mut sqlite = source()?;
                writer::begin(postgres)?;
                let (copied, _) = writer::transaction(postgres, |postgres| {
                    let copied = match (&mut sqlite, postgres) {
                        (AnyConnection::Sqlite(from), AnyConnection::Postgres(to)) => {
                            copy::all(from, to)
                        }
                        _ => Err(DbError::Other(
                            "only SQLite can be copied, and only into PostgreSQL".to_owned(),
                        )),
                    };
                    (copied, AfterCommit::default())
                })?;
                Ok(copied)
            })
            .await
    }

    /// Reverts all migrations of these modules, last module first. For tests of the migrations.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn revert(&self, modules: Vec<(ModuleInfo, &'static [Migration])>) -> DbResult<()> {
        self.inner
            .pool
            .run_unbounded(&self.inner.target, move |connection| {
                migrate::down(connection, &modules)
            })
            .await
    }

    /// The logical schema: tables, columns and their order, as `table.column` lines. For tests.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn logical_schema(&self) -> DbResult<Vec<String>> {
        self.read_raw(migrate::logical_schema).await
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] if it gives none.
    pub async fn ping(&self) -> DbResult<()> {
        self.read_raw(|connection| {
            use diesel::connection::SimpleConnection;
            Ok(connection.batch_execute("SELECT 1")?)
        })
        .await
    }

    /// Waits until the writer has done what it was given, and stops it.
    pub async fn close(&self) {
        if let Some(writer) = &self.inner.writer {
            writer.close().await;
        }
    }
}
