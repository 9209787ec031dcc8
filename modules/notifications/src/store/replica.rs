//! Replicas: of a service only who works it, of an application only to whom it is assigned.

use std::collections::BTreeSet;

use diesel::prelude::*;
use opencity_kernel::db::{DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ApplicationId, OfficeId, ServiceId, TenantId, UserId};
use opencity_kernel::json::Json;

use super::schema::{notifications_application, notifications_service};

/// A service, as far as notices need it.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Whether its applications are registered.
    pub protocol_required: bool,
    /// The offices that work it.
    pub offices: BTreeSet<OfficeId>,
}

#[derive(Insertable)]
#[diesel(table_name = notifications_service)]
struct NewService {
    tenant_id: TenantId,
    id: ServiceId,
    name: String,
    protocol_required: bool,
    offices: Json,
    version: i64,
}

#[derive(Insertable)]
#[diesel(table_name = notifications_application)]
struct NewApplication {
    tenant_id: TenantId,
    id: ApplicationId,
    service_id: ServiceId,
    operator_id: Option<UserId>,
    office_id: Option<OfficeId>,
    version: i64,
}
opencity_kernel::tenant_rows!(NewService, NewApplication);

/// A service.
pub fn service(scope: &mut TenantScope<'_>, id: ServiceId) -> DbResult<Option<Service>> {
    let row: Option<(String, bool, Json)> = scope.find(notifications_service::table, |rows| {
        rows.filter(notifications_service::id.eq(id)).select((
            notifications_service::name,
            notifications_service::protocol_required,
            notifications_service::offices,
        ))
    })?;
    row.map(|(name, protocol_required, offices)| {
        Ok(Service {
            name,
            protocol_required,
            offices: offices.read()?,
        })
    })
    .transpose()
}

/// Takes a service over; the newest version wins.
pub fn put_service(
    scope: &mut WriteScope<'_>,
    id: ServiceId,
    service: &Service,
    version: i64,
) -> DbResult<()> {
    let newer: Option<i64> = scope.find(notifications_service::table, |rows| {
        rows.filter(notifications_service::id.eq(id))
            .select(notifications_service::version)
    })?;
    if newer.is_some_and(|known| known > version) {
        return Ok(());
    }
    scope.execute(notifications_service::table, |rows| {
        diesel::delete(rows.filter(notifications_service::id.eq(id)))
    })?;
    let row = NewService {
        tenant_id: scope.tenant_id(),
        id,
        name: service.name.clone(),
        protocol_required: service.protocol_required,
        offices: Json::of(&service.offices)?,
        version,
    };
    scope.insert(notifications_service::table, row)
}

/// To whom an application is assigned.
#[derive(Debug, Clone, Copy)]
pub struct Assigned {
    /// Of which service it is.
    pub service: ServiceId,
    /// The operator.
    pub operator: Option<UserId>,
    /// The office.
    pub office: Option<OfficeId>,
}

/// To whom an application is assigned.
pub fn assigned(scope: &mut TenantScope<'_>, id: ApplicationId) -> DbResult<Option<Assigned>> {
    let row: Option<(ServiceId, Option<UserId>, Option<OfficeId>)> =
        scope.find(notifications_application::table, |rows| {
            rows.filter(notifications_application::id.eq(id)).select((
                notifications_application::service_id,
                notifications_application::operator_id,
                notifications_application::office_id,
            ))
        })?;
    Ok(row.map(|(service, operator, office)| Assigned {
        service,
        operator,
        office,
    }))
}

/// Takes an application over; the newest version wins.
pub fn put_application(
    scope: &mut WriteScope<'_>,
    id: ApplicationId,
    assigned: Assigned,
    version: i64,
) -> DbResult<()> {
    let known: Option<i64> = scope.find(notifications_application::table, |rows| {
        rows.filter(notifications_application::id.eq(id))
            .select(notifications_application::version)
    })?;
    match known {
        Some(known) if known > version => Ok(()),
        Some(_) => scope
            .execute(notifications_application::table, |rows| {
                diesel::update(rows.filter(notifications_application::id.eq(id))).set((
                    notifications_application::operator_id.eq(assigned.operator),
                    notifications_application::office_id.eq(assigned.office),
                    notifications_application::version.eq(version),
                ))
            })
            .map(|_| ()),
        None => {
            let row = NewApplication {
                tenant_id: scope.tenant_id(),
                id,
                service_id: assigned.service,
                operator_id: assigned.operator,
                office_id: assigned.office,
                version,
            };
            scope.insert(notifications_application::table, row)
        }
    }
}
