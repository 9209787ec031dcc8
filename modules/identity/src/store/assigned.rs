//! Which open applications an office is assigned.

use diesel::prelude::*;
use opencity_kernel::db::{DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ApplicationId, OfficeId, TenantId};

use super::schema::identity_assigned;

#[derive(Insertable)]
#[diesel(table_name = identity_assigned)]
struct Row {
    tenant_id: TenantId,
    application_id: ApplicationId,
    office_id: OfficeId,
}
opencity_kernel::tenant_rows!(Row);

/// Keeps the office that an open application is assigned to, or that it has none any more; whether that was news.
pub(crate) fn keep(
    scope: &mut WriteScope<'_>,
    application: ApplicationId,
    office: Option<OfficeId>,
) -> DbResult<bool> {
    let known: Option<OfficeId> = scope.find(identity_assigned::table, |rows| {
        rows.filter(identity_assigned::application_id.eq(application))
            .select(identity_assigned::office_id)
    })?;
    if known == office {
        return Ok(false);
    }
    if known.is_some() {
        scope.execute(identity_assigned::table, |rows| {
            diesel::delete(rows.filter(identity_assigned::application_id.eq(application)))
        })?;
    }
    if let Some(office_id) = office {
        let row = Row {
            tenant_id: scope.tenant_id(),
            application_id: application,
            office_id,
        };
        scope.insert(identity_assigned::table, &row)?;
    }
    Ok(true)
}

/// Whether an open application is assigned to the office.
pub(crate) fn any(scope: &mut TenantScope<'_>, office: OfficeId) -> DbResult<bool> {
    let found: Option<ApplicationId> = scope.find(identity_assigned::table, |rows| {
        rows.filter(identity_assigned::office_id.eq(office))
            .select(identity_assigned::application_id)
            .limit(1)
    })?;
    Ok(found.is_some())
}
