//! The last state of each application that was to be paid.

use diesel::prelude::*;
use opencity_contracts::application::ApplicationStatus;
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ApplicationId, TenantId};

use super::schema::payment_proxy_application as t;

/// An application; `attempt` is the newest that it was ever in.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = t)]
pub struct ApplicationRow {
    pub tenant_id: TenantId,
    pub id: ApplicationId,
    pub version: i64,
    pub status: String,
    pub attempt: i64,
}
opencity_kernel::tenant_rows!(ApplicationRow);

impl ApplicationRow {
    /// Whether the application still waits for a payment of this attempt. A newer attempt than is known here means only that
    /// the application's own event has not come yet.
    pub fn awaits(&self, attempt: i64) -> bool {
        let open = [
            ApplicationStatus::PaymentPending.as_str(),
            ApplicationStatus::PaymentOutcomePending.as_str(),
        ];
        attempt > self.attempt || (attempt == self.attempt && open.contains(&self.status.as_str()))
    }
}

/// An application.
pub fn find(scope: &mut TenantScope<'_>, id: ApplicationId) -> DbResult<Option<ApplicationRow>> {
    scope.find(t::table, |rows| {
        rows.filter(t::id.eq(id)).select(ApplicationRow::columns())
    })
}

/// Whether a payment of this application and attempt is still wanted; unknown applications and dues are.
pub fn awaits_payment(
    scope: &mut TenantScope<'_>,
    id: ApplicationId,
    attempt: i64,
) -> DbResult<bool> {
    Ok(find(scope, id)?.is_none_or(|application| application.awaits(attempt)))
}

/// Keeps the newest state; whether it is one.
pub fn keep(
    scope: &mut WriteScope<'_>,
    mut row: ApplicationRow,
) -> DbResult<Option<ApplicationRow>> {
    match find(scope, row.id)? {
        Some(known) if known.version > row.version => return Ok(None),
        Some(known) => {
            row.attempt = row.attempt.max(known.attempt);
            scope.execute(t::table, |rows| {
                diesel::update(rows.filter(t::id.eq(row.id))).set(&row)
            })?;
        }
        // One that was never to be paid is none of ours.
        None if row.attempt == 0 => return Ok(None),
        None => scope.insert(t::table, &row)?,
    }
    Ok(Some(row))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )]
    use super::*;

    #[test]
    fn a_payment_is_wanted_in_1500_and_1510_and_by_an_attempt_that_is_not_known_yet() {
        let row = |status: &str, attempt| ApplicationRow {
            tenant_id: TenantId::new(),
            id: ApplicationId::new(),
            version: 1,
            status: status.to_owned(),
            attempt,
        };
        for (status, known, asked, wanted) in [
            ("1500", 1, 1, true),
            ("1510", 1, 1, true),
            ("1500", 2, 1, false),
            ("1530", 1, 1, false),
            ("1530", 1, 2, true),
            ("20000", 1, 1, false),
            ("4000", 0, 1, true),
        ] {
            assert_eq!(
                row(status, known).awaits(asked),
                wanted,
                "{status} {known} {asked}"
            );
        }
    }
}
