//! What every event carries beside the body of its entity.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::retry::RetryMeta;
use crate::version::EventVersion;
use crate::wire::{from_rfc3339, rome, text_enum};

/// The keys that belong to an event and never to its entity: never copied from one event to the next.
/// (`id` is the entity's own; `app_version` is written by older producers.)
pub const ENVELOPE_KEYS: &[&str] = &[
    "event_id",
    "event_version",
    "event_created_at",
    "app_id",
    "app_version",
    "tenant_id",
    "change",
    "retry_meta",
];

text_enum! {
    /// What happened to the entity.
    pub enum ChangeKind {
        /// It came into a state (`from` null at first). Mails and status triggers fire on this one alone.
        Status => "status",
        /// Its data changed, not its state.
        Data => "data",
        /// It was made (an entity without states).
        Created => "created",
        /// It was deleted; the body is its last one.
        Deleted => "deleted",
        /// Nothing happened: its present form is written again. Fires and creates nothing.
        Republished => "republished",
    }
}

/// Why there is an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: ChangeKind,
    /// The state before.
    #[serde(default)]
    pub from: Option<String>,
    /// The state after.
    #[serde(default)]
    pub to: Option<String>,
    /// The row of the entity's history that tells of it.
    #[serde(default)]
    pub history_id: Option<Uuid>,
}

/// The envelope of an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Envelope {
    /// The entity that the event is about.
    pub id: Uuid,
    /// The event; never twice.
    pub event_id: Uuid,
    /// The version of its form.
    pub event_version: EventVersion,
    /// When it was written.
    #[serde(with = "rome")]
    pub event_created_at: DateTime<Utc>,
    /// Who wrote it: `<application>:<version>`.
    pub app_id: String,
    /// Whose it is.
    pub tenant_id: Uuid,
    /// Why; `None` when another producer wrote the event.
    pub change: Option<Change>,
    /// Only on an event that is delivered again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_meta: Option<RetryMeta>,
}

/// Why something on a topic has no envelope that could be read. It names keys and never quotes values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not a JSON object.
    #[error("the event is not a JSON object")]
    NotAnObject,
    /// A required key is absent or null.
    #[error("the event has no `{field}`")]
    Missing {
        /// The key.
        field: &'static str,
    },
    /// A key has a value of the wrong form.
    #[error("`{field}` of the event is not {expected}")]
    Invalid {
        /// The key.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

impl Envelope {
    /// Reads and checks the envelope of a whole event.
    ///
    /// # Errors
    /// [`EnvelopeError`], for the first key that is absent or wrong.
    pub fn read(event: &Value) -> Result<Self, EnvelopeError> {
        let event = event.as_object().ok_or(EnvelopeError::NotAnObject)?;
        Ok(Self {
            id: uuid(event, "id")?,
            event_id: uuid(event, "event_id")?,
            event_version: required(
                event,
                "event_version",
                "a version of at most ten characters",
                |value| EventVersion::deserialize(value).ok(),
            )?,
            event_created_at: required(
                event,
                "event_created_at",
                "a time of ISO 8601 with offset",
                |value| from_rfc3339(value.as_str()?),
            )?,
            app_id: required(
                event,
                "app_id",
                "`<application>:<version>` in at most 100 characters",
                app_id,
            )?,
            tenant_id: uuid(event, "tenant_id")?,
            change: optional(event, "change", "a description of a change")?,
            retry_meta: optional(event, "retry_meta", "the record of a retry")?,
        })
    }

    /// Adds its keys to the body of an entity, in place of any of the same name.
    ///
    /// # Errors
    /// Only those of the serializer, for `retry_meta` with content that is not JSON.
    pub fn add_to(&self, body: &mut Map<String, Value>) -> Result<(), serde_json::Error> {
        if let Value::Object(keys) = serde_json::to_value(self)? {
            body.extend(keys);
        }
        Ok(())
    }
}

fn present<'a>(event: &'a Map<String, Value>, field: &'static str) -> Option<&'a Value> {
    event.get(field).filter(|value| !value.is_null())
}

fn required<T>(
    event: &Map<String, Value>,
    field: &'static str,
    expected: &'static str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<T, EnvelopeError> {
    let value = present(event, field).ok_or(EnvelopeError::Missing { field })?;
    read(value).ok_or(EnvelopeError::Invalid { field, expected })
}

fn uuid(event: &Map<String, Value>, field: &'static str) -> Result<Uuid, EnvelopeError> {
    required(event, field, "a UUID", |value| {
        Uuid::parse_str(value.as_str()?).ok()
    })
}

fn app_id(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let (application, version) = text.split_once(':')?;
    (text.len() <= 100 && !application.is_empty() && !version.is_empty()).then(|| text.to_owned())
}

fn optional<'a, T: Deserialize<'a>>(
    event: &'a Map<String, Value>,
    field: &'static str,
    expected: &'static str,
) -> Result<Option<T>, EnvelopeError> {
    present(event, field)
        .map(|value| T::deserialize(value).map_err(|_| EnvelopeError::Invalid { field, expected }))
        .transpose()
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

    fn event() -> Value {
        json!({
            "id": "68dada78-2398-4a11-b80a-98aaede3371c", "tenant_id": "01943ffe-0680-7438-ae6b-a7bca9d37914",
            "event_id": "01957f23-e630-7f33-a8b2-4bf48fc20904", "event_version": "2.0",
            "event_created_at": "2025-03-10T09:20:14+01:00", "app_id": "payment-proxy:0.1.0",
            "change": {"type": "status", "from": null, "to": "CREATION_PENDING", "history_id": null},
            "reason": "x"
        })
    }

    #[test]
    fn what_is_read_is_written_again_as_it_was() {
        let event = event();
        let envelope = Envelope::read(&event).unwrap();
        let mut body = Map::new();
        body.insert("reason".into(), json!("x"));
        body.insert("event_id".into(), json!("that of the event before"));
        envelope.add_to(&mut body).unwrap();
        assert_eq!(Value::Object(body), event);
    }

    #[test]
    fn an_event_of_another_producer_needs_no_change() {
        let mut event = event();
        event.as_object_mut().unwrap().remove("change");
        assert_eq!(Envelope::read(&event).unwrap().change, None);
    }

    #[test]
    fn each_required_key_is_missed_by_name() {
        for field in [
            "id",
            "event_id",
            "event_version",
            "event_created_at",
            "app_id",
            "tenant_id",
        ] {
            let mut event = event();
            event[field] = Value::Null;
            assert_eq!(
                Envelope::read(&event),
                Err(EnvelopeError::Missing { field })
            );
        }
        assert_eq!(Envelope::read(&json!([])), Err(EnvelopeError::NotAnObject));
    }

    #[test]
    fn an_error_never_quotes_what_it_read() {
        let secret = "RSSMRA80A01H501U";
        for field in [
            "id",
            "event_id",
            "event_version",
            "event_created_at",
            "app_id",
            "tenant_id",
            "change",
            "retry_meta",
        ] {
            for wrong in [json!(secret), json!({"type": secret})] {
                let mut event = event();
                event[field] = wrong;
                let error = Envelope::read(&event).unwrap_err();
                assert!(error.to_string().contains(field), "{error}");
                assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
            }
        }
    }
}
