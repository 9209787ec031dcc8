//! Taking events, inside one transaction: the inbox, the handler, what follows from its outcome.

use std::time::Duration;

use diesel::prelude::*;
use opencity_contracts::EventVersion;
use serde::Deserialize;

use super::Worker;
use super::holds::{
    Holds, holds, park, parked, parked_event, remove_hold, set_hold, still_parked, unpark,
};
use crate::clock;
use crate::db::kernel_tables::{kernel_call, kernel_cursor, kernel_inbox};
use crate::db::{
    AfterCommit, AnyConnection, DbError, DbResult, ReadQuery, WriteScope, WriteStatement,
};
use crate::events::consumer::{Failure, HandleError, Next, OrderingKey};
use crate::events::{Event, Topic, log, retry};
use crate::id::{EventId, Id, TenantId, TraceId};

/// Times that a handler is repeated at once when another transaction was faster.
const REPEATS: usize = 3;

/// What a transaction of a consumer has led to.
#[derive(Default)]
pub(super) struct Taken {
    /// To call outside, after the commit.
    pub calls: Vec<Event>,
    /// A key has become free: what is parked behind it can be taken.
    pub drains: bool,
    /// What follows from the commit of what handlers wrote.
    pub after: AfterCommit,
}

/// Takes the events between two positions and moves the cursor.
pub(super) fn take(
    connection: &mut AnyConnection,
    worker: &Worker,
    events: Vec<Event>,
    from: i64,
    to: i64,
    taken: &mut Taken,
) -> DbResult<()> {
    // The cursor is the fence: of two processes that read the same events, one moves it.
    let moved = diesel::update(
        kernel_cursor::table
            .filter(kernel_cursor::consumer.eq(worker.consumer.name()))
            .filter(kernel_cursor::position.eq(from)),
    )
    .set(kernel_cursor::position.eq(to))
    .perform(connection)?;
    if moved == 0 {
        return Err(DbError::Conflict);
    }
    let mut holds = holds(connection, worker)?;
    for event in events {
        take_one(connection, worker, event, &mut holds, taken)?;
    }
    Ok(())
}

/// Lets no batch be taken until the transaction ends: an event that is parked behind a hold must not miss the end of the hold.
/// On SQLite there is one writer.
fn stay(connection: &mut AnyConnection, consumer: &str) -> DbResult<()> {
    if matches!(connection, AnyConnection::Sqlite(_)) {
        return Ok(());
    }
    diesel::update(kernel_cursor::table.filter(kernel_cursor::consumer.eq(consumer)))
        .set(kernel_cursor::position.eq(kernel_cursor::position))
        .perform(connection)?;
    Ok(())
}

/// Takes what is parked behind keys that have become free.
pub(super) fn drain(
    connection: &mut AnyConnection,
    worker: &Worker,
    taken: &mut Taken,
) -> DbResult<()> {
    let consumer = worker.consumer.name();
    stay(connection, consumer)?;
    let mut holds = holds(connection, worker)?;
    let free: Vec<String> = holds
        .iter()
        .filter(|(_, hold)| hold.reason == "drain")
        .map(|(key, _)| key.clone())
        .collect();
    for key in free {
        let parked = parked(connection, worker, &key)?;
        taken.drains |= !parked.is_empty();
        remove_hold(connection, worker, &key, &mut holds)?;
        let mut parked = parked.into_iter();
        for row in parked.by_ref() {
            unpark(connection, &row)?;
            if let Some(event) = parked_event(row)? {
                take_one(connection, worker, event, &mut holds, taken)?;
            }
            if holds.contains_key(&key) {
                break;
            }
        }
        let waits = parked.len() > 0 || still_parked(connection, consumer, &key)?;
        if waits && !holds.contains_key(&key) {
            set_hold(
                connection,
                worker,
                &key,
                "drain",
                EventId::from_uuid(uuid::Uuid::nil()),
                &mut holds,
            )?;
        }
    }
    Ok(())
}

