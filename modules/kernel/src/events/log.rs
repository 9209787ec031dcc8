//! The outbox and the embedded log.

use diesel::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Event, NewEvent, Topic};
use crate::clock;
use crate::db::kernel_tables::kernel_event;
use crate::db::{AnyConnection, Database, DbError, DbResult, ReadQuery, WriteStatement};
use crate::id::{EventId, Id, TenantId, TraceId};
use crate::instant::Instant;
use crate::module::ModuleInfo;

/// The kind of an entity that the log does not look into.
#[derive(Debug)]
pub(crate) enum Entity {}

#[derive(Insertable)]
#[diesel(table_name = kernel_event)]
struct NewRow {
    event_id: EventId,
    topic: &'static str,
    key: String,
    tenant_id: TenantId,
    entity_id: Id<Entity>,
    aggregate_version: i64,
    payload: String,
    created_at: Instant,
    trace: TraceId,
}

/// Appends an event to the outbox; part of the caller's transaction. One that follows from nothing begins a trace.
pub(crate) fn append(
    connection: &mut AnyConnection,
    module: ModuleInfo,
    trace: Option<TraceId>,
    tenant: TenantId,
    event: NewEvent,
) -> DbResult<EventId> {
    let event_id = EventId::new();
    let now = clock::now();
    let Value::Object(mut body) = event.body else {
        return Err(DbError::malformed("an event's body must be an object"));
    };
    body.insert("event_id".to_owned(), json!(event_id));
    if !event.redelivered {
        body.insert("id".to_owned(), json!(event.entity));
        body.insert("tenant_id".to_owned(), json!(tenant));
        body.insert("change".to_owned(), event.change.to_json());
        body.insert("event_version".to_owned(), json!(event.topic.version()));
        body.insert("event_created_at".to_owned(), json!(now));
        body.insert("app_id".to_owned(), json!(module.app_id()));
        body.insert("app_version".to_owned(), json!(module.version));
    }
    let payload = serde_json::to_string(&body).map_err(DbError::json)?;
    let row = NewRow {
        event_id,
        topic: event.topic.as_str(),
        key: event.key,
        tenant_id: tenant,
        entity_id: Id::from_uuid(event.entity),
        aggregate_version: event.aggregate_version,
        payload,
        created_at: now,
        trace: trace.unwrap_or_default(),
    };
    diesel::insert_into(kernel_event::table)
        .values(&row)
        .perform(connection)?;
    Ok(event_id)
}

/// Which events to read.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only after this position.
    pub after: i64,
    /// Only these topics; all if empty.
    pub topics: Vec<Topic>,
    /// At most so many.
    pub limit: i64,
}

type Row = (
    i64,
    EventId,
    String,
    String,
    TenantId,
    Id<Entity>,
    i64,
    String,
    Option<TraceId>,
);

/// Reads the log in order.
pub(crate) fn read_from(connection: &mut AnyConnection, filter: &Filter) -> DbResult<Vec<Event>> {
    use kernel_event::dsl;
    let topics: Vec<&'static str> = filter.topics.iter().map(|topic| topic.as_str()).collect();
    let columns = (
        dsl::event_id,
        dsl::topic,
        dsl::key,
        dsl::tenant_id,
        dsl::entity_id,
        dsl::aggregate_version,
        dsl::payload,
        dsl::trace,
    );
    let all = topics.is_empty();
    let rows: Vec<Row> = match connection {
        // One writer: the row id is the position.
        AnyConnection::Sqlite(_) => {
            let query = dsl::kernel_event
                .filter(dsl::seq.gt(filter.after))
                .filter(
                    dsl::topic
                        .eq_any(topics)
                        .or(all.into_sql::<diesel::sql_types::Bool>()),
                )
                .order(dsl::seq)
                .limit(filter.limit);
            query
                .select((
                    dsl::seq,
                    columns.0,
                    columns.1,
                    columns.2,
                    columns.3,
                    columns.4,
                    columns.5,
                    columns.6,
                    columns.7,
                ))
                .rows(connection)?
        }
        AnyConnection::Postgres(_) => dsl::kernel_event
            .filter(dsl::position.gt(filter.after))
            .filter(
                dsl::topic
                    .eq_any(topics)
                    .or(all.into_sql::<diesel::sql_types::Bool>()),
            )
            .order(dsl::position)
            .limit(filter.limit)
            .select((
                dsl::position.assume_not_null(),
                columns.0,
                columns.1,
                columns.2,
                columns.3,
                columns.4,
                columns.5,
                columns.6,
                columns.7,
            ))
            .rows(connection)?,
    };
    rows.into_iter()
        .filter_map(|row| event_of(row).transpose())
        .collect()
}

