//! What became of messages: `notifications` says so on `deliveries`.

use std::sync::Arc;

use opencity_contracts::Delivery;
use opencity_contracts::delivery::DeliveryStatus;
use opencity_kernel::clock;
use opencity_kernel::context::Platform;
use opencity_kernel::db::WriteScope;
use opencity_kernel::events::{Consumer, Event, HandleError, Next, OrderingKey, Topic};
use opencity_kernel::id::MessageId;
use opencity_kernel::instant::Instant;

use crate::messages;
use crate::store::message;

/// Sets `sent_at` of a message at its first delivery that was handed over.
pub struct DeliveriesConsumer(pub Arc<Platform>);

impl Consumer for DeliveriesConsumer {
    fn name(&self) -> &'static str {
        "applications.deliveries"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Deliveries]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        // The first one counts, in whatever order they come.
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let delivery: Delivery = event.body()?;
        let (Some(id), DeliveryStatus::Sent) = (delivery.message_id, delivery.status) else {
            return Ok(Next::Nothing);
        };
        let Some(mut row) = message::find(scope, MessageId::from_uuid(id))? else {
            return Ok(Next::Nothing);
        };
        if row.sent_at.is_some() || row.application_id.uuid() != delivery.application_id {
            return Ok(Next::Nothing);
        }
        row.sent_at = Some(delivery.sent_at.map_or_else(clock::now, Instant::from_utc));
        let api = messages::public_api(&self.0, scope)?;
        messages::change(scope, &api, &mut row)?;
        Ok(Next::Done)
    }
}
