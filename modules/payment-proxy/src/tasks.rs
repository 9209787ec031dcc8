//! What is done by the clock: checks of open debts, cancellations.

use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use opencity_kernel::clock;
use opencity_kernel::scheduler::{Task, TaskError};

use crate::proxy::{DEBTS_TASK, Proxy};
use crate::store::debt;

/// Debts of one turn.
const TURN: i64 = 64;

/// Checks and cancels what is due.
pub struct DebtsTask(pub Proxy);

#[async_trait]
impl Task for DebtsTask {
    fn name(&self) -> &'static str {
        DEBTS_TASK
    }

    fn every(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn run(&self) -> Result<bool, TaskError> {
        let now = clock::now();
        let due = self
            .0
            .ctx
            .db
            .read_across("checks and cancellations that are due", move |scope| {
                debt::due(scope, now, TURN)
            })
            .await?;
        let more = i64::try_from(due.len()).is_ok_and(|count| count == TURN);
        let attended: Vec<_> = stream::iter(due)
            .map(|debt| {
                let proxy = self.0.clone();
                async move { proxy.attend(&debt).await }
            })
            .buffer_unordered(self.0.settings.checks.max(1))
            .collect()
            .await;
        for result in attended {
            result.map_err(TaskError::new)?;
        }
        Ok(more)
    }
}
