//! Forgets what has served its time: kept answers of `Idempotency-Key`, and the inbox of events that can
//! no longer come again.

use std::time::Duration;

use async_trait::async_trait;
use diesel::prelude::*;

use crate::clock;
use crate::db::kernel_tables::{kernel_idempotency, kernel_idempotency_running, kernel_inbox};
use crate::db::{AfterCommit, Database, DbError, DbResult, Priority, WriteStatement};
use crate::scheduler::{Task, TaskError};

/// How long an answer is kept for a repeated request.
const ANSWERS: Duration = Duration::from_secs(24 * 3600);
/// How long an event that was taken is remembered: longer than all its attempts can last.
const INBOX: Duration = Duration::from_secs(60 * 24 * 3600);

/// Frees the keys of requests that a killed process has left: on SQLite one process serves, so at its start none runs.
/// Elsewhere their leases end by themselves.
///
/// # Errors
/// If the database refuses.
pub async fn free_keys(database: &Database) -> DbResult<()> {
    if database.is_postgres() {
        return Ok(());
    }
    database
        .write_raw(Priority::Request, |connection| {
            let held = kernel_idempotency_running::table
                .filter(kernel_idempotency_running::lease_until.ge(clock::now()));
            let freed = diesel::delete(held).perform(connection);
            (
                freed.map(|_| ()).map_err(DbError::from),
                AfterCommit::default(),
            )
        })
        .await
}

/// The kernel's own task.
pub struct Sweep {
    database: Database,
}

impl Sweep {
    /// Over this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Task for Sweep {
    fn name(&self) -> &'static str {
        "kernel.sweep"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn run(&self) -> Result<bool, TaskError> {
        self.database
            .write_raw(Priority::Background, |connection| {
                let now = clock::now();
                let result = diesel::delete(
                    kernel_idempotency::table
                        .filter(kernel_idempotency::created_at.lt(now.minus(ANSWERS))),
                )
                .perform(connection)
                .and_then(|_| {
                    diesel::delete(
                        kernel_idempotency_running::table
                            .filter(kernel_idempotency_running::lease_until.lt(now)),
                    )
                    .perform(connection)
                })
                .and_then(|_| {
                    diesel::delete(
                        kernel_inbox::table.filter(kernel_inbox::taken_at.lt(now.minus(INBOX))),
                    )
                    .perform(connection)
                })
                .map(|_| ())
                .map_err(DbError::from);
                (result, AfterCommit::default())
            })
            .await?;
        Ok(false)
    }
}
