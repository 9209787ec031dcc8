//! The lease of a key while its request is being answered, and the answer that is kept of it.

use std::time::Duration;

use diesel::prelude::*;

use super::{Created, Refusal};
use crate::clock;
use crate::db::kernel_tables::{kernel_idempotency, kernel_idempotency_running};
use crate::db::{Database, DbError, Tenancy, WriteScope};
use crate::id::TenantId;
use crate::instant::Instant;
use crate::problem::{Problem, ProblemKind};

/// How long a request may run before another one with the same key takes its place.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// What a key is unique within, beside tenant and caller.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub key: String,
    pub route: String,
}

/// A request that is being answered and holds its key.
#[derive(Debug, Clone)]
pub(super) struct Running {
    name: Name,
    pub tenancy: Tenancy,
    principal: String,
    body_hash: String,
    until: Instant,
}

#[derive(Insertable)]
#[diesel(table_name = kernel_idempotency)]
struct Kept {
    tenant_id: TenantId,
    principal: String,
    route: String,
    key: String,
    body_hash: String,
    status: i32,
    location: Option<String>,
    answer: String,
    created_at: Instant,
}

#[derive(Insertable)]
#[diesel(table_name = kernel_idempotency_running)]
struct RunningRow {
    tenant_id: TenantId,
    principal: String,
    route: String,
    key: String,
    body_hash: String,
    lease_until: Instant,
}
crate::tenant_rows!(Kept, RunningRow);

/// Takes the key for a request, unless another one has it or had it.
pub(super) async fn begin(
    database: &Database,
    name: Name,
    tenancy: Tenancy,
    principal: String,
    body_hash: String,
) -> Result<Running, Refusal> {
    let now = clock::now();
    let running = Running {
        name,
        tenancy,
        principal,
        body_hash,
        until: now.plus(LEASE),
    };
    let asked = running.clone();
    let answer: Option<Created> = database
        .write(running.tenancy, move |scope| match asked.answer(scope)? {
            Some(answer) => Ok(Some(answer)),
            None => asked.take(scope, now).map(|()| None),
        })
        .await?;
    match answer {
        Some(created) => Err(Refusal::Answered(created)),
        None => Ok(running),
    }
}

impl Running {
    /// What the first request with this key made, if it has ended.
    fn answer(&self, scope: &mut WriteScope<'_>) -> Result<Option<Created>, Problem> {
        use kernel_idempotency::dsl;
        let row: Option<(String, i32, Option<String>, String)> =
            scope.find(dsl::kernel_idempotency, |rows| {
                rows.filter(dsl::principal.eq(&self.principal))
                    .filter(dsl::route.eq(&self.name.route))
                    .filter(dsl::key.eq(&self.name.key))
                    .select((dsl::body_hash, dsl::status, dsl::location, dsl::answer))
            })?;
        match row {
            None => Ok(None),
            Some((hash, status, location, body)) if hash == self.body_hash => Ok(Some(Created {
                status: u16::try_from(status).unwrap_or(201),
                location,
                body,
            })),
            Some(_) => Err(mismatch()),
        }
    }

    fn take(&self, scope: &mut WriteScope<'_>, now: Instant) -> Result<(), Problem> {
        use kernel_idempotency_running::dsl;
        let held: Option<(String, Instant)> =
            scope.find(dsl::kernel_idempotency_running, |rows| {
                rows.filter(dsl::principal.eq(&self.principal))
                    .filter(dsl::route.eq(&self.name.route))
                    .filter(dsl::key.eq(&self.name.key))
                    .select((dsl::body_hash, dsl::lease_until))
            })?;
        match held {
            Some((_, until)) if until <= now => {
                self.give_up(scope, until)?;
            }
            Some((hash, _)) if hash != self.body_hash => return Err(mismatch()),
            Some(_) => return Err(still_running()),
            None => {}
        }
        let taken = scope.insert_if_absent(
            dsl::kernel_idempotency_running,
            &RunningRow {
                tenant_id: scope.tenant_id(),
                principal: self.principal.clone(),
                route: self.name.route.clone(),
                key: self.name.key.clone(),
                body_hash: self.body_hash.clone(),
                lease_until: self.until,
            },
        )?;
        if taken { Ok(()) } else { Err(still_running()) }
    }

    /// Ends the lease that was taken until then; false if there is none.
    fn give_up(&self, scope: &mut WriteScope<'_>, until: Instant) -> Result<bool, DbError> {
        use kernel_idempotency_running::dsl;
        let ended = scope.execute(dsl::kernel_idempotency_running, |rows| {
            diesel::delete(
                rows.filter(dsl::principal.eq(&self.principal))
                    .filter(dsl::route.eq(&self.name.route))
                    .filter(dsl::key.eq(&self.name.key))
                    .filter(dsl::lease_until.eq(until)),
            )
        })?;
        Ok(ended == 1)
    }

    /// Keeps the answer, in the transaction of the effect. A request whose lease was taken over is undone.
    pub(super) fn keep(
        &self,
        scope: &mut WriteScope<'_>,
        created: &Created,
    ) -> Result<(), Problem> {
        if !self.give_up(scope, self.until)? {
            return Err(still_running());
        }
        let row = Kept {
            tenant_id: scope.tenant_id(),
            principal: self.principal.clone(),
            route: self.name.route.clone(),
            key: self.name.key.clone(),
            body_hash: self.body_hash.clone(),
            status: i32::from(created.status),
            location: created.location.clone(),
            answer: created.body.clone(),
            created_at: clock::now(),
        };
        match scope.insert(kernel_idempotency::table, &row) {
            Err(DbError::Duplicate(_)) => Err(still_running()),
            kept => Ok(kept?),
        }
    }

    /// Frees the key, if this request still holds it.
    pub(super) async fn release(&self, database: &Database) {
        let running = self.clone();
        let released = database
            .write::<_, DbError>(self.tenancy, move |scope| {
                running.give_up(scope, running.until)
            })
            .await;
        if let Err(error) = released {
            tracing::warn!(%error, "an Idempotency-Key stays taken until its lease ends");
        }
    }
}

fn mismatch() -> Problem {
    Problem::new(
        ProblemKind::IdempotencyMismatch,
        "This Idempotency-Key came with another body before. Use a new key for a new request.",
    )
}

fn still_running() -> Problem {
    Problem::new(
        ProblemKind::IdempotencyRunning,
        "The first request with this key has not ended, or ended at this moment. Repeat to get its answer.",
    )
}
