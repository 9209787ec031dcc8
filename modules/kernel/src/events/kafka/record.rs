//! What comes from the brokers: an event of the log, or bytes that are none.

use base64::Engine as _;
use diesel::prelude::*;
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use serde::Deserialize;
use uuid::Uuid;

use crate::clock;
use crate::db::kernel_tables::{kernel_event, kernel_unreadable};
use crate::db::{AnyConnection, Database, DbResult};
use crate::events::log::Entity;
use crate::id::{EventId, Id, TenantId, TraceId};
use crate::instant::Instant;
use crate::trace;

/// What every event of the platform has.
#[derive(Deserialize)]
struct Envelope {
    event_id: Uuid,
    id: Uuid,
    tenant_id: TenantId,
}

/// An event that another database has sent.
#[derive(Insertable)]
#[diesel(table_name = kernel_event)]
pub(super) struct Record {
    event_id: EventId,
    topic: String,
    key: String,
    tenant_id: TenantId,
    entity_id: Id<Entity>,
    aggregate_version: i64,
    payload: String,
    created_at: Instant,
    received: bool,
    trace: Option<TraceId>,
}

/// A record that is no event; bytes are kept as base64.
#[derive(Insertable)]
#[diesel(table_name = kernel_unreadable)]
pub(super) struct Unreadable {
    topic: String,
    partition: i64,
    record_offset: i64,
    key: String,
    value: String,
    reason: &'static str,
    received_at: Instant,
}

impl Record {
    pub(super) fn read(record: &OwnedMessage) -> Result<Self, Unreadable> {
        let refused = |reason| Unreadable::new(record, reason);
        let key = std::str::from_utf8(record.key().unwrap_or_default())
            .ok()
            .filter(|key| !key.contains('\0'))
            .ok_or_else(|| refused("the key is no text"))?;
        let no_event = || refused("not a JSON object with event_id, id and tenant_id");
        let text = std::str::from_utf8(record.payload().unwrap_or_default())
            .ok()
            .filter(|text| text.trim_start().starts_with('{'))
            .ok_or_else(no_event)?;
        let envelope: Envelope = serde_json::from_str(text).map_err(|_| no_event())?;
        Ok(Self {
            event_id: EventId::from_uuid(envelope.event_id),
            topic: record.topic().to_owned(),
            key: key.to_owned(),
            tenant_id: envelope.tenant_id,
            entity_id: Id::from_uuid(envelope.id),
            aggregate_version: header(record, "oc-aggregate-version")
                .and_then(|version| version.parse().ok())
                .unwrap_or(0),
            payload: text.to_owned(),
            created_at: clock::now(),
            received: true,
            trace: header(record, trace::HEADER).and_then(trace::read),
        })
    }
}

impl Unreadable {
    fn new(record: &OwnedMessage, reason: &'static str) -> Self {
        let base64 = |bytes: Option<&[u8]>| {
            base64::engine::general_purpose::STANDARD.encode(bytes.unwrap_or_default())
        };
        Self {
            topic: record.topic().to_owned(),
            partition: record.partition().into(),
            record_offset: record.offset(),
            key: base64(record.key()),
            value: base64(record.payload()),
            reason,
            received_at: clock::now(),
        }
    }
}

fn header<'r>(record: &'r OwnedMessage, name: &str) -> Option<&'r str> {
    let found = record.headers()?.iter().find(|header| header.key == name)?;
    std::str::from_utf8(found.value?).ok()
}

/// Puts records behind the log. An event that is there already, because it was written here or came
/// before, is not put twice.
pub(super) fn put(
    connection: &mut AnyConnection,
    records: Vec<Result<Record, Unreadable>>,
) -> DbResult<()> {
    let mut events = Vec::new();
    let mut unreadable = Vec::new();
    for record in records {
        match record {
            Ok(event) => events.push(event),
            Err(record) => unreadable.push(record),
        }
    }
    for record in &unreadable {
        metrics::counter!("oc_event_unreadable_total", "topic" => record.topic.clone())
            .increment(1);
        tracing::error!(
            topic = record.topic,
            partition = record.partition,
            offset = record.record_offset,
            reason = record.reason,
            "a record is no event; it is kept: opencity kafka unreadable"
        );
    }
    match connection {
        AnyConnection::Sqlite(connection) => {
            for event in &events {
                diesel::insert_into(kernel_event::table)
                    .values(event)
                    .on_conflict_do_nothing()
                    .execute(connection)?;
            }
            for record in &unreadable {
                diesel::insert_into(kernel_unreadable::table)
                    .values(record)
                    .on_conflict_do_nothing()
                    .execute(connection)?;
            }
        }
        AnyConnection::Postgres(connection) => {
            diesel::insert_into(kernel_event::table)
                .values(&events)
                .on_conflict_do_nothing()
                .execute(connection)?;
            diesel::insert_into(kernel_unreadable::table)
                .values(&unreadable)
                .on_conflict_do_nothing()
                .execute(connection)?;
        }
    }
    Ok(())
}

/// Where a record is that is no event, and why it is none. Its bytes, which may be personal data, are in the table.
#[derive(Debug, Clone, Queryable)]
pub struct UnreadableRecord {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i64,
    /// Its place in the partition.
    pub offset: i64,
    /// What is wrong with it.
    pub reason: String,
    /// When it came.
    pub received_at: Instant,
}

/// Which of the records that are no event.
#[derive(Debug, Clone)]
pub struct UnreadableFilter {
    /// Of this topic.
    pub topic: Option<String>,
    /// Behind this topic, partition and offset.
    pub after: Option<(String, i64, i64)>,
    /// The most of them.
    pub limit: i64,
}

/// The records that are no event, in the order of their places.
///
/// # Errors
/// If the database refuses.
pub async fn unreadable(
    database: &Database,
    filter: UnreadableFilter,
) -> DbResult<Vec<UnreadableRecord>> {
    use kernel_unreadable::dsl;
    database
        .read_raw(move |connection| {
            let mut query = dsl::kernel_unreadable
                .order((dsl::topic, dsl::partition, dsl::record_offset))
                .select((
                    dsl::topic,
                    dsl::partition,
                    dsl::record_offset,
                    dsl::reason,
                    dsl::received_at,
                ))
                .limit(filter.limit)
                .into_boxed();
            if let Some(topic) = &filter.topic {
                query = query.filter(dsl::topic.eq(topic));
            }
            if let Some((topic, partition, offset)) = &filter.after {
                let further = dsl::partition.gt(partition).or(dsl::partition
                    .eq(partition)
                    .and(dsl::record_offset.gt(offset)));
                query = query.filter(
                    dsl::topic
                        .gt(topic.clone())
                        .or(dsl::topic.eq(topic).and(further)),
                );
            }
            Ok(query.load(connection)?)
        })
        .await
}
