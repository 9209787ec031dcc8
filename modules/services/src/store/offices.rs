//! Offices, as far as the vocabularies are concerned: copies of what `user-groups` tells. The newest version wins.

use diesel::prelude::*;
use opencity_contracts::UserGroup;
use opencity_kernel::db::{DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{OfficeId, TenantId, TermId};
use opencity_kernel::tenant_rows;

use super::schema::services_office as t;

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = t, treat_none_as_null = true)]
struct OfficeRow {
    tenant_id: TenantId,
    id: OfficeId,
    version: i64,
    topic_id: Option<TermId>,
    location_id: Option<TermId>,
}
tenant_rows!(OfficeRow);

/// Keeps what an event says of an office; one that is gone is forgotten.
///
/// # Errors
/// If the database refuses.
pub fn keep(
    scope: &mut WriteScope<'_>,
    office: &UserGroup,
    version: i64,
    gone: bool,
) -> DbResult<bool> {
    let id = OfficeId::from_uuid(office.id);
    let known: Option<i64> = scope.find(t::table, |rows| {
        rows.filter(t::id.eq(id)).select(t::version)
    })?;
    if known.is_some_and(|known| known > version) {
        return Ok(false);
    }
    if gone {
        let touched = scope.execute(t::table, |rows| diesel::delete(rows.filter(t::id.eq(id))))?;
        return Ok(touched > 0);
    }
    let row = OfficeRow {
        tenant_id: scope.tenant_id(),
        id,
        version,
        topic_id: office.topic_id.map(TermId::from_uuid),
        location_id: office.core_location_id.map(TermId::from_uuid),
    };
    if known.is_none() {
        scope.insert(t::table, &row)?;
    } else {
        scope.execute(t::table, |rows| {
            diesel::update(rows.filter(t::id.eq(id))).set(&row)
        })?;
    }
    Ok(true)
}

/// Whether an office has this category.
///
/// # Errors
/// If the database refuses.
pub fn name_category(scope: &mut TenantScope<'_>, category: TermId) -> DbResult<bool> {
    let office: Option<OfficeId> = scope.find(t::table, |rows| {
        rows.filter(t::topic_id.eq(category)).select(t::id).limit(1)
    })?;
    Ok(office.is_some())
}

/// Whether an office is at this place.
///
/// # Errors
/// If the database refuses.
pub fn are_at(scope: &mut TenantScope<'_>, place: TermId) -> DbResult<bool> {
    let office: Option<OfficeId> = scope.find(t::table, |rows| {
        rows.filter(t::location_id.eq(place)).select(t::id).limit(1)
    })?;
    Ok(office.is_some())
}
