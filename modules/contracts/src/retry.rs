//! Entries of the topic `retry_queue`, and the record that an event carries while it is delivered again.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::wire::rome_option;

/// What failed, and what is known of the attempts so far. Keys of other writers are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RetryMeta {
    /// Where the event was read, and where it is delivered again.
    pub original_topic: String,
    /// Its key there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_key: Option<String>,
    /// The event that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_event_id: Option<Uuid>,
    /// The `oc-aggregate-version` that the event had, because a redelivery is a record of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate_version: Option<i64>,
    /// Who failed; a consumer of ours skips the event of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
    /// What the consumer has to remember of the parts already done; nobody else reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Value>,
    /// Why it failed the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RetryError>,
    /// Number of the attempt, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// How many there are before it is a dead letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// When it failed for the first time.
    #[serde(default, with = "rome_option", skip_serializing_if = "Option::is_none")]
    pub first_failed_at: Option<DateTime<Utc>>,
    /// When it is delivered again.
    #[serde(default, with = "rome_option", skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// An administrator gave the event up: the consumer records it and lets the parked events of the key go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub discarded: bool,
    /// Keys of other writers.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Why the handling of an event failed. `title` and `detail` are for administrators and hold no personal datum.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryError {
    /// A stable name of the kind of error.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// In a few words.
    #[serde(default)]
    pub title: String,
    /// What happened this time.
    #[serde(default)]
    pub detail: Option<String>,
    /// Another attempt cannot help: at once a dead letter.
    #[serde(default)]
    pub permanent: bool,
}

/// An entry of the queue.
#[derive(Clone, Debug, PartialEq)]
pub enum RetryEntry {
    /// A whole event, with its record.
    Event {
        /// The event, `retry_meta` included.
        event: Map<String, Value>,
        /// The record.
        meta: RetryMeta,
    },
    /// Bytes that are no event. They belong to no tenant.
    Raw {
        /// The bytes, base64.
        raw: String,
        /// The record.
        meta: RetryMeta,
    },
}

/// Why an entry of the queue is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetryEntryError {
    /// Not a JSON object.
    #[error("the entry is not a JSON object")]
    NotAnObject,
    /// `retry_meta` is absent or has no `original_topic`: nobody can tell where it came from.
    #[error("the entry has no `retry_meta` with an `original_topic`")]
    NoMeta,
}

const META: &str = "retry_meta";
const RAW: &str = "raw";

impl RetryEntry {
    /// Reads an entry.
    ///
    /// # Errors
    /// [`RetryEntryError`].
    pub fn read(entry: &Value) -> Result<Self, RetryEntryError> {
        let event = entry.as_object().ok_or(RetryEntryError::NotAnObject)?;
        let meta = event
            .get(META)
            .and_then(|meta| RetryMeta::deserialize(meta).ok())
            .ok_or(RetryEntryError::NoMeta)?;
        match event.get(RAW).and_then(Value::as_str) {
            // An entity may have a key of this name; bytes that did not parse have no envelope.
            Some(raw) if !event.contains_key("event_id") => Ok(Self::Raw {
                raw: raw.to_owned(),
                meta,
            }),
            _ => Ok(Self::Event {
                event: event.clone(),
                meta,
            }),
        }
    }

    /// The entry as it goes on the queue: the whole event with `retry_meta`, or `{"raw", "retry_meta"}`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn write(&self) -> Result<Value, serde_json::Error> {
        let (mut entry, meta) = match self {
            Self::Event { event, meta } => (event.clone(), meta),
            Self::Raw { raw, meta } => (
                Map::from_iter([(RAW.to_owned(), Value::String(raw.clone()))]),
                meta,
            ),
        };
        entry.insert(META.to_owned(), serde_json::to_value(meta)?);
        Ok(Value::Object(entry))
    }

    /// Its record.
    #[must_use]
    pub fn meta(&self) -> &RetryMeta {
        match self {
            Self::Event { meta, .. } | Self::Raw { meta, .. } => meta,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )]
    use super::*;
    use serde_json::json;

    #[test]
    fn what_an_external_proxy_keeps_in_the_record_comes_back_to_it() {
        let entry = json!({
            "id": "x", "event_id": "y", "raw": "a key of the entity",
            "retry_meta": {"original_topic": "documents", "uploaded_files": [1, 2], "state": {"number": "7"}, "attempt": 3,
                "next_attempt_at": "2025-03-10T09:20:14+01:00"}
        });
        let read = RetryEntry::read(&entry).unwrap();
        assert_eq!(read.meta().attempt, Some(3));
        assert_eq!(read.write().unwrap(), entry);
    }

    #[test]
    fn bytes_that_do_not_parse_are_an_entry_too() {
        let entry = json!({"raw": "e25vdCBqc29u", "retry_meta": {"original_topic": "payments", "consumer": "payments"}});
        let read = RetryEntry::read(&entry).unwrap();
        assert!(matches!(&read, RetryEntry::Raw { raw, .. } if raw == "e25vdCBqc29u"));
        assert_eq!(read.write().unwrap(), entry);
    }

    #[test]
    fn without_a_topic_of_origin_it_is_no_entry() {
        for (entry, error) in [
            (json!([]), RetryEntryError::NotAnObject),
            (json!({"id": "x"}), RetryEntryError::NoMeta),
            (
                json!({"id": "x", "retry_meta": {"attempt": 1}}),
                RetryEntryError::NoMeta,
            ),
        ] {
            assert_eq!(RetryEntry::read(&entry), Err(error));
        }
    }
}
