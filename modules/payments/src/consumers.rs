//! What the module listens to.

use async_trait::async_trait;
use opencity_contracts::job::JobStatus;
use opencity_contracts::{Application, Job, Payload, PaymentEvent, Service};
use opencity_kernel::clock;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::WriteScope;
use opencity_kernel::events::{Consumer, Event, HandleError, Next, OrderingKey, Topic};
use opencity_kernel::id::{ApplicationId, JobId, OfficeId, ServiceId, UserId};

use crate::domain::item::payments_of;
use crate::store::replica::{ApplicationRow, ServiceRow};
use crate::store::{import, payment, replica};
use crate::tasks::IMPORT_TASK;

/// The job that this module executes.
pub const IMPORT_DUES: &str = "import_dovuti";

/// The body of an event; a wrong one is for an administrator to look at.
fn body<T: Payload>(event: &Event) -> Result<T, HandleError> {
    opencity_contracts::read(&event.payload)
        .map_err(|error| HandleError::permanent("malformed-event", error.to_string()))
}

/// Makes the payments of an application that enters 1500, each once.
pub struct Dispatcher;

#[async_trait]
impl Consumer for Dispatcher {
    fn name(&self) -> &'static str {
        "payments.dispatcher"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Applications]
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let pending = event
            .payload
            .get("status_name")
            .and_then(serde_json::Value::as_str)
            == Some("status_payment_pending");
        if !pending || !event.is_status_change() {
            return Ok(Next::Nothing);
        }
        let application: Application = body(event)?;
        // What is paid for it is paid in the system that told it.
        if application.is_external() {
            return Ok(Next::Nothing);
        }
        let payments = payments_of(&application, clock::now().utc())
            .map_err(|error| HandleError::permanent("incomplete-payment", error.to_string()))?;
        let mut next = Next::Nothing;
        for payment in &payments {
            if payment::create_for_item(scope, payment)? {
                next = Next::Done;
            }
        }
        Ok(next)
    }
}

/// Keeps the newest form of every payment, whoever wrote it.
pub struct ReadModel;

#[async_trait]
impl Consumer for ReadModel {
    fn name(&self) -> &'static str {
        "payments.read-model"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Payments]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let payment: PaymentEvent = body(event)?;
        let kept = payment::keep(
            scope,
            &payment,
            event.aggregate_version,
            event.payload.clone(),
        )?;
        Ok(if kept { Next::Done } else { Next::Nothing })
    }
}

/// Keeps what must be known of services and applications to say who may see a payment.
pub struct Replicas;

#[async_trait]
impl Consumer for Replicas {
    fn name(&self) -> &'static str {
        "payments.replicas"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Services, Topic::Applications]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let tenant_id = scope.tenant_id();
        if event.topic == Topic::Services {
            let service: Service = body(event)?;
            let row = ServiceRow::of(tenant_id, &service, event.aggregate_version)?;
            replica::keep_service(scope, &row, event.change_type() == "deleted")?;
        } else {
            let id = |key: &str| {
                event
                    .payload
                    .get(key)
                    .and_then(serde_json::Value::as_str)
                    .and_then(|id| id.parse().ok())
            };
            let Some(user) = id("user") else {
                return Err(HandleError::permanent(
                    "malformed-event",
                    "the application has no user",
                ));
            };
            replica::keep_application(
                scope,
                &ApplicationRow {
                    tenant_id,
                    id: ApplicationId::from_uuid(event.entity),
                    version: event.aggregate_version,
                    user_id: UserId::from_uuid(user),
                    operator_id: id("operator_id").map(UserId::from_uuid),
                    office_id: id("user_group_id").map(OfficeId::from_uuid),
                },
            )?;
        }
        Ok(Next::Done)
    }
}

/// Takes up imports of dues, and calls them off.
pub struct Imports(pub ModuleContext);

#[async_trait]
impl Consumer for Imports {
    fn name(&self) -> &'static str {
        "payments.imports"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Jobs]
    }

    /// A request is followed by a call, and a cancellation must not wait for that.
    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let kind = event
            .payload
            .get("type")
            .and_then(serde_json::Value::as_str);
        if kind != Some(IMPORT_DUES) || !event.is_status_change() {
            return Ok(Next::Nothing);
        }
        let job: Job = body(event)?;
        match job.status {
            JobStatus::Pending => {
                let service = job
                    .args
                    .get("service_id")
                    .and_then(serde_json::Value::as_str)
                    .and_then(|id| id.parse().ok());
                // Without a service the task ends the job as failed, as it does for one that is not for dues.
                let service = service.unwrap_or(ServiceId::from_uuid(uuid::Uuid::nil()));
                let begun = import::begin(scope, &job, service, event.aggregate_version)?;
                if begun {
                    self.0.platform.wakes.after_commit(scope, IMPORT_TASK);
                }
                Ok(if begun { Next::Done } else { Next::Nothing })
            }
            JobStatus::Cancelled => {
                let cancelled =
                    import::cancel(scope, JobId::from_uuid(job.id), event.aggregate_version)?;
                Ok(if cancelled { Next::Done } else { Next::Nothing })
            }
            _ => Ok(Next::Nothing),
        }
    }
}
