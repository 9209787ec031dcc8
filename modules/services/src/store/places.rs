//! Places.

use diesel::prelude::*;
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{TenantId, TermId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use opencity_kernel::{Problem, clock, tenant_rows};

use super::schema::services_place as t;
use super::{in_use, offices, terms};
use crate::domain::vocabulary::{Place, PlaceFields, TermKind};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = t)]
struct PlaceRow {
    tenant_id: TenantId,
    id: TermId,
    name: String,
    body: Json,
    created_at: Instant,
}
tenant_rows!(PlaceRow);

impl PlaceRow {
    fn read(self) -> DbResult<Place> {
        Ok(Place {
            id: self.id,
            fields: self.body.read()?,
        })
    }
}

/// All places, by name.
///
/// # Errors
/// If the database refuses.
pub fn list(scope: &mut TenantScope<'_>) -> DbResult<Vec<Place>> {
    let rows: Vec<PlaceRow> = scope.load(t::table, |rows| {
        rows.order((t::name, t::id)).select(PlaceRow::columns())
    })?;
    rows.into_iter().map(PlaceRow::read).collect()
}

/// The place of this id.
///
/// # Errors
/// If the database refuses.
pub fn by_id(scope: &mut TenantScope<'_>, id: TermId) -> DbResult<Option<Place>> {
    let row: Option<PlaceRow> = scope.find(t::table, |rows| {
        rows.filter(t::id.eq(id)).select(PlaceRow::columns())
    })?;
    row.map(PlaceRow::read).transpose()
}

/// Adds a place.
///
/// # Errors
/// A reference to something unknown, or the database's.
pub fn create(
    scope: &mut WriteScope<'_>,
    id: TermId,
    fields: PlaceFields,
) -> Result<Place, Problem> {
    check(scope, &fields)?;
    let row = PlaceRow {
        tenant_id: scope.tenant_id(),
        id,
        name: fields.name.clone(),
        body: Json::of(&fields)?,
        created_at: clock::now(),
    };
    scope.insert(t::table, &row)?;
    Ok(Place { id, fields })
}

/// Gives a place other fields.
///
/// # Errors
/// As [`create`].
pub fn replace(scope: &mut WriteScope<'_>, id: TermId, fields: PlaceFields) -> Result<(), Problem> {
    check(scope, &fields)?;
    let body = Json::of(&fields)?;
    scope.execute_one(t::table, |rows| {
        diesel::update(rows.filter(t::id.eq(id))).set((t::name.eq(fields.name), t::body.eq(body)))
    })?;
    Ok(())
}

/// Removes a place where no office is.
///
/// # Errors
/// [`ProblemKind::StillInUse`](opencity_kernel::ProblemKind::StillInUse), or the database's.
pub fn delete(scope: &mut WriteScope<'_>, id: TermId) -> Result<(), Problem> {
    if offices::are_at(scope, id)? {
        return Err(in_use("offices"));
    }
    scope.execute_one(t::table, |rows| diesel::delete(rows.filter(t::id.eq(id))))?;
    Ok(())
}

fn check(scope: &mut TenantScope<'_>, fields: &PlaceFields) -> Result<(), Problem> {
    terms::check(
        scope,
        TermKind::Category,
        "topic_id",
        fields.topic_id.as_slice(),
    )?;
    terms::check(
        scope,
        TermKind::Area,
        "geographic_area_ids",
        &fields.geographic_area_ids,
    )
}
