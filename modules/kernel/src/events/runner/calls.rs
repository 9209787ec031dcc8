//! Calls to outside systems: claimed in a transaction, made in none, settled in another.

use std::time::Duration;

use diesel::prelude::*;

use super::{Worker, batch};
use crate::clock;
use crate::db::kernel_tables::kernel_call;
use crate::db::{
    AfterCommit, AnyConnection, DbError, DbResult, Priority, ReadQuery, WriteStatement,
};
use crate::events::Event;
use crate::id::{TenantId, TraceId};
use crate::trace;

type CallRow = (i64, String, String, TenantId, i64, String, Option<TraceId>);

impl Worker {
    /// Makes a claimed call and settles it, beside the consumer's loop.
    pub(super) fn start_call(&self, event: Event) {
        let worker = self.clone();
        tokio::spawn(async move {
            let Ok(_place) = worker.calls.clone().acquire_owned().await else {
                return;
            };
            let outcome = trace::scope(event.trace, worker.consumer.call(&event)).await;
            worker.settle(event, outcome).await;
        });
    }

    async fn settle(
        &self,
        event: Event,
        outcome: Result<crate::events::Settle, crate::events::CallError>,
    ) {
        let worker = self.clone();
        let event_id = event.event_id;
        let result: DbResult<bool> = self
            .database
            .write_raw(Priority::Background, move |connection| {
                let mut taken = batch::Taken::default();
                let result = batch::settle(connection, &worker, &event, outcome, &mut taken);
                (result.map(|()| taken.drains), taken.after)
            })
            .await;
        match result {
            Ok(true) => self.poke.notify_one(),
            Ok(false) => {}
            // The claim stays: the call is made again when its lease is over.
            Err(error) => {
                tracing::warn!(%error, consumer = self.consumer.name(), %event_id, "the outcome of a call could not be written")
            }
        }
    }

    /// Takes up claims that nobody works on: left by a process that died, or not settled in time.
    pub(super) async fn resume_calls(&self) -> DbResult<()> {
        let worker = self.clone();
        let events = self
            .database
            .read_raw({
                let worker = worker.clone();
                move |connection| abandoned(connection, &worker)
            })
            .await?;
        if events.is_empty() {
            return Ok(());
        }
        let claimed = self
            .database
            .write_raw(Priority::Background, move |connection| {
                (
                    claim_again(connection, &worker, events),
                    AfterCommit::default(),
                )
            })
            .await?;
        for event in claimed {
            tracing::info!(consumer = self.consumer.name(), event_id = %event.event_id, "an abandoned call is made again");
            self.start_call(event);
        }
        Ok(())
    }

    /// Waits for the calls under way.
    pub(super) async fn finish_calls(&self) {
        let all = u32::try_from(self.settings.calls.max(1)).unwrap_or(1);
        let _ = tokio::time::timeout(Duration::from_secs(10), self.calls.acquire_many(all)).await;
    }
}

/// On SQLite one process runs: whatever another instance claimed is abandoned.
fn abandoned(connection: &mut AnyConnection, worker: &Worker) -> DbResult<Vec<Event>> {
    let now = clock::now();
    let alone = matches!(connection, AnyConnection::Sqlite(_));
    let rows: Vec<CallRow> = kernel_call::table
        .filter(kernel_call::consumer.eq(worker.consumer.name()))
        .filter(
            kernel_call::lease_until
                .lt(now)
                .or(kernel_call::lease_holder
                    .ne(worker.instance)
                    .and(alone.into_sql::<diesel::sql_types::Bool>())),
        )
        .select((
            kernel_call::position,
            kernel_call::topic,
            kernel_call::key,
            kernel_call::tenant_id,
            kernel_call::aggregate_version,
            kernel_call::payload,
            kernel_call::trace,
        ))
        .limit(100)
        .rows(connection)?;
    rows.into_iter()
        .filter_map(|(position, topic, key, tenant, version, payload, trace)| {
            batch::stored_event(position, &topic, key, tenant, version, &payload, trace).transpose()
        })
        .collect()
}

fn claim_again(
    connection: &mut AnyConnection,
    worker: &Worker,
    events: Vec<Event>,
) -> DbResult<Vec<Event>> {
    let now = clock::now();
    let until = now.plus(Duration::from_secs(worker.settings.call_lease_seconds));
    let alone = matches!(connection, AnyConnection::Sqlite(_));
    let mut claimed = Vec::new();
    for event in events {
        let rows = diesel::update(
            kernel_call::table
                .filter(kernel_call::consumer.eq(worker.consumer.name()))
                .filter(kernel_call::event_id.eq(event.event_id))
                .filter(
                    kernel_call::lease_until
                        .lt(now)
                        .or(alone.into_sql::<diesel::sql_types::Bool>()),
                ),
        )
        .set((
            kernel_call::lease_holder.eq(worker.instance),
            kernel_call::lease_until.eq(until),
        ))
        .perform(connection)
        .map_err(DbError::from)?;
        if rows == 1 {
            claimed.push(event);
        }
    }
    Ok(claimed)
}
