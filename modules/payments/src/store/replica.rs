//! What this module knows of services and applications. The newest version wins.

use diesel::prelude::*;
use opencity_contracts::service::{Service, ServiceKind};
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ApplicationId, OfficeId, ServiceId, TenantId, UserId};
use opencity_kernel::json::Json;

use super::schema::{payments_application, payments_service};

/// A service.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payments_service)]
pub struct ServiceRow {
    pub tenant_id: TenantId,
    pub id: ServiceId,
    pub version: i64,
    pub name: String,
    pub kind: String,
    pub offices: Json,
    pub gateways: Json,
}

/// Whose an application is, and who works it.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payments_application, treat_none_as_null = true)]
pub struct ApplicationRow {
    pub tenant_id: TenantId,
    pub id: ApplicationId,
    pub version: i64,
    pub user_id: UserId,
    pub operator_id: Option<UserId>,
    pub office_id: Option<OfficeId>,
}
opencity_kernel::tenant_rows!(ServiceRow, ApplicationRow);

impl ServiceRow {
    /// The row of a service.
    pub fn of(tenant_id: TenantId, service: &Service, version: i64) -> DbResult<Self> {
        Ok(Self {
            tenant_id,
            id: ServiceId::from_uuid(service.id),
            version,
            name: service.name.clone(),
            kind: service.kind.as_str().to_owned(),
            offices: Json::of(&service.user_group_ids)?,
            gateways: Json::of(&service.payment_parameters.gateways)?,
        })
    }

    /// Whether it is for dues.
    pub fn is_for_dues(&self) -> bool {
        self.kind == ServiceKind::Dues.as_str()
    }

    /// The offices linked to it.
    pub fn offices(&self) -> DbResult<Vec<OfficeId>> {
        self.offices.read()
    }
}

/// A service.
pub fn service(scope: &mut TenantScope<'_>, id: ServiceId) -> DbResult<Option<ServiceRow>> {
    scope.find(payments_service::table, |rows| {
        rows.filter(payments_service::id.eq(id))
            .select(ServiceRow::columns())
    })
}

/// An application.
pub fn application(
    scope: &mut TenantScope<'_>,
    id: ApplicationId,
) -> DbResult<Option<ApplicationRow>> {
    scope.find(payments_application::table, |rows| {
        rows.filter(payments_application::id.eq(id))
            .select(ApplicationRow::columns())
    })
}

/// Keeps a service; a deleted one is forgotten.
pub fn keep_service(scope: &mut WriteScope<'_>, row: &ServiceRow, deleted: bool) -> DbResult<()> {
    match service(scope, row.id)? {
        Some(known) if known.version > row.version => Ok(()),
        Some(_) if deleted => scope
            .execute(payments_service::table, |rows| {
                diesel::delete(rows.filter(payments_service::id.eq(row.id)))
            })
            .map(|_| ()),
        Some(_) => scope
            .execute(payments_service::table, |rows| {
                diesel::update(rows.filter(payments_service::id.eq(row.id))).set(row)
            })
            .map(|_| ()),
        None if deleted => Ok(()),
        None => scope.insert(payments_service::table, row),
    }
}

/// Keeps an application.
pub fn keep_application(scope: &mut WriteScope<'_>, row: &ApplicationRow) -> DbResult<()> {
    match application(scope, row.id)? {
        Some(known) if known.version > row.version => Ok(()),
        Some(_) => scope
            .execute(payments_application::table, |rows| {
                diesel::update(rows.filter(payments_application::id.eq(row.id))).set(row)
            })
            .map(|_| ()),
        None => scope.insert(payments_application::table, row),
    }
}
