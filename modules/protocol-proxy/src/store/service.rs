//! Which services need registration, from `services`: the newest version wins.

use diesel::prelude::*;
use opencity_contracts::Service;
use opencity_kernel::db::{DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ServiceId, TenantId};

use super::schema::protocol_proxy_service;

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = protocol_proxy_service)]
struct ServiceRow {
    tenant_id: TenantId,
    id: ServiceId,
    version: i64,
    protocol_required: bool,
}
opencity_kernel::tenant_rows!(ServiceRow);

pub(crate) fn take(scope: &mut WriteScope<'_>, service: &Service, version: i64) -> DbResult<()> {
    let row = ServiceRow {
        tenant_id: scope.tenant_id(),
        id: service.id.into(),
        version,
        protocol_required: service.protocol_required,
    };
    let known: Option<i64> = scope.find(protocol_proxy_service::table, |rows| {
        rows.filter(protocol_proxy_service::id.eq(row.id))
            .select(protocol_proxy_service::version)
    })?;
    match known {
        Some(known) if known > version => Ok(()),
        Some(_) => scope.execute_one(protocol_proxy_service::table, |rows| {
            diesel::update(rows.filter(protocol_proxy_service::id.eq(row.id))).set(&row)
        }),
        None => scope.insert(protocol_proxy_service::table, &row),
    }
}

/// Whether the service's acts are registered; `None` if the service is not known here.
pub(crate) fn protocol_required(
    scope: &mut TenantScope<'_>,
    service: ServiceId,
) -> DbResult<Option<bool>> {
    scope.find(protocol_proxy_service::table, |rows| {
        rows.filter(protocol_proxy_service::id.eq(service))
            .select(protocol_proxy_service::protocol_required)
    })
}
