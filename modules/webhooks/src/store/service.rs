//! The services of the tenant, as their events tell.

use diesel::prelude::*;
use opencity_kernel::db::{DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ServiceId, TenantId};

use super::schema::webhooks_service;

/// A service.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhooks_service)]
pub(crate) struct ServiceRow {
    pub tenant_id: TenantId,
    pub id: ServiceId,
    pub slug: String,
    pub deleted: bool,
    pub aggregate_version: i64,
}
opencity_kernel::tenant_rows!(ServiceRow);

/// Keeps a service; the newest version wins.
pub(crate) fn keep(scope: &mut WriteScope<'_>, row: &ServiceRow) -> DbResult<()> {
    if scope.insert_if_absent(webhooks_service::table, row)? {
        return Ok(());
    }
    scope.execute(webhooks_service::table, |rows| {
        diesel::update(
            rows.filter(webhooks_service::id.eq(row.id))
                .filter(webhooks_service::aggregate_version.lt(row.aggregate_version)),
        )
        .set((
            webhooks_service::slug.eq(&row.slug),
            webhooks_service::deleted.eq(row.deleted),
            webhooks_service::aggregate_version.eq(row.aggregate_version),
        ))
    })?;
    Ok(())
}

/// The slug of a service, deleted ones included: their applications live on.
pub(crate) fn slug(scope: &mut TenantScope<'_>, id: ServiceId) -> DbResult<Option<String>> {
    scope.find(webhooks_service::table, |rows| {
        rows.filter(webhooks_service::id.eq(id))
            .select(webhooks_service::slug)
    })
}

/// Whether all these services exist; `None` if one does not.
pub(crate) fn all_exist(scope: &mut TenantScope<'_>, ids: &[ServiceId]) -> DbResult<Option<()>> {
    let found: Vec<ServiceId> = scope.load(webhooks_service::table, |rows| {
        rows.filter(webhooks_service::id.eq_any(ids.to_vec()))
            .filter(webhooks_service::deleted.eq(false))
            .select(webhooks_service::id)
    })?;
    Ok(ids.iter().all(|id| found.contains(id)).then_some(()))
}
