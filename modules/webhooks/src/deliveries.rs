//! How a delivery comes to be.

use opencity_kernel::crypto::sha256_hex;
use opencity_kernel::db::DbError;
use opencity_kernel::id::{DeliveryId, EventId};
use opencity_kernel::instant::Instant;
use serde_json::Value;
use uuid::Uuid;

use crate::domain::DeliveryState;
use crate::store::delivery::{DeliveryRow, EntityId};
use crate::store::webhook::WebhookRow;

/// The name under which a test is listed.
pub(crate) const TEST: &str = "test";

/// The id of a delivery follows from webhook and event (UUID version 8), so that an event that is taken
/// again makes the same one, and a receiver that keeps ids recognises it.
pub(crate) fn delivery_id(webhook: &WebhookRow, event: EventId) -> DeliveryId {
    let digest = sha256_hex(format!("webhook {} event {event}", webhook.id).as_bytes());
    let bytes = u128::from_str_radix(digest.get(..32).unwrap_or_default(), 16).unwrap_or_default();
    DeliveryId::from_uuid(Uuid::new_v8(bytes.to_be_bytes()))
}

/// A delivery that goes out at once.
pub(crate) fn new(
    webhook: &WebhookRow,
    event: EventId,
    entity: EntityId,
    trigger: &str,
    body: &Value,
    now: Instant,
) -> Result<DeliveryRow, DbError> {
    Ok(DeliveryRow {
        tenant_id: webhook.tenant_id,
        id: delivery_id(webhook, event),
        webhook_id: webhook.id,
        event_id: event,
        entity_id: entity,
        trigger_name: trigger.to_owned(),
        state: DeliveryState::Pending.as_str().to_owned(),
        body: serde_json::to_string(body).map_err(DbError::json)?,
        attempts: 0,
        next_attempt_at: Some(now),
        lease_holder: None,
        lease_until: None,
        response_status: None,
        error: None,
        last_attempt_at: None,
        created_at: now,
        updated_at: now,
    })
}
