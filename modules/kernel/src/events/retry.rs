//! Handing an event that failed to the RetryOrchestrator, and reading it when it comes back.

use serde_json::{Value, json};

use super::{Change, Event, Failure, NewEvent, Topic};
use crate::clock;
use crate::db::{DbResult, WriteScope};
use crate::id::EventId;
use crate::problem::ProblemKind;

/// Attempts after which an event becomes a dead letter, unless its `retry_meta` says otherwise.
pub const MAX_ATTEMPTS: i64 = 10;

/// Why an attempt failed, as the queue keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryError {
    /// Short name.
    pub kind: String,
    /// Sentence.
    pub detail: String,
    /// Trying again is of no use.
    pub permanent: bool,
}

/// `retry_meta` of an event that failed.
#[derive(Debug, Clone)]
pub struct RetryMeta {
    /// Where it came from.
    pub original_topic: String,
    /// Under which key.
    pub original_key: String,
    /// Its id when it was first written.
    pub original_event_id: EventId,
    /// The entity's counter of changes at that event.
    pub aggregate_version: i64,
    /// Who could not take it.
    pub consumer: String,
    /// What that consumer wants to find again.
    pub state: Value,
    /// Why it failed last.
    pub error: RetryError,
    /// How often it was tried again since it failed first, or since it was redriven.
    pub attempt: i64,
    /// How many attempts it has; those of the schedule may change while it waits.
    pub max_attempts: i64,
    /// How often it was delivered again in all. It never starts again: the inbox tells by it the
    /// attempts after a redrive from those before.
    pub redelivery: i64,
    /// Whether an administrator gave it up: the consumer records it and goes on.
    pub discarded: bool,
}

impl RetryMeta {
    /// Reads it; `None` if it is not of this shape.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let error = value.get("error");
        let of_error = |key: &str| {
            error
                .and_then(|error| error.get(key))
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let number = |key: &str| value.get(key).and_then(Value::as_i64);
        let attempt = number("attempt").unwrap_or(0);
        Some(Self {
            original_topic: text("original_topic")?,
            original_key: text("original_key").unwrap_or_default(),
            original_event_id: text("original_event_id")?.parse().ok()?,
            aggregate_version: number("aggregate_version").unwrap_or(0),
            consumer: text("consumer")?,
            state: value.get("state").cloned().unwrap_or(Value::Null),
            error: RetryError {
                kind: of_error("type"),
                detail: of_error("detail"),
                permanent: error
                    .and_then(|e| e.get("permanent"))
                    .and_then(Value::as_bool)
                    .unwrap_or(false),
            },
            attempt,
            max_attempts: number("max_attempts").unwrap_or(MAX_ATTEMPTS),
            redelivery: number("redelivery").unwrap_or(attempt),
            discarded: value
                .get("discarded")
                .and_then(Value::as_bool)
                .unwrap_or(false),
        })
    }
}

/// An event that goes back to its topic.
pub struct Redelivery;

impl Redelivery {
    /// The event of a queue entry (as it was stored), on its way to the topic that it came from, with
    /// the retry's own fields set in `retry_meta`. `None` if the entry is no event, or names no topic
    /// that exists.
    #[must_use]
    pub fn of(entry: &Value, fields: Value) -> Option<NewEvent> {
        let meta = RetryMeta::read(entry.get("retry_meta")?)?;
        let topic =
            Topic::parse(&meta.original_topic).filter(|topic| *topic != Topic::RetryQueue)?;
        let entity = entry.get("id")?.as_str()?.parse().ok()?;
        let mut payload = entry.as_object()?.clone();
        if let (Some(Value::Object(target)), Value::Object(fields)) =
            (payload.get_mut("retry_meta"), fields)
        {
            target.extend(fields);
        }
        Some(NewEvent {
            topic,
            key: meta.original_key,
            entity,
            aggregate_version: meta.aggregate_version,
            change: Change::data(),
            body: Value::Object(payload),
            redelivered: true,
        })
    }
}

/// The page that explains a failure: its own where the catalogue has one, else that of events in general.
fn page_of(kind: &str) -> String {
    match ProblemKind::of_id(kind) {
        Some(known) => format!("/docs/problems/{}", known.id()),
        None => format!("/docs/problems/{}#{kind}", ProblemKind::EventNotTaken.id()),
    }
}

/// Writes the queue entry of an event that `consumer` could not take.
pub(super) fn enqueue(
    scope: &mut WriteScope<'_>,
    consumer: &str,
    event: &Event,
    failure: &Failure,
) -> DbResult<()> {
    let before = event.retry_meta();
    let mut payload = event.body_map();
    let mut meta = payload
        .get("retry_meta")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let first = before.is_none();
    if first {
        meta.insert("original_topic".to_owned(), json!(event.topic.as_str()));
        meta.insert("original_key".to_owned(), json!(event.key));
        meta.insert("original_event_id".to_owned(), json!(event.event_id));
        meta.insert(
            "aggregate_version".to_owned(),
            json!(event.aggregate_version),
        );
        meta.insert("attempt".to_owned(), json!(0));
        meta.insert("first_failed_at".to_owned(), json!(clock::now()));
    }
    meta.insert("consumer".to_owned(), json!(consumer));
    meta.insert("state".to_owned(), failure.state.clone());
    meta.insert(
        "error".to_owned(),
        json!({
            "type": page_of(&failure.kind),
            "title": failure.kind,
            "detail": failure.detail,
            "permanent": failure.permanent,
        }),
    );
    payload.insert("retry_meta".to_owned(), Value::Object(meta));
    let entry = NewEvent::again(Topic::RetryQueue, event, Value::Object(payload));
    scope.emit(entry)?;
    Ok(())
}
