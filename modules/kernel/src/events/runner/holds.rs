//! Ordering keys that wait, and the events that are parked behind them.

use std::collections::HashMap;

use diesel::prelude::*;

use super::Worker;
use super::batch::stored_event;
use crate::db::kernel_tables::{kernel_hold, kernel_parked};
use crate::db::{AnyConnection, DbResult, ReadQuery, WriteStatement};
use crate::events::Event;
use crate::id::{EventId, TenantId, TraceId};

/// Why a key waits: for a call outside, a retry, a decision on a dead letter, or to drain; and the event that it waits for.
pub(super) struct Hold {
    pub(super) reason: String,
    pub(super) event: EventId,
}

/// The keys of a consumer that wait.
pub(super) type Holds = HashMap<String, Hold>;

/// Reads them.
pub(super) fn holds(connection: &mut AnyConnection, worker: &Worker) -> DbResult<Holds> {
    let rows: Vec<(String, String, EventId)> = kernel_hold::table
        .filter(kernel_hold::consumer.eq(worker.consumer.name()))
        .select((
            kernel_hold::ordering_key,
            kernel_hold::reason,
            kernel_hold::event_id,
        ))
        .rows(connection)?;
    Ok(rows
        .into_iter()
        .map(|(key, reason, event)| (key, Hold { reason, event }))
        .collect())
}

/// Lets a key wait.
pub(super) fn set_hold(
    connection: &mut AnyConnection,
    worker: &Worker,
    key: &str,
    reason: &'static str,
    event: EventId,
    holds: &mut Holds,
) -> DbResult<()> {
    let consumer = worker.consumer.name();
    let there = diesel::update(
        kernel_hold::table
            .filter(kernel_hold::consumer.eq(consumer))
            .filter(kernel_hold::ordering_key.eq(key)),
    )
    .set((
        kernel_hold::reason.eq(reason),
        kernel_hold::event_id.eq(event),
    ))
    .perform(connection)?;
    if there == 0 {
        diesel::insert_into(kernel_hold::table)
            .values((
                kernel_hold::consumer.eq(consumer),
                kernel_hold::ordering_key.eq(key),
                kernel_hold::reason.eq(reason),
                kernel_hold::event_id.eq(event),
            ))
            .perform(connection)?;
    }
    holds.insert(
        key.to_owned(),
        Hold {
            reason: reason.to_owned(),
            event,
        },
    );
    Ok(())
}

/// Lets a key wait no longer.
pub(super) fn remove_hold(
    connection: &mut AnyConnection,
    worker: &Worker,
    key: &str,
    holds: &mut Holds,
) -> DbResult<()> {
    diesel::delete(
        kernel_hold::table
            .filter(kernel_hold::consumer.eq(worker.consumer.name()))
            .filter(kernel_hold::ordering_key.eq(key)),
    )
    .perform(connection)?;
    holds.remove(key);
    Ok(())
}

/// A row of `kernel_parked`, without consumer and ordering key.
pub(super) type ParkedRow = (
    i64,
    i64,
    String,
    String,
    TenantId,
    i64,
    String,
    Option<TraceId>,
);

/// The first events that are parked behind a key, in their order.
pub(super) fn parked(
    connection: &mut AnyConnection,
    worker: &Worker,
    key: &str,
) -> DbResult<Vec<ParkedRow>> {
    Ok(kernel_parked::table
        .filter(kernel_parked::consumer.eq(worker.consumer.name()))
        .filter(kernel_parked::ordering_key.eq(key))
        .order(kernel_parked::id)
        .limit(worker.settings.batch)
        .select((
            kernel_parked::id,
            kernel_parked::position,
            kernel_parked::topic,
            kernel_parked::key,
            kernel_parked::tenant_id,
            kernel_parked::aggregate_version,
            kernel_parked::payload,
            kernel_parked::trace,
        ))
        .rows(connection)?)
}

/// The event of such a row; nothing if this version does not know its topic.
pub(super) fn parked_event(row: ParkedRow) -> DbResult<Option<Event>> {
    let (_, position, topic, key, tenant, version, payload, trace) = row;
    stored_event(position, &topic, key, tenant, version, &payload, trace)
}

/// Forgets a row that is taken.
pub(super) fn unpark(connection: &mut AnyConnection, row: &ParkedRow) -> DbResult<()> {
    diesel::delete(kernel_parked::table.filter(kernel_parked::id.eq(row.0))).perform(connection)?;
    Ok(())
}

/// Whether anything is parked behind a key.
pub(super) fn still_parked(
    connection: &mut AnyConnection,
    consumer: &str,
    key: &str,
) -> DbResult<bool> {
    let first: Vec<i64> = kernel_parked::table
        .filter(kernel_parked::consumer.eq(consumer))
        .filter(kernel_parked::ordering_key.eq(key))
        .select(kernel_parked::id)
        .limit(1)
        .rows(connection)?;
    Ok(!first.is_empty())
}

/// Lets an event wait behind a key.
pub(super) fn park(
    connection: &mut AnyConnection,
    consumer: &str,
    key: &str,
    event: &Event,
) -> DbResult<()> {
    tracing::debug!(consumer, event_id = %event.event_id, "parked behind an event of the same key");
    diesel::insert_into(kernel_parked::table)
        .values((
            kernel_parked::consumer.eq(consumer),
            kernel_parked::ordering_key.eq(key),
            kernel_parked::position.eq(event.position),
            kernel_parked::topic.eq(event.topic.as_str()),
            kernel_parked::key.eq(&event.key),
            kernel_parked::tenant_id.eq(event.tenant_id()),
            kernel_parked::aggregate_version.eq(event.aggregate_version),
            kernel_parked::payload.eq(event.payload.to_string()),
            kernel_parked::trace.eq(event.trace),
        ))
        .perform(connection)?;
    Ok(())
}
