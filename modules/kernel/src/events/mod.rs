//! Events: written with the change that they tell, read in order by consumers.
//!
//! [`WriteScope::emit`](crate::db::WriteScope::emit) puts an event into the outbox, in the
//! transaction of the change. A carrier takes it from there to the log; [`Consumer`]s read the
//! log, each at its own position.

mod bus;
mod consumer;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod lease;
pub mod log;
mod relay;
mod retry;
mod runner;
mod signal;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub use bus::Bus;
pub use consumer::{CallError, Consumer, Failure, HandleError, Next, OrderingKey, Settle};
pub use log::{Filter, latest_position, read};
pub use opencity_contracts::Topic;
pub use relay::Relay;
pub use retry::{Redelivery, RetryError, RetryMeta};
pub use runner::{Carrier, Runner, RunnerSettings, positions, replay};

use crate::db::Tenancy;
use crate::id::{EventId, HistoryId, TenantId, TraceId};

/// What happened to the entity, as the event's `change` says.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    kind: &'static str,
    from: Option<String>,
    to: Option<String>,
    history: Option<HistoryId>,
}

impl Change {
    /// A change of state; `from` is `None` for the first state.
    #[must_use]
    pub fn status(from: Option<&str>, to: &str) -> Self {
        Self {
            kind: "status",
            from: from.map(str::to_owned),
            to: Some(to.to_owned()),
            history: None,
        }
    }

    /// A change of data that leaves the state.
    #[must_use]
    pub fn data() -> Self {
        Self::plain("data")
    }

    /// A new entity of a kind without states.
    #[must_use]
    pub fn created() -> Self {
        Self::plain("created")
    }

    /// An entity that is no more.
    #[must_use]
    pub fn deleted() -> Self {
        Self::plain("deleted")
    }

    /// The present state, told again: it fires and creates nothing.
    #[must_use]
    pub fn republished() -> Self {
        Self::plain("republished")
    }

    fn plain(kind: &'static str) -> Self {
        Self {
            kind,
            from: None,
            to: None,
            history: None,
        }
    }

    /// The row of the entity's history that keeps this change.
    #[must_use]
    pub fn with_history(mut self, id: HistoryId) -> Self {
        self.history = Some(id);
        self
    }

    fn to_json(&self) -> Value {
        json!({"type": self.kind, "from": self.from, "to": self.to, "history_id": self.history})
    }
}

/// An event to write. The kernel adds the envelope.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Where it goes.
    pub topic: Topic,
    /// The topic's key: what keeps its order (an id, never a personal datum).
    pub key: String,
    /// The entity that it is about.
    pub entity: Uuid,
    /// The entity's own counter of changes: what orders its events.
    pub aggregate_version: i64,
    /// What happened.
    pub change: Change,
    /// The entity as it is now, as the topic's contract says.
    pub body: Value,
    pub(crate) redelivered: bool,
}

impl NewEvent {
    /// An event with this body.
    pub fn new(
        topic: Topic,
        key: impl ToString,
        entity: impl Into<Uuid>,
        aggregate_version: i64,
        change: Change,
        body: Value,
    ) -> Self {
        Self {
            topic,
            key: key.to_string(),
            entity: entity.into(),
            aggregate_version,
            change,
            body,
            redelivered: false,
        }
    }

    /// The same event once more, with what the retry added in `retry_meta`. Only `event_id` is new.
    #[must_use]
    pub fn again(topic: Topic, event: &Event, payload: Value) -> Self {
        Self {
            topic,
            key: event.entity.to_string(),
            entity: event.entity,
            aggregate_version: event.aggregate_version,
            change: Change::data(),
            body: payload,
            redelivered: true,
        }
    }

    /// Under another key.
    #[must_use]
    pub fn keyed(mut self, key: impl ToString) -> Self {
        self.key = key.to_string();
        self
    }
}

/// An event, as a consumer gets it.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its place in the log.
    pub position: i64,
    /// The event's own id; another one at each redelivery.
    pub event_id: EventId,
    /// Where it came from.
    pub topic: Topic,
    /// The topic's key.
    pub key: String,
    /// The entity that it is about.
    pub entity: Uuid,
    /// The entity's counter of changes at this event.
    pub aggregate_version: i64,
    /// The whole event.
    pub payload: Value,
    tenant: TenantId,
    trace: Option<TraceId>,
}

impl Event {
    /// For whom consumers work on it.
    #[must_use]
    pub fn tenancy(&self) -> Tenancy {
        Tenancy::new(self.tenant)
    }

    /// The tenant.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.tenant
    }

    /// The trace that it belongs to: the request that it follows from. None of an event of another version of the program.
    #[must_use]
    pub fn trace(&self) -> Option<TraceId> {
        self.trace
    }

    /// The body, as the topic's contract types it.
    ///
    /// # Errors
    /// A permanent failure if it is not of that shape.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, HandleError> {
        T::deserialize(&self.payload).map_err(|error| {
            // Serde quotes the values that it found, which may be personal: only the name of a missing key is told.
            let text = error.to_string();
            let what = if text.starts_with("missing field") {
                text.as_str()
            } else {
                "a value is not of the expected form"
            };
            HandleError::permanent(
                "malformed-event",
                format!("the {} event is malformed: {what}", self.topic.as_str()),
            )
        })
    }

    /// `change.type`.
    #[must_use]
    pub fn change_type(&self) -> &str {
        self.payload
            .pointer("/change/type")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Whether the event tells a change of state.
    #[must_use]
    pub fn is_status_change(&self) -> bool {
        self.change_type() == "status"
    }

    /// Whether the event tells the present state once more: nothing may be fired or created by it.
    #[must_use]
    pub fn is_republished(&self) -> bool {
        self.change_type() == "republished"
    }

    /// `change.from`.
    #[must_use]
    pub fn changed_from(&self) -> Option<&str> {
        self.payload.pointer("/change/from").and_then(Value::as_str)
    }

    /// `change.to`.
    #[must_use]
    pub fn changed_to(&self) -> Option<&str> {
        self.payload.pointer("/change/to").and_then(Value::as_str)
    }

    /// What a retry has added, if the event comes from one.
    #[must_use]
    pub fn retry_meta(&self) -> Option<RetryMeta> {
        self.payload
            .get("retry_meta")
            .filter(|meta| !meta.is_null())
            .and_then(RetryMeta::read)
    }

    /// The id of the event as it was first written.
    #[must_use]
    pub fn original_id(&self) -> EventId {
        self.retry_meta()
            .map_or(self.event_id, |meta| meta.original_event_id)
    }

    pub(crate) fn body_map(&self) -> Map<String, Value> {
        self.payload.as_object().cloned().unwrap_or_default()
    }
}
