//! What no two applications of a service may have in common.

use diesel::prelude::*;
use opencity_kernel::db::{DbResult, WriteScope};
use opencity_kernel::id::{ApplicationId, ServiceId, TenantId};

use super::schema::applications_unique_id;

#[derive(Insertable)]
#[diesel(table_name = applications_unique_id)]
struct UniqueIdRow {
    tenant_id: TenantId,
    service_id: ServiceId,
    hash: String,
    application_id: ApplicationId,
}
opencity_kernel::tenant_rows!(UniqueIdRow);

/// Keeps the unique id of an application, as its hash; false if another application of the service has it.
///
/// # Errors
/// If the database refuses.
pub fn keep(
    scope: &mut WriteScope<'_>,
    service: ServiceId,
    hash: String,
    application: ApplicationId,
) -> DbResult<bool> {
    let row = UniqueIdRow {
        tenant_id: scope.tenant_id(),
        service_id: service,
        hash,
        application_id: application,
    };
    scope.insert_if_absent(applications_unique_id::table, row)
}
