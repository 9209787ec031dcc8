//! Acts that wait for the messages that they name.

use diesel::prelude::*;
use opencity_kernel::clock;
use opencity_kernel::db::{DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ActId, ApplicationId, TenantId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use serde_json::Value;

use super::schema::documents_waiting;

#[derive(Insertable)]
#[diesel(table_name = documents_waiting)]
struct NewWaiting {
    tenant_id: TenantId,
    act_id: ActId,
    application_id: ApplicationId,
    event: Json,
    created_at: Instant,
}
opencity_kernel::tenant_rows!(NewWaiting);

/// Keeps the event of an act until its messages are here.
pub(crate) fn keep(
    scope: &mut WriteScope<'_>,
    act: ActId,
    application: ApplicationId,
    event: Value,
) -> DbResult<()> {
    let row = NewWaiting {
        tenant_id: scope.tenant_id(),
        act_id: act,
        application_id: application,
        event: Json(event),
        created_at: clock::now(),
    };
    scope.insert_if_absent(documents_waiting::table, &row)?;
    Ok(())
}

/// The events of the acts of an application that wait, oldest first.
pub(crate) fn of_application(
    scope: &mut TenantScope<'_>,
    application: ApplicationId,
) -> DbResult<Vec<Json>> {
    scope.load(documents_waiting::table, |rows| {
        rows.filter(documents_waiting::application_id.eq(application))
            .order(documents_waiting::act_id)
            .select(documents_waiting::event)
    })
}

/// The act has its document.
pub(crate) fn forget(scope: &mut WriteScope<'_>, act: ActId) -> DbResult<()> {
    scope.execute(documents_waiting::table, |rows| {
        diesel::delete(rows.filter(documents_waiting::act_id.eq(act)))
    })?;
    Ok(())
}
