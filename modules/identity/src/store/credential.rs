//! Hashes of passwords.

use diesel::prelude::*;
use opencity_kernel::db::{DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{TenantId, UserId};
use opencity_kernel::instant::Instant;

use super::schema::identity_credential;

#[derive(Insertable)]
#[diesel(table_name = identity_credential)]
struct Row {
    tenant_id: TenantId,
    user_id: UserId,
    password_hash: String,
    changed_at: Instant,
}
opencity_kernel::tenant_rows!(Row);

/// A user's hash, and since when he has it.
pub(crate) fn find(
    scope: &mut TenantScope<'_>,
    user: UserId,
) -> DbResult<Option<(String, Instant)>> {
    scope.find(identity_credential::table, |rows| {
        rows.filter(identity_credential::user_id.eq(user)).select((
            identity_credential::password_hash,
            identity_credential::changed_at,
        ))
    })
}

/// Sets a user's hash.
pub(crate) fn set(
    scope: &mut WriteScope<'_>,
    user: UserId,
    hash: String,
    now: Instant,
) -> DbResult<()> {
    let changed = scope.execute(identity_credential::table, |rows| {
        diesel::update(rows.filter(identity_credential::user_id.eq(user))).set((
            identity_credential::password_hash.eq(&hash),
            identity_credential::changed_at.eq(now),
        ))
    })?;
    if changed == 0 {
        let row = Row {
            tenant_id: scope.tenant_id(),
            user_id: user,
            password_hash: hash,
            changed_at: now,
        };
        scope.insert(identity_credential::table, &row)?;
    }
    Ok(())
}
