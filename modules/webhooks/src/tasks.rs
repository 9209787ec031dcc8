//! Sends what is due, and forgets what was delivered long ago.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opencity_kernel::clock;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{Database, DbResult, Priority, Tenancy, WriteScope};
use opencity_kernel::events::lease::InstanceId;
use opencity_kernel::http_client::HttpClient;
use opencity_kernel::scheduler::{Task, TaskError};
use tokio::sync::Semaphore;

use crate::deliveries::TEST;
use crate::domain::{Attempt, DeliveryState, Schedule, Step};
use crate::sender::{self, Sent};
use crate::store::delivery::{self, Claim, DeliveryRow, Settled};
use crate::store::webhook::{self, WebhookRow};

/// The name of the task that sends.
pub(crate) const DELIVER: &str = "webhooks.deliver";

/// Claims due deliveries in a short transaction, calls in none, settles each in another.
#[derive(Clone)]
pub(crate) struct Deliver {
    pub ctx: ModuleContext,
    pub client: HttpClient,
    pub schedule: Arc<Schedule>,
    pub instance: InstanceId,
    pub every: Duration,
    pub timeout: Duration,
    pub lease: Duration,
    /// One place per call under way.
    pub calls: Arc<Semaphore>,
}

#[async_trait]
impl Task for Deliver {
    fn name(&self) -> &'static str {
        DELIVER
    }

    fn every(&self) -> Duration {
        self.every
    }

    async fn run(&self) -> Result<bool, TaskError> {
        let places = self.calls.available_permits();
        if places == 0 {
            // Each call that ends wakes this task.
            return Ok(false);
        }
        let claim = Claim {
            holder: self.instance,
            alone: !self.ctx.db.is_postgres(),
            now: clock::now(),
            lease: self.lease,
        };
        let database = &self.ctx.db;
        let due = database
            .read_across("due deliveries of all tenants", move |scope| {
                delivery::due(scope, &claim)
            })
            .await?;
        if due.is_empty() {
            return Ok(false);
        }
        let claimed = database
            .write_across("due deliveries of all tenants", move |scope| {
                delivery::claim(scope, &claim, due, places)
            })
            .await?;
        let more = claimed.len() >= places;
        for (delivery, webhook) in claimed {
            let place = Arc::clone(&self.calls)
                .acquire_owned()
                .await
                .map_err(TaskError::new)?;
            let task = self.clone();
            tokio::spawn(async move {
                task.attempt(delivery, webhook).await;
                drop(place);
                task.ctx.platform.wakes.wake(DELIVER);
            });
        }
        Ok(more)
    }
}

impl Deliver {
    async fn attempt(&self, delivery: DeliveryRow, webhook: WebhookRow) {
        let sent = sender::send(
            &self.client,
            &self.ctx.platform.sealer,
            self.timeout,
            &webhook,
            &delivery,
        )
        .await;
        let id = delivery.id;
        if let Err(error) = self.settle(delivery, sent).await {
            // The claim stays: it is sent again, under the same id, when the lease is over.
            tracing::warn!(%id, %error, "the outcome of a webhook delivery could not be written");
        }
    }

    async fn settle(&self, delivery: DeliveryRow, sent: Sent) -> DbResult<()> {
        let step = match self
            .schedule
            .after(delivery.attempts + 1, sent.attempt, rand::random())
        {
            // Somebody looks at the outcome of a test now; tomorrow's attempt tells nobody anything.
            Step::Again(_) if delivery.trigger_name == TEST => Step::Failed,
            step => step,
        };
        let (id, holder) = (delivery.id, self.instance);
        let written = self
            .ctx
            .db
            .write_as(
                Priority::Background,
                Tenancy::from_row(delivery.tenant_id),
                move |scope| settle(scope, &delivery, holder, step, &sent),
            )
            .await?;
        let outcome = match step {
            Step::Delivered => "delivered",
            Step::Again(_) => "again",
            Step::Failed => "failed",
            Step::SwitchOff => "gone",
        };
        metrics::counter!("oc_webhook_attempt_total", "outcome" => outcome).increment(1);
        if !written {
            tracing::warn!(%id, "a webhook delivery was taken over by another process");
        } else if matches!(step, Step::Failed | Step::SwitchOff) {
            tracing::warn!(%id, outcome, "a webhook delivery has no attempt left");
        }
        Ok(())
    }
}

fn settle(
    scope: &mut WriteScope<'_>,
    delivery: &DeliveryRow,
    holder: InstanceId,
    step: Step,
    sent: &Sent,
) -> DbResult<bool> {
    let now = clock::now();
    let Some(webhook) = webhook::find(scope, delivery.webhook_id)? else {
        return Ok(false);
    };
    let (state, next_attempt_at) = match step {
        Step::Delivered => (DeliveryState::Delivered, None),
        Step::Failed | Step::SwitchOff => (DeliveryState::Failed, None),
        Step::Again(wait) if webhook.active => (DeliveryState::Pending, Some(now.plus(wait))),
        Step::Again(_) => (DeliveryState::Held, None),
    };
    let settled = Settled {
        state,
        next_attempt_at,
        response_status: match sent.attempt {
            Attempt::Answered { status, .. } => Some(i64::from(status)),
            Attempt::NoAnswer => None,
        },
        error: sent.error.clone(),
        now,
    };
    let written = delivery::settle(scope, delivery, holder, &settled)?;
    if written && step == Step::SwitchOff {
        webhook::switch_off(scope, webhook.id, now)?;
        delivery::hold(scope, webhook.id, now)?;
    }
    Ok(written)
}

/// Forgets deliveries that the target took, after a while: their bodies are personal data.
pub(crate) struct Sweep {
    pub db: Database,
    pub keep: Duration,
}

#[async_trait]
impl Task for Sweep {
    fn name(&self) -> &'static str {
        "webhooks.sweep"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn run(&self) -> Result<bool, TaskError> {
        let before = clock::now().minus(self.keep);
        let swept = self
            .db
            .write_across("old deliveries of all tenants", move |scope| {
                delivery::sweep(scope, before)
            })
            .await?;
        if swept > 0 {
            tracing::info!(swept, "old webhook deliveries were deleted");
        }
        Ok(false)
    }
}