/// An event that was stored beside the log.
pub(super) fn stored_event(
    position: i64,
    topic: &str,
    key: String,
    tenant: TenantId,
    aggregate_version: i64,
    payload: &str,
    trace: Option<TraceId>,
) -> DbResult<Option<Event>> {
    let Some(topic) = Topic::parse(topic) else {
        return Ok(None);
    };
    let value: serde_json::Value = serde_json::from_str(payload).map_err(DbError::json)?;
    let id = |name: &str| {
        value
            .get(name)
            .and_then(serde_json::Value::as_str)
            .and_then(|id| id.parse().ok())
    };
    let event_id: EventId = id("event_id").map(Id::from_uuid).unwrap_or_default();
    let entity = id("id").unwrap_or_default();
    log::parts_to_event(
        position,
        event_id,
        topic,
        key,
        tenant,
        entity,
        aggregate_version,
        payload,
        trace,
    )
    .map(Some)
}

/// Frees a key: what is parked behind it is taken next.
fn free(
    connection: &mut AnyConnection,
    worker: &Worker,
    key: &str,
    holds: &mut Holds,
    taken: &mut Taken,
) -> DbResult<()> {
    if still_parked(connection, worker.consumer.name(), key)? {
        taken.drains = true;
        set_hold(
            connection,
            worker,
            key,
            "drain",
            EventId::from_uuid(uuid::Uuid::nil()),
            holds,
        )
    } else {
        remove_hold(connection, worker, key, holds)
    }
}

/// Takes one event.
fn take_one(
    connection: &mut AnyConnection,
    worker: &Worker,
    event: Event,
    holds: &mut Holds,
    taken: &mut Taken,
) -> DbResult<()> {
    let consumer = worker.consumer.name();
    let meta = event.retry_meta();
    if event.topic != Topic::RetryQueue
        && let Some(meta) = &meta
        && meta.consumer != consumer
    {
        return Ok(());
    }
    if !declared(&event) {
        tracing::debug!(consumer, event_id = %event.event_id, "skipped an event of an undeclared version");
        return Ok(());
    }
    let from_retry = event.topic != Topic::RetryQueue && meta.is_some();
    let (original, redelivery) = match &meta {
        Some(meta) if from_retry => (meta.original_event_id, meta.redelivery),
        _ => (event.event_id, 0),
    };
    if !first_time(connection, consumer, original, redelivery)? {
        return Ok(());
    }
    let key = ordering_key(worker, &event);
    if let Some(key) = &key
        && let Some(hold) = holds.get(key)
        && !(from_retry && hold.event == original)
    {
        return park(connection, consumer, key, &event);
    }
    note(connection, consumer, original, redelivery)?;
    if from_retry && meta.as_ref().is_some_and(|meta| meta.discarded) {
        tracing::info!(consumer, event_id = %original, "an event that an administrator gave up was recorded");
        return match &key {
            Some(key) => free(connection, worker, key, holds, taken),
            None => Ok(()),
        };
    }
    match handle(connection, worker, &event, taken)? {
        Ok(Next::Call) => {
            claim(
                connection,
                worker,
                &event,
                key.as_deref().unwrap_or_default(),
            )?;
            if let Some(key) = &key {
                set_hold(connection, worker, key, "call", original, holds)?;
            }
            taken.calls.push(event);
        }
        Ok(next) => {
            if next == Next::Done {
                told_handled(consumer, &event);
            }
            if let Some(key) = &key
                && holds.contains_key(key)
            {
                free(connection, worker, key, holds, taken)?;
            }
        }
        Err(failure) => fail(
            connection,
            worker,
            &event,
            failure,
            key.as_deref(),
            holds,
            taken,
        )?,
    }
    Ok(())
}