fn event_of(row: Row) -> DbResult<Option<Event>> {
    let (position, event_id, topic, key, tenant, entity, aggregate_version, payload, trace) = row;
    let Some(topic) = Topic::parse(&topic) else {
        tracing::debug!(
            topic,
            position,
            "skipped an event of a topic that this version does not know"
        );
        return Ok(None);
    };
    parts_to_event(
        position,
        event_id,
        topic,
        key,
        tenant,
        entity.uuid(),
        aggregate_version,
        &payload,
        trace,
    )
    .map(Some)
}

#[expect(clippy::too_many_arguments, reason = "one argument per column")]
pub(crate) fn parts_to_event(
    position: i64,
    event_id: EventId,
    topic: Topic,
    key: String,
    tenant: TenantId,
    entity: Uuid,
    aggregate_version: i64,
    payload: &str,
    trace: Option<TraceId>,
) -> DbResult<Event> {
    Ok(Event {
        position,
        event_id,
        topic,
        key,
        entity,
        aggregate_version,
        payload: serde_json::from_str(payload).map_err(DbError::json)?,
        tenant,
        trace,
    })
}

/// The position of the last event of the log.
pub(crate) fn end(connection: &mut AnyConnection) -> DbResult<i64> {
    use kernel_event::dsl;
    let last: Option<i64> = match connection {
        AnyConnection::Sqlite(_) => dsl::kernel_event
            .select(diesel::dsl::max(dsl::seq))
            .first(connection)?,
        AnyConnection::Postgres(_) => dsl::kernel_event
            .select(diesel::dsl::max(dsl::position))
            .first(connection)?,
    };
    Ok(last.unwrap_or(0))
}

/// Reads the log in order, for people and tools.
///
/// # Errors
/// If the database refuses.
pub async fn read(database: &Database, filter: Filter) -> DbResult<Vec<Event>> {
    database
        .read_raw(move |connection| read_from(connection, &filter))
        .await
}

/// The position of the last event in the log.
///
/// # Errors
/// If the database refuses.
pub async fn latest_position(database: &Database) -> DbResult<i64> {
    database.read_raw(end).await
}

/// The last event of the outbox that is visible now, by its place in the outbox.
pub(crate) fn last_written(connection: &mut AnyConnection) -> DbResult<i64> {
    use kernel_event::dsl;
    let last: Option<i64> = dsl::kernel_event
        .select(diesel::dsl::max(dsl::seq))
        .first(connection)?;
    Ok(last.unwrap_or(0))
}

/// The position in the log behind which everything up to `seq` of the outbox is; `None` while the relay
/// has not given one to all of it.
pub(crate) fn position_of_written(
    connection: &mut AnyConnection,
    seq: i64,
) -> DbResult<Option<i64>> {
    use kernel_event::dsl;
    if matches!(connection, AnyConnection::Sqlite(_)) {
        return Ok(Some(seq));
    }
    let waiting: Vec<i64> = dsl::kernel_event
        .filter(dsl::position.is_null())
        .filter(dsl::seq.le(seq))
        .select(dsl::seq)
        .limit(1)
        .rows(connection)?;
    if !waiting.is_empty() {
        return Ok(None);
    }
    let last: Vec<i64> = dsl::kernel_event
        .filter(dsl::position.is_not_null())
        .filter(dsl::seq.le(seq))
        .order(dsl::position.desc())
        .select(dsl::position.assume_not_null())
        .limit(1)
        .rows(connection)?;
    Ok(Some(last.into_iter().next().unwrap_or(0)))
}
