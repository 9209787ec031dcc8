//! Which application another system's is here.

use diesel::prelude::*;
use opencity_kernel::db::{DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ApplicationId, TenantId};

use super::schema::applications_external as t;

#[derive(Insertable)]
#[diesel(table_name = t)]
struct ExternalRow<'a> {
    tenant_id: TenantId,
    external_system: &'a str,
    external_id: &'a str,
    application_id: ApplicationId,
}
opencity_kernel::tenant_rows!(ExternalRow<'_>);

/// The application that a system calls so.
///
/// # Errors
/// If the database refuses.
pub fn find(
    scope: &mut TenantScope<'_>,
    system: &str,
    id: &str,
) -> DbResult<Option<ApplicationId>> {
    scope.find(t::table, |rows| {
        rows.filter(t::external_system.eq(system))
            .filter(t::external_id.eq(id))
            .select(t::application_id)
    })
}

/// An application that any system calls so.
///
/// # Errors
/// If the database refuses.
pub fn find_anywhere(scope: &mut TenantScope<'_>, id: &str) -> DbResult<Option<ApplicationId>> {
    scope.find(t::table, |rows| {
        rows.filter(t::external_id.eq(id))
            .order(t::external_system)
            .limit(1)
            .select(t::application_id)
    })
}

/// Keeps how a system calls a new application.
///
/// # Errors
/// [`DbError::Duplicate`](opencity_kernel::db::DbError::Duplicate) if somebody else did at the same time.
pub fn insert(
    scope: &mut WriteScope<'_>,
    system: &str,
    id: &str,
    application: ApplicationId,
) -> DbResult<()> {
    let row = ExternalRow {
        tenant_id: scope.tenant_id(),
        external_system: system,
        external_id: id,
        application_id: application,
    };
    scope.insert(t::table, &row)
}