fn told_handled(consumer: &str, event: &Event) {
    let trace = event.trace.map(|trace| trace.to_string());
    tracing::info!(consumer, topic = event.topic.as_str(), id = %event.entity, event_id = %event.event_id, trace, "handled");
}

/// Whether the event has the version that the topic has here; versions come as text or number.
fn declared(event: &Event) -> bool {
    let Some(version) = event.topic.version() else {
        return true;
    };
    event
        .payload
        .get("event_version")
        .and_then(|value| EventVersion::deserialize(value).ok())
        .is_some_and(|written| written.is_same_as(version))
}

fn ordering_key(worker: &Worker, event: &Event) -> Option<String> {
    match worker.consumer.ordering_key(event) {
        OrderingKey::Entity => Some(event.entity.to_string()),
        OrderingKey::Other(key) => Some(key),
        OrderingKey::None => None,
    }
}

fn first_time(
    connection: &mut AnyConnection,
    consumer: &str,
    event: EventId,
    attempt: i64,
) -> DbResult<bool> {
    let seen: Vec<i64> = kernel_inbox::table
        .filter(kernel_inbox::consumer.eq(consumer))
        .filter(kernel_inbox::event_id.eq(event))
        .filter(kernel_inbox::attempt.eq(attempt))
        .select(kernel_inbox::attempt)
        .rows(connection)?;
    Ok(seen.is_empty())
}

fn note(
    connection: &mut AnyConnection,
    consumer: &str,
    event: EventId,
    attempt: i64,
) -> DbResult<()> {
    diesel::insert_into(kernel_inbox::table)
        .values((
            kernel_inbox::consumer.eq(consumer),
            kernel_inbox::event_id.eq(event),
            kernel_inbox::attempt.eq(attempt),
            kernel_inbox::taken_at.eq(clock::now()),
        ))
        .perform(connection)?;
    Ok(())
}

fn claim(
    connection: &mut AnyConnection,
    worker: &Worker,
    event: &Event,
    key: &str,
) -> DbResult<()> {
    let lease = Duration::from_secs(worker.settings.call_lease_seconds);
    diesel::insert_into(kernel_call::table)
        .values((
            kernel_call::consumer.eq(worker.consumer.name()),
            kernel_call::event_id.eq(event.event_id),
            kernel_call::ordering_key.eq(key),
            kernel_call::position.eq(event.position),
            kernel_call::topic.eq(event.topic.as_str()),
            kernel_call::key.eq(&event.key),
            kernel_call::tenant_id.eq(event.tenant_id()),
            kernel_call::aggregate_version.eq(event.aggregate_version),
            kernel_call::payload.eq(event.payload.to_string()),
            kernel_call::lease_holder.eq(worker.instance),
            kernel_call::lease_until.eq(clock::now().plus(lease)),
            kernel_call::trace.eq(event.trace),
        ))
        .perform(connection)?;
    Ok(())
}

/// Runs the handler in a savepoint. The outer error ends the whole transaction.
fn handle(
    connection: &mut AnyConnection,
    worker: &Worker,
    event: &Event,
    taken: &mut Taken,
) -> DbResult<Result<Next, Failure>> {
    let mut scope = WriteScope::new(
        connection,
        event.tenancy(),
        worker.database.module(),
        event.trace,
    );
    for repeat in 1.. {
        let result: Result<Next, HandleError> =
            scope.savepoint(|scope| worker.consumer.handle(scope, event));
        match result {
            Ok(next) => {
                taken.after.append(scope.after);
                return Ok(Ok(next));
            }
            Err(HandleError::Database(DbError::Conflict)) if repeat < REPEATS => {}
            Err(HandleError::Database(error @ DbError::Unavailable(_))) => return Err(error),
            Err(error) => return Ok(Err(error.into_failure())),
        }
    }
    Err(DbError::Conflict)
}

