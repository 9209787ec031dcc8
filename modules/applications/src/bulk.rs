//! Works through the applications of bulk work: each in a transaction of its own, in which it is settled too, so that a process
//! that dies does none of them twice.

use std::time::Duration;

use async_trait::async_trait;
use opencity_kernel::auth::Login;
use opencity_kernel::db::{DbError, Priority, Tenancy};
use opencity_kernel::id::ApplicationId;
use opencity_kernel::scheduler::{Task, TaskError};
use opencity_kernel::{ProblemKind, clock};

use crate::api::State;
use crate::api::bulk::{BulkAction, BulkInput, work_on};
use crate::store::bulk::{self, BulkRow};

/// The name of the task.
pub const TASK: &str = "applications.bulk";
/// Applications worked in one turn.
const BATCH: i64 = 50;
/// How often an application that somebody else changes at the same moment is tried.
const TRIES: usize = 3;
const WHY: &str = "bulk work of any tenant is due";

/// Works through what was asked for.
pub struct BulkTask(pub State);

#[async_trait]
impl Task for BulkTask {
    fn name(&self) -> &'static str {
        TASK
    }

    fn every(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn run(&self) -> Result<bool, TaskError> {
        let db = &self.0.ctx.db;
        let Some(row) = db.read_across::<_, DbError>(WHY, bulk::due).await? else {
            return Ok(false);
        };
        let (tenancy, id) = (Tenancy::from_row(row.tenant_id), row.id);
        let pending = db
            .write_as::<_, DbError>(Priority::Background, tenancy, move |scope| {
                bulk::begin(scope, id, clock::now())?;
                bulk::pending(scope, id, BATCH)
            })
            .await?;
        if pending.is_empty() {
            db.write_as::<_, DbError>(Priority::Background, tenancy, move |scope| {
                bulk::end(scope, id, clock::now())
            })
            .await?;
            return Ok(true);
        }
        let tenant = self.0.ctx.tenant(tenancy).await?;
        let site = crate::site_of(&self.0.ctx.platform, &tenant);
        let work = Piece::of(row)?;
        for application in pending {
            self.settle(tenancy, &site, &work, application).await?;
        }
        Ok(true)
    }
}

/// What is done to each application, and for whom.
pub(crate) struct Piece {
    pub row: BulkRow,
    pub login: Login,
    pub action: BulkAction,
    pub input: BulkInput,
}

impl Piece {
    fn of(row: BulkRow) -> Result<Self, TaskError> {
        Ok(Self {
            login: serde_json::from_str(&row.login).map_err(TaskError::new)?,
            action: serde_json::from_value(row.action.as_str().into()).map_err(TaskError::new)?,
            input: serde_json::from_str(&row.input).map_err(TaskError::new)?,
            row,
        })
    }
}

impl BulkTask {
    /// Does the work on an application, or keeps why it was refused.
    async fn settle(
        &self,
        tenancy: Tenancy,
        site: &str,
        work: &Piece,
        application: ApplicationId,
    ) -> Result<(), TaskError> {
        let mut outcome = work_on(&self.0, tenancy, site, work, application).await;
        for _ in 1..TRIES {
            match &outcome {
                Err(problem) if problem.kind() == ProblemKind::Conflict => {
                    outcome = work_on(&self.0, tenancy, site, work, application).await;
                }
                _ => break,
            }
        }
        let Err(problem) = outcome else { return Ok(()) };
        let id = work.row.id;
        match problem.kind() {
            // It passes: the application stays pending.
            ProblemKind::Unavailable => return Err(TaskError::new(problem.for_people())),
            kind if kind.status().is_server_error() => {
                let cause = problem.for_people();
                tracing::error!(bulk = %id, %application, cause, "bulk work failed on an application");
            }
            _ => {}
        }
        let told = problem.body(&id.to_string()).to_string();
        self.0
            .ctx
            .db
            .write_as::<_, DbError>(Priority::Background, tenancy, move |scope| {
                bulk::settle(scope, id, application, Some(&told), clock::now())
            })
            .await?;
        Ok(())
    }
}
