//! Events: each becomes a delivery of every webhook that wants to know of it, in the transaction that takes it.

use std::sync::Arc;

use async_trait::async_trait;
use opencity_kernel::clock;
use opencity_kernel::context::Platform;
use opencity_kernel::db::{DbError, WriteScope};
use opencity_kernel::directory;
use opencity_kernel::events::{Consumer, Event, HandleError, Next, OrderingKey, Topic};
use opencity_kernel::id::ServiceId;
use opencity_kernel::instant::Instant;
use serde_json::Value;

use crate::deliveries;
use crate::domain::body::{self, Surroundings};
use crate::domain::{Occurrence, Trigger, wants};
use crate::store::service::{self, ServiceRow};
use crate::store::webhook::WebhookRow;
use crate::store::{delivery, webhook};

/// Listens to everything that fires webhooks. One consumer for all topics, so that on the embedded log a
/// service is known before what belongs to it.
pub(crate) struct Events {
    pub platform: Arc<Platform>,
}

#[async_trait]
impl Consumer for Events {
    fn name(&self) -> &'static str {
        "webhooks.events"
    }

    fn topics(&self) -> &'static [Topic] {
        &[
            Topic::Services,
            Topic::Applications,
            Topic::Messages,
            Topic::Payments,
            Topic::Documents,
        ]
    }

    /// Of services the newest version wins; deliveries promise no order among themselves, so that a target
    /// that is away holds nothing back.
    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        if event.topic == Topic::Services {
            return keep_service(scope, event);
        }
        let Some(occurrence) = Occurrence::of(event) else {
            return Ok(Next::Nothing);
        };
        let mut fired = Vec::new();
        for row in webhook::active(scope)? {
            if is_after(event, row.created_at)
                && wants(&triggers(&row)?, &services(&row)?, &occurrence)
            {
                fired.push(row);
            }
        }
        if fired.is_empty() {
            return Ok(Next::Nothing);
        }
        let around = self.surroundings(scope, event, &occurrence)?;
        let now = clock::now();
        for row in fired {
            let sent = body::build(event.topic, &event.payload, row.body_version, &around);
            let name = occurrence.trigger.to_string();
            let delivery = deliveries::new(
                &row,
                around.event_id,
                event.entity.into(),
                &name,
                &sent,
                now,
            )?;
            // The event taken once more, by a replay, makes no second one.
            delivery::insert(scope, &delivery)?;
        }
        self.platform
            .wakes
            .after_commit(scope, crate::tasks::DELIVER);
        Ok(Next::Done)
    }
}

impl Events {
    fn surroundings(
        &self,
        scope: &mut WriteScope<'_>,
        event: &Event,
        occurrence: &Occurrence,
    ) -> Result<Surroundings, HandleError> {
        let service = match occurrence.service {
            Some(id) => service::slug(scope, id)?,
            None => None,
        };
        let site = directory::tenant_in(scope)?
            .map(|tenant| self.platform.public_url(&tenant))
            .unwrap_or_default();
        Ok(Surroundings {
            event_id: event.original_id(),
            tenant: scope.tenant_id(),
            service,
            application_url: occurrence
                .application
                .map(|id| format!("{site}/lang/api/applications/{id}")),
        })
    }
}

fn keep_service(scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
    let Some(slug) = event.payload.get("slug").and_then(Value::as_str) else {
        return Err(HandleError::permanent(
            "malformed-event",
            "the service event has no slug",
        ));
    };
    let row = ServiceRow {
        tenant_id: scope.tenant_id(),
        id: event.entity.into(),
        slug: slug.to_owned(),
        deleted: event.change_type() == "deleted",
        aggregate_version: event.aggregate_version,
    };
    service::keep(scope, &row)?;
    Ok(Next::Done)
}

/// Whether the event happened when the webhook was there: a log that is read again from its beginning must
/// not tell the past to a new target. Events carry whole seconds.
fn is_after(event: &Event, created_at: Instant) -> bool {
    event
        .payload
        .get("event_created_at")
        .and_then(Value::as_str)
        .and_then(|text| Instant::parse(text).ok())
        .is_none_or(|happened| happened.unix() >= created_at.unix())
}

pub(crate) fn triggers(row: &WebhookRow) -> Result<Vec<Trigger>, DbError> {
    let names: Vec<String> = row.triggers.read()?;
    Ok(names
        .iter()
        .filter_map(|name| Trigger::parse(name))
        .collect())
}

/// The services that a webhook is for; none named means all.
pub(crate) fn services(row: &WebhookRow) -> Result<Vec<ServiceId>, DbError> {
    row.filters.read()
}
