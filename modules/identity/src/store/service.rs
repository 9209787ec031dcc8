//! The services of the body, as far as offices are concerned. The newest version wins.

use std::collections::BTreeSet;

use diesel::prelude::*;
use opencity_contracts::Service;
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{OfficeId, ServiceId, TenantId};
use opencity_kernel::json::Json;

use super::schema::identity_service;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = identity_service)]
struct Row {
    tenant_id: TenantId,
    id: ServiceId,
    version: i64,
    offices: Json,
    rule_offices: Json,
}
opencity_kernel::tenant_rows!(Row);

/// Which offices a service has to do with.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    pub(crate) service: ServiceId,
    /// The offices linked to it.
    pub(crate) offices: BTreeSet<OfficeId>,
    /// Those that its automatic assignment names.
    pub(crate) rule_offices: BTreeSet<OfficeId>,
}

/// The links of every service of the body.
pub(crate) fn links(scope: &mut TenantScope<'_>) -> DbResult<Vec<Links>> {
    let rows: Vec<Row> = scope.load(identity_service::table, |rows| rows.select(Row::columns()))?;
    rows.into_iter()
        .map(|row| {
            Ok(Links {
                service: row.id,
                offices: row.offices.read()?,
                rule_offices: row.rule_offices.read()?,
            })
        })
        .collect()
}

/// Whether all of these services are known.
pub(crate) fn all_known(scope: &mut TenantScope<'_>, ids: &[ServiceId]) -> DbResult<bool> {
    let known: Vec<ServiceId> = scope.load(identity_service::table, |rows| {
        rows.filter(identity_service::id.eq_any(ids.to_vec()))
            .select(identity_service::id)
    })?;
    Ok(ids.iter().all(|id| known.contains(id)))
}

/// Keeps what an event says of a service; one that is gone is forgotten.
pub(crate) fn keep(
    scope: &mut WriteScope<'_>,
    service: &Service,
    version: i64,
    gone: bool,
) -> DbResult<bool> {
    let id = ServiceId::from_uuid(service.id);
    let known: Option<i64> = scope.find(identity_service::table, |rows| {
        rows.filter(identity_service::id.eq(id))
            .select(identity_service::version)
    })?;
    if known.is_some_and(|known| known > version) {
        return Ok(false);
    }
    if gone {
        let touched = scope.execute(identity_service::table, |rows| {
            diesel::delete(rows.filter(identity_service::id.eq(id)))
        })?;
        return Ok(touched > 0);
    }
    let rules = service.automatic_assignment.iter().flat_map(|it| &it.rules);
    let row = Row {
        tenant_id: scope.tenant_id(),
        id,
        version,
        offices: Json::of(&service.user_group_ids)?,
        rule_offices: Json::of(&rules.map(|rule| rule.user_group_id).collect::<Vec<_>>())?,
    };
    if known.is_none() {
        scope.insert(identity_service::table, &row)?;
    } else {
        scope.execute(identity_service::table, |rows| {
            diesel::update(rows.filter(identity_service::id.eq(id))).set(&row)
        })?;
    }
    Ok(true)
}
