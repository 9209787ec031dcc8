//! Replica of services.

use diesel::prelude::*;
use opencity_kernel::db::{DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ServiceId, TenantId};

use super::schema::jobs_service;

#[derive(Insertable)]
#[diesel(table_name = jobs_service)]
struct NewService {
    tenant_id: TenantId,
    id: ServiceId,
    kind: String,
    version: i64,
}
opencity_kernel::tenant_rows!(NewService);

/// The kind of a service: `standard`, `dues`.
pub fn kind(scope: &mut TenantScope<'_>, id: ServiceId) -> DbResult<Option<String>> {
    scope.find(jobs_service::table, |rows| {
        rows.filter(jobs_service::id.eq(id))
            .select(jobs_service::kind)
    })
}

/// Takes a service over; the newest version wins.
pub fn put(scope: &mut WriteScope<'_>, id: ServiceId, kind: &str, version: i64) -> DbResult<()> {
    let known: Option<i64> = scope.find(jobs_service::table, |rows| {
        rows.filter(jobs_service::id.eq(id))
            .select(jobs_service::version)
    })?;
    match known {
        None => {
            let row = NewService {
                tenant_id: scope.tenant_id(),
                id,
                kind: kind.to_owned(),
                version,
            };
            scope.insert(jobs_service::table, row)
        }
        Some(known) if known < version => scope
            .execute(jobs_service::table, |rows| {
                diesel::update(rows.filter(jobs_service::id.eq(id))).set((
                    jobs_service::kind.eq(kind),
                    jobs_service::version.eq(version),
                ))
            })
            .map(|_| ()),
        Some(_) => Ok(()),
    }
}

/// Forgets a service.
pub fn delete(scope: &mut WriteScope<'_>, id: ServiceId) -> DbResult<()> {
    scope
        .execute(jobs_service::table, |rows| {
            diesel::delete(rows.filter(jobs_service::id.eq(id)))
        })
        .map(|_| ())
}
