//! What a queue entry says.

use opencity_contracts::RetryEntry;
use opencity_kernel::events::{Event, Redelivery, RetryMeta};
use opencity_kernel::id::EventId;
use opencity_kernel::instant::Instant;
use serde_json::{Value, json};
use uuid::Uuid;

/// An event that failed, as its queue entry tells it.
#[derive(Debug, Clone)]
pub(crate) struct FailedEvent {
    pub consumer: String,
    pub topic: String,
    pub original_event_id: EventId,
    pub entity: Uuid,
    /// Attempts made since it failed first, or since it was redriven.
    pub attempts: i64,
    pub max_attempts: i64,
    /// Deliveries made in all.
    pub redelivery: i64,
    pub first_failed_at: Instant,
    pub error_type: String,
    pub error_detail: String,
    pub permanent: bool,
    /// It is an event of a topic that exists.
    pub redeliverable: bool,
    pub payload: String,
}

impl FailedEvent {
    /// Reads an entry. Whatever it is, something can be kept of it: what is no event, or names no topic
    /// that this version knows, cannot go back but is not lost.
    pub(crate) fn read(event: &Event, attempts_of_schedule: i64, now: Instant) -> Self {
        let payload = &event.payload;
        let meta = payload.get("retry_meta").and_then(RetryMeta::read);
        let entry = RetryEntry::read(payload).ok();
        let contract = entry.as_ref().map(RetryEntry::meta);
        let text = |pick: fn(&opencity_contracts::RetryMeta) -> Option<String>| {
            contract.and_then(pick).unwrap_or_default()
        };
        let number = |key: &str| {
            payload
                .get("retry_meta")
                .and_then(|meta| meta.get(key))
                .and_then(Value::as_i64)
        };
        let attempts = meta.as_ref().map_or(0, |meta| meta.attempt);
        Self {
            consumer: text(|meta| meta.consumer.clone()),
            topic: text(|meta| Some(meta.original_topic.clone())),
            original_event_id: meta
                .as_ref()
                .map_or(event.event_id, |meta| meta.original_event_id),
            entity: event.entity,
            attempts,
            max_attempts: number("max_attempts").unwrap_or(attempts_of_schedule),
            redelivery: meta.as_ref().map_or(attempts, |meta| meta.redelivery),
            first_failed_at: contract
                .and_then(|meta| meta.first_failed_at)
                .map_or(now, Instant::from_utc),
            error_type: text(|meta| {
                meta.error
                    .as_ref()
                    .map(|error| {
                        if error.kind.is_empty() {
                            &error.title
                        } else {
                            &error.kind
                        }
                    })
                    .cloned()
            }),
            error_detail: text(|meta| meta.error.as_ref().and_then(|error| error.detail.clone())),
            permanent: meta.as_ref().is_some_and(|meta| meta.error.permanent),
            redeliverable: !matches!(entry, Some(RetryEntry::Raw { .. }))
                && Redelivery::of(payload, json!({})).is_some(),
            payload: payload.to_string(),
        }
    }

    /// Whether it waits for another attempt.
    pub(crate) fn is_tried_again(&self) -> bool {
        self.redeliverable && !self.permanent && self.attempts < self.max_attempts
    }
}
