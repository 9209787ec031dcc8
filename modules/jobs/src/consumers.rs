//! What the module listens to.

use async_trait::async_trait;
use opencity_contracts::Job;
use opencity_kernel::db::WriteScope;
use opencity_kernel::events::{Consumer, Event, HandleError, Next, OrderingKey, Topic};
use opencity_kernel::id::ServiceId;
use serde::Deserialize;

use crate::store::{job, service};

/// Takes over what the executing module tells of a process.
pub struct Progress;

#[async_trait]
impl Consumer for Progress {
    fn name(&self) -> &'static str {
        "jobs.progress"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Jobs]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let body: Job = event.body()?;
        Ok(if job::update(scope, &body, event.aggregate_version)? {
            Next::Done
        } else {
            Next::Nothing
        })
    }
}

/// Keeps the replica of services.
pub struct Services;

#[derive(Deserialize)]
struct ServiceKind {
    #[serde(default)]
    kind: Option<String>,
}

#[async_trait]
impl Consumer for Services {
    fn name(&self) -> &'static str {
        "jobs.services"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Services]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let id = ServiceId::from_uuid(event.entity);
        if event.change_type() == "deleted" {
            service::delete(scope, id)?;
        } else {
            let body: ServiceKind = event.body()?;
            service::put(
                scope,
                id,
                body.kind.as_deref().unwrap_or("standard"),
                event.aggregate_version,
            )?;
        }
        Ok(Next::Done)
    }
}
