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

/// What is known of a name, and since when.
pub(crate) struct Known {
    pub(crate) attempts: Attempts,
    as_of: Option<Instant>,
}

/// What is known of a name.
pub(crate) fn find(scope: &mut TenantScope<'_>, account: &str) -> DbResult<Known> {
    let row: Option<(Json, Option<Instant>, Instant)> =
        scope.find(identity_attempt::table, |rows| {
            rows.filter(identity_attempt::account.eq(account)).select((
                identity_attempt::failures,
                identity_attempt::locked_until,
                identity_attempt::updated_at,
            ))
        })?;
    let Some((failures, locked_until, as_of)) = row else {
        return Ok(Known {
            attempts: Attempts::default(),
            as_of: None,
        });
    };
    let micros: Vec<i64> = failures.read()?;
    let failures = micros.into_iter().map(Instant::from_micros).collect();
    Ok(Known {
        attempts: Attempts {
            failures,
            locked_until,
        },
        as_of: Some(as_of),
    })
}

/// Keeps one failure more of a name, and forgets what is too old to count; whether the name is locked
/// now. `Conflict` or `Duplicate` if another failure was written since it was read: none may be lost.
pub(crate) fn failed(
    scope: &mut WriteScope<'_>,
    account: &str,
    known: &Known,
    now: Instant,
) -> DbResult<bool> {
    let attempts = known.attempts.failed(now);
    let micros: Vec<i64> = attempts.failures.iter().map(|at| at.micros()).collect();
    let row = Row {
        tenant_id: scope.tenant_id(),
        account: account.to_owned(),
        failures: Json::of(&micros)?,
        locked_until: attempts.locked_until,
        updated_at: now,
    };
    match known.as_of {
        None => scope.insert(identity_attempt::table, &row)?,
        Some(as_of) => scope.execute_one(identity_attempt::table, |rows| {
            diesel::update(
                rows.filter(identity_attempt::account.eq(account))
                    .filter(identity_attempt::updated_at.eq(as_of)),
            )
            .set((
                identity_attempt::failures.eq(&row.failures),
                identity_attempt::locked_until.eq(row.locked_until),
                identity_attempt::updated_at.eq(row.updated_at),
            ))
        })?,
    }
    scope.execute(identity_attempt::table, |rows| {
        diesel::delete(
            rows.filter(identity_attempt::updated_at.lt(Attempts::forgotten_before(now))),
        )
    })?;
    Ok(attempts.locked_until.is_some())
}

/// Forgets a name.
pub(crate) fn clear(scope: &mut WriteScope<'_>, account: &str) -> DbResult<()> {
    scope.execute(identity_attempt::table, |rows| {
        diesel::delete(rows.filter(identity_attempt::account.eq(account)))
    })?;
    Ok(())
}
