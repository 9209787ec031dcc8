//! Failed logins, by a keyed hash of the name given: a mistyped fiscal code is nobody's to read.

use diesel::prelude::*;
use opencity_kernel::db::{DbResult, TenantScope, WriteScope};
use opencity_kernel::id::TenantId;
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::schema::identity_attempt;
use crate::domain::Attempts;

#[derive(Insertable)]
#[diesel(table_name = identity_attempt)]
struct Row {
    tenant_id: TenantId,
    account: String,
    failures: Json,
    locked_until: Option<Instant>,
    updated_at: Instant,
}
opencity_kernel::tenant_rows!(Row);

/// What is known of a name.
pub(crate) fn find(scope: &mut TenantScope<'_>, account: &str) -> DbResult<Attempts> {
    let row: Option<(Json, Option<Instant>)> = scope.find(identity_attempt::table, |rows| {
        rows.filter(identity_attempt::account.eq(account))
            .select((identity_attempt::failures, identity_attempt::locked_until))
    })?;
    let Some((failures, locked_until)) = row else {
        return Ok(Attempts::default());
    };
    let micros: Vec<i64> = failures.read()?;
    Ok(Attempts {
        failures: micros.into_iter().map(Instant::from_micros).collect(),
        locked_until,
    })
}

/// Keeps what is known of a name, and forgets what is too old to count.
pub(crate) fn save(
    scope: &mut WriteScope<'_>,
    account: &str,
    attempts: &Attempts,
    now: Instant,
) -> DbResult<()> {
    clear(scope, account)?;
    scope.execute(identity_attempt::table, |rows| {
        diesel::delete(
            rows.filter(identity_attempt::updated_at.lt(Attempts::forgotten_before(now))),
        )
    })?;
    let micros: Vec<i64> = attempts.failures.iter().map(|at| at.micros()).collect();
    let row = Row {
        tenant_id: scope.tenant_id(),
        account: account.to_owned(),
        failures: Json::of(&micros)?,
        locked_until: attempts.locked_until,
        updated_at: now,
    };
    scope.insert(identity_attempt::table, &row)
}

/// Forgets a name.
pub(crate) fn clear(scope: &mut WriteScope<'_>, account: &str) -> DbResult<()> {
    scope.execute(identity_attempt::table, |rows| {
        diesel::delete(rows.filter(identity_attempt::account.eq(account)))
    })?;
    Ok(())
}