/// Hands an event that could not be taken to the retry, and holds its key.
fn fail(
    connection: &mut AnyConnection,
    worker: &Worker,
    event: &Event,
    mut failure: Failure,
    key: Option<&str>,
    holds: &mut Holds,
    taken: &mut Taken,
) -> DbResult<()> {
    let consumer = worker.consumer.name();
    let meta = event.retry_meta();
    if event.topic == Topic::RetryQueue {
        // On the queue again it would come back at once, for ever, under the wrong consumer's name.
        tracing::error!(consumer, event_id = %event.event_id, kind = failure.kind, detail = failure.detail, "an entry of the retry queue cannot be kept; the queue waits for it");
        return Err(DbError::Unavailable(failure.kind));
    }
    let attempt = meta.as_ref().map_or(0, |meta| meta.attempt);
    let most = meta
        .as_ref()
        .map_or(retry::MAX_ATTEMPTS, |meta| meta.max_attempts);
    failure.permanent |= attempt >= most;
    let mut scope = WriteScope::new(
        connection,
        event.tenancy(),
        worker.database.module(),
        event.trace,
    );
    if failure.permanent {
        metrics::counter!("oc_event_dead_total", "consumer" => consumer).increment(1);
        tracing::error!(consumer, id = %event.entity, event_id = %event.event_id, kind = failure.kind, detail = failure.detail, "an event cannot be taken; it becomes a dead letter");
        let told: Result<(), HandleError> =
            scope.savepoint(|scope| worker.consumer.give_up(scope, event, &failure));
        if let Err(error) = told {
            tracing::error!(consumer, %error, "the end of the attempts could not be told to the entity");
        }
    } else {
        metrics::counter!("oc_event_retried_total", "consumer" => consumer).increment(1);
        tracing::warn!(consumer, id = %event.entity, event_id = %event.event_id, kind = failure.kind, detail = failure.detail, attempt, "an event could not be taken; it will be tried again");
    }
    retry::enqueue(&mut scope, consumer, event, &failure)?;
    taken.after.append(scope.after);
    if let Some(key) = key {
        let reason = if failure.permanent { "dead" } else { "retry" };
        set_hold(connection, worker, key, reason, event.original_id(), holds)?;
    }
    Ok(())
}

/// Ends a call: its outcome, or its failure, in the transaction that forgets the claim. A claim
/// that another process has taken over is left to it.
pub(super) fn settle(
    connection: &mut AnyConnection,
    worker: &Worker,
    event: &Event,
    outcome: Result<crate::events::Settle, HandleError>,
    taken: &mut Taken,
) -> DbResult<()> {
    stay(connection, worker.consumer.name())?;
    let claimed = diesel::delete(
        kernel_call::table
            .filter(kernel_call::consumer.eq(worker.consumer.name()))
            .filter(kernel_call::event_id.eq(event.event_id))
            .filter(kernel_call::lease_holder.eq(worker.instance)),
    )
    .perform(connection)?;
    if claimed == 0 {
        tracing::warn!(consumer = worker.consumer.name(), event_id = %event.event_id, "a call was taken over by another process");
        return Ok(());
    }
    let key = ordering_key(worker, event);
    let mut holds = holds(connection, worker)?;
    let settled = match outcome {
        Ok(settle) => {
            let mut scope = WriteScope::new(
                connection,
                event.tenancy(),
                worker.database.module(),
                event.trace,
            );
            let result: Result<(), HandleError> = scope.savepoint(settle);
            taken.after.append(scope.after);
            result
        }
        Err(error) => Err(error),
    };
    match settled {
        Ok(()) => {
            told_handled(worker.consumer.name(), event);
            match &key {
                Some(key) => free(connection, worker, key, &mut holds, taken),
                None => Ok(()),
            }
        }
        Err(HandleError::Database(error)) if error.is_temporary() => Err(error),
        Err(error) => fail(
            connection,
            worker,
            event,
            error.into_failure(),
            key.as_deref(),
            &mut holds,
            taken,
        ),
    }
}
