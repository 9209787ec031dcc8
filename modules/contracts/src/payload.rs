//! The bodies of the events: which topic each goes on, its key, and how it is read from a whole event.

use serde::Serialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::envelope::ENVELOPE_KEYS;
use crate::topics::Topic;

/// The body of an entity as it stands on a topic, without the keys of the envelope (but `id`).
pub trait Payload: Serialize + DeserializeOwned {
    /// Where it goes.
    const TOPIC: Topic;

    /// The entity.
    fn entity_id(&self) -> Uuid;

    /// The id that is the key of its events on the log: see [`crate::KeyRule`].
    fn key(&self, tenant_id: Uuid) -> Uuid;
}

/// A body that does not have the form of its topic. It never quotes the values that it read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event on `{topic}` does not have the form of its topic: {detail}")]
pub struct MalformedPayload {
    /// The topic.
    pub topic: Topic,
    /// What is wrong, in terms of keys and types.
    pub detail: String,
}

/// Reads the body from a whole event; the envelope's keys are left aside.
///
/// # Errors
/// [`MalformedPayload`].
pub fn read<T: Payload>(event: &Value) -> Result<T, MalformedPayload> {
    T::deserialize(event).map_err(|error| MalformedPayload {
        topic: T::TOPIC,
        detail: without_values(&error.to_string()),
    })
}

/// Serde quotes what it found before what it expected: only the latter is about our own types.
fn without_values(message: &str) -> String {
    if message.starts_with("missing field") || message.starts_with("duplicate field") {
        return message.to_owned();
    }
    match message.rfind(", expected ") {
        Some(start) => message.get(start + 2..).unwrap_or_default().to_owned(),
        None if message.starts_with("expected one of: ") || message.starts_with("not a") => {
            message.to_owned()
        }
        None => "a value is not of the expected form".to_owned(),
    }
}

/// For `#[serde(flatten, deserialize_with = "passed_on")]`: the keys that this version does not know, which the next event of the
/// entity has to carry on. Those of the envelope are not among them.
pub(crate) fn passed_on<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Map<String, Value>, D::Error> {
    let mut keys = <Map<String, Value> as serde::Deserialize>::deserialize(deserializer)?;
    keys.retain(|key, _| !ENVELOPE_KEYS.contains(&key.as_str()));
    Ok(keys)
}

/// Implements [`Payload`] for a type with a field `id`.
macro_rules! payload {
    ($type:ty, $topic:ident, |$self:ident, $tenant:ident| $key:expr) => {
        impl $crate::payload::Payload for $type {
            const TOPIC: $crate::topics::Topic = $crate::topics::Topic::$topic;

            fn entity_id(&self) -> uuid::Uuid {
                self.id
            }

            fn key(&self, $tenant: uuid::Uuid) -> uuid::Uuid {
                let $self = self;
                $key
            }
        }
    };
}

pub(crate) use payload;
