//! What the retry does by the clock.

use std::time::Duration;

use async_trait::async_trait;
use opencity_kernel::clock;
use opencity_kernel::db::{Database, DbError, DbResult, Tenancy, WriteScope};
use opencity_kernel::events::Redelivery;
use opencity_kernel::scheduler::{Task, TaskError};
use serde_json::{Value, json};

use crate::domain::State;
use crate::store::dead_letter::{self, Filter};
use crate::store::entry::{self, EntryFilter, EntryRow};

/// Delivers again what is due.
pub(crate) struct Redeliver {
    pub db: Database,
    pub every: Duration,
    pub batch: i64,
}

#[async_trait]
impl Task for Redeliver {
    fn name(&self) -> &'static str {
        "retry.redeliver"
    }

    fn every(&self) -> Duration {
        self.every
    }

    async fn run(&self) -> Result<bool, TaskError> {
        let (now, batch) = (clock::now(), self.batch);
        let due = self
            .db
            .read_across("due events of all tenants", move |scope| {
                entry::due(scope, now, batch)
            })
            .await?;
        if due.is_empty() {
            return Ok(false);
        }
        let more = i64::try_from(due.len()).is_ok_and(|count| count >= batch);
        let redelivered = due.len();
        self.db
            .write_across("due events of all tenants", move |scope| -> DbResult<()> {
                for row in due {
                    scope.within(Tenancy::from_row(row.tenant_id), |scope| {
                        redeliver(scope, &row)
                    })?;
                }
                Ok(())
            })
            .await?;
        tracing::info!(redelivered, "events were delivered again");
        Ok(more)
    }
}

/// Takes an entry off the list and sends its event back, in one transaction.
fn redeliver(scope: &mut WriteScope<'_>, row: &EntryRow) -> DbResult<()> {
    if !entry::remove(scope, row.id)? {
        return Ok(());
    }
    let payload: Value = serde_json::from_str(&row.payload).map_err(DbError::json)?;
    let fields = json!({
        "attempt": row.attempt,
        "max_attempts": row.max_attempts,
        "redelivery": row.redelivery,
        "first_failed_at": row.first_failed_at,
        "next_attempt_at": row.next_attempt_at,
    });
    // Only what can go back is put on this list.
    let event = Redelivery::of(&payload, fields)
        .ok_or_else(|| DbError::malformed("a waiting event that cannot go back"))?;
    scope.emit(event)?;
    Ok(())
}

/// Counts what waits and what is dead, for the alarm.
pub(crate) struct Watch {
    pub db: Database,
}

#[async_trait]
impl Task for Watch {
    fn name(&self) -> &'static str {
        "retry.watch"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn run(&self) -> Result<bool, TaskError> {
        let (waiting, dead) = self
            .db
            .read_across("gauges of all tenants", |scope| -> DbResult<(i64, i64)> {
                let dead = Filter {
                    state: Some(State::Dead),
                    ..Filter::default()
                };
                Ok((
                    entry::count(scope, &EntryFilter::default())?,
                    dead_letter::count(scope, &dead)?,
                ))
            })
            .await?;
        let gauge = |count: i64| f64::from(i32::try_from(count).unwrap_or(i32::MAX));
        metrics::gauge!("oc_retry_waiting").set(gauge(waiting));
        metrics::gauge!("oc_dead_letters").set(gauge(dead));
        Ok(false)
    }
}
