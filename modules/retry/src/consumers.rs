//! The queue of events that failed.

use async_trait::async_trait;
use opencity_kernel::clock;
use opencity_kernel::db::WriteScope;
use opencity_kernel::events::{Consumer, Event, HandleError, Next, OrderingKey, Topic};
use opencity_kernel::id::{DeadLetterId, EventId};

use crate::domain::{FailedEvent, Schedule, State};
use crate::store::dead_letter::{self, DeadLetterRow};
use crate::store::entry::{self, EntryRow};

/// Stores what comes on `retry_queue`: to be tried again, or as a dead letter.
pub(crate) struct Queue {
    pub schedule: Schedule,
}

#[async_trait]
impl Consumer for Queue {
    fn name(&self) -> &'static str {
        "retry.queue"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::RetryQueue]
    }

    /// Nothing has to wait here. The consumer that failed holds the key and parks what comes behind, so
    /// at most one event of its key is on its way; entries of the same entity from different consumers
    /// have nothing to do with each other, and holding one back for the other would couple them.
    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let now = clock::now();
        let failed = FailedEvent::read(event, self.schedule.attempts(), now);
        if failed.is_tried_again() {
            let attempt = failed.attempts + 1;
            let wait = self.schedule.wait_before(attempt, rand::random());
            entry::insert(
                scope,
                &waiting(
                    scope.tenant_id(),
                    event.event_id,
                    failed,
                    attempt,
                    now,
                    now.plus(wait),
                ),
            )?;
        } else {
            keep_dead(scope, failed, now)?;
        }
        Ok(Next::Done)
    }
}

fn waiting(
    tenant_id: opencity_kernel::id::TenantId,
    id: EventId,
    failed: FailedEvent,
    attempt: i64,
    now: opencity_kernel::instant::Instant,
    next_attempt_at: opencity_kernel::instant::Instant,
) -> EntryRow {
    EntryRow {
        tenant_id,
        id,
        consumer: failed.consumer,
        topic: failed.topic,
        original_event_id: failed.original_event_id,
        entity_id: failed.entity.into(),
        attempt,
        max_attempts: failed.max_attempts,
        redelivery: failed.redelivery + 1,
        first_failed_at: failed.first_failed_at,
        next_attempt_at,
        error_type: failed.error_type,
        error_detail: failed.error_detail,
        payload: failed.payload,
        created_at: now,
    }
}

fn keep_dead(
    scope: &mut WriteScope<'_>,
    failed: FailedEvent,
    now: opencity_kernel::instant::Instant,
) -> Result<(), HandleError> {
    let row = DeadLetterRow {
        tenant_id: scope.tenant_id(),
        id: DeadLetterId::new(),
        version: 1,
        state: State::Dead.as_str().to_owned(),
        consumer: failed.consumer,
        topic: failed.topic,
        original_event_id: failed.original_event_id,
        entity_id: failed.entity.into(),
        attempts: failed.attempts,
        redelivery: failed.redelivery,
        permanent: failed.permanent,
        redeliverable: failed.redeliverable,
        first_failed_at: failed.first_failed_at,
        error_type: failed.error_type,
        error_detail: failed.error_detail,
        payload: failed.payload,
        created_at: now,
        updated_at: now,
    };
    dead_letter::keep(scope, &row)?;
    metrics::counter!("oc_dead_letters_total", "topic" => row.topic.clone(), "consumer" => row.consumer.clone()).increment(1);
    tracing::warn!(topic = row.topic, consumer = row.consumer, event_id = %row.original_event_id, kind = row.error_type, "a dead letter waits for somebody to redrive or discard it");
    Ok(())
}
