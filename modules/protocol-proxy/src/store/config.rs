//! Configurations of the connectors: the tenant's part and that of each service.

use diesel::prelude::*;
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ServiceId, TenantId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::schema::{protocol_proxy_service_config, protocol_proxy_tenant_config};

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = protocol_proxy_tenant_config)]
pub(crate) struct TenantConfig {
    pub tenant_id: TenantId,
    pub connector: String,
    pub version: i64,
    pub description: String,
    pub parameters: Json,
    pub active: bool,
    pub created_at: Instant,
    pub updated_at: Instant,
}
opencity_kernel::tenant_rows!(TenantConfig);

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = protocol_proxy_service_config)]
pub(crate) struct ServiceConfig {
    pub tenant_id: TenantId,
    pub connector: String,
    pub service_id: ServiceId,
    pub version: i64,
    pub description: String,
    pub parameters: Json,
    pub active: bool,
    pub created_at: Instant,
    pub updated_at: Instant,
}
opencity_kernel::tenant_rows!(ServiceConfig);

pub(crate) fn of_tenant(
    scope: &mut TenantScope<'_>,
    connector: &str,
) -> DbResult<Option<TenantConfig>> {
    scope.find(protocol_proxy_tenant_config::table, |rows| {
        rows.filter(protocol_proxy_tenant_config::connector.eq(connector))
            .select(TenantConfig::columns())
    })
}

/// Writes a configuration of the tenant; `read` is the version that it replaces.
pub(crate) fn save_tenant(
    scope: &mut WriteScope<'_>,
    row: &TenantConfig,
    read: Option<i64>,
) -> DbResult<()> {
    match read {
        None => scope.insert(protocol_proxy_tenant_config::table, row),
        Some(read) => scope.execute_one(protocol_proxy_tenant_config::table, |rows| {
            diesel::update(
                rows.filter(protocol_proxy_tenant_config::connector.eq(&row.connector))
                    .filter(protocol_proxy_tenant_config::version.eq(read)),
            )
            .set(row)
        }),
    }
}

pub(crate) fn of_service(
    scope: &mut TenantScope<'_>,
    connector: &str,
    service: ServiceId,
) -> DbResult<Option<ServiceConfig>> {
    scope.find(protocol_proxy_service_config::table, |rows| {
        rows.filter(protocol_proxy_service_config::connector.eq(connector))
            .filter(protocol_proxy_service_config::service_id.eq(service))
            .select(ServiceConfig::columns())
    })
}

/// The one active configuration of a service, over all connectors.
pub(crate) fn active(
    scope: &mut TenantScope<'_>,
    service: ServiceId,
) -> DbResult<Option<ServiceConfig>> {
    scope.find(protocol_proxy_service_config::table, |rows| {
        rows.filter(protocol_proxy_service_config::service_id.eq(service))
            .filter(protocol_proxy_service_config::active.eq(true))
            .select(ServiceConfig::columns())
    })
}

/// The configurations by which a service's acts are registered now, if both parts are there and active.
pub(crate) fn in_force(
    scope: &mut TenantScope<'_>,
    service: ServiceId,
) -> DbResult<Option<(TenantConfig, ServiceConfig)>> {
    let Some(of_service) = active(scope, service)? else {
        return Ok(None);
    };
    let tenant = of_tenant(scope, &of_service.connector)?.filter(|tenant| tenant.active);
    Ok(tenant.map(|tenant| (tenant, of_service)))
}

/// Writes a configuration of a service; `read` is the version that it replaces.
pub(crate) fn save_service(
    scope: &mut WriteScope<'_>,
    row: &ServiceConfig,
    read: Option<i64>,
) -> DbResult<()> {
    match read {
        None => scope.insert(protocol_proxy_service_config::table, row),
        Some(read) => scope.execute_one(protocol_proxy_service_config::table, |rows| {
            diesel::update(
                rows.filter(protocol_proxy_service_config::connector.eq(&row.connector))
                    .filter(protocol_proxy_service_config::service_id.eq(row.service_id))
                    .filter(protocol_proxy_service_config::version.eq(read)),
            )
            .set(row)
        }),
    }
}
