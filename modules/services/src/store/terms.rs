//! Categories, recipients, geographic areas.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{TenantId, TermId};
use opencity_kernel::instant::Instant;
use opencity_kernel::{Problem, clock, tenant_rows};

use super::schema::services_term as t;
use super::{choose_slug, groups, in_use, offices, places, services};
use crate::domain::vocabulary::{Term, TermFields, TermKind};
use crate::view::Named;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = t)]
struct TermRow {
    tenant_id: TenantId,
    id: TermId,
    kind: String,
    name: String,
    slug: String,
    description: Option<String>,
    parent_id: Option<TermId>,
    geofence: Option<String>,
    created_at: Instant,
}
tenant_rows!(TermRow);

impl From<TermRow> for Term {
    fn from(row: TermRow) -> Self {
        let TermRow {
            id,
            name,
            slug,
            description,
            parent_id,
            geofence,
            ..
        } = row;
        Self {
            id,
            fields: TermFields {
                name,
                slug,
                description,
                parent_id,
                geofence,
            },
        }
    }
}

/// All terms of a kind, by name.
///
/// # Errors
/// If the database refuses.
pub fn list(scope: &mut TenantScope<'_>, kind: TermKind) -> DbResult<Vec<Term>> {
    let rows: Vec<TermRow> = scope.load(t::table, |rows| {
        rows.filter(t::kind.eq(kind.as_str()))
            .order((t::name, t::id))
            .select(TermRow::columns())
    })?;
    Ok(rows.into_iter().map(Term::from).collect())
}

/// The names of all terms.
///
/// # Errors
/// If the database refuses.
pub fn names(scope: &mut TenantScope<'_>) -> DbResult<HashMap<TermId, Named>> {
    let rows: Vec<(TermId, String, String)> =
        scope.load(t::table, |rows| rows.select((t::id, t::name, t::slug)))?;
    Ok(rows
        .into_iter()
        .map(|(id, name, slug)| (id, Named { name, slug }))
        .collect())
}

/// A term of this kind and id.
///
/// # Errors
/// If the database refuses.
pub fn by_id(scope: &mut TenantScope<'_>, kind: TermKind, id: TermId) -> DbResult<Option<Term>> {
    let row: Option<TermRow> = scope.find(t::table, |rows| {
        rows.filter(t::id.eq(id))
            .filter(t::kind.eq(kind.as_str()))
            .select(TermRow::columns())
    })?;
    Ok(row.map(Term::from))
}

/// A term of this kind and slug.
///
/// # Errors
/// If the database refuses.
pub fn by_slug(scope: &mut TenantScope<'_>, kind: TermKind, slug: &str) -> DbResult<Option<Term>> {
    let row: Option<TermRow> = scope.find(t::table, |rows| {
        rows.filter(t::kind.eq(kind.as_str()))
            .filter(t::slug.eq(slug))
            .select(TermRow::columns())
    })?;
    Ok(row.map(Term::from))
}

/// Whether all these terms are there.
///
/// # Errors
/// If the database refuses.
pub fn exist(scope: &mut TenantScope<'_>, kind: TermKind, ids: &[TermId]) -> DbResult<bool> {
    if ids.is_empty() {
        return Ok(true);
    }
    let known: Vec<TermId> = scope.load(t::table, |rows| {
        rows.filter(t::kind.eq(kind.as_str()))
            .filter(t::id.eq_any(ids.to_vec()))
            .select(t::id)
    })?;
    Ok(ids.iter().all(|id| known.contains(id)))
}

/// Refuses a body that names a term which is not there.
///
/// # Errors
/// [`ProblemKind::UnknownReference`](opencity_kernel::ProblemKind::UnknownReference) naming the field.
pub fn check(
    scope: &mut TenantScope<'_>,
    kind: TermKind,
    field: &str,
    ids: &[TermId],
) -> Result<(), Problem> {
    if exist(scope, kind, ids)? {
        Ok(())
    } else {
        Err(Problem::unknown_reference(field, kind.label()))
    }
}

/// Adds a term.
///
/// # Errors
/// An unknown parent, a slug that is taken, or the database's.
pub fn create(
    scope: &mut WriteScope<'_>,
    kind: TermKind,
    id: TermId,
    fields: TermFields,
) -> Result<Term, Problem> {
    let fields = checked(scope, kind, id, fields)?;
    let row = TermRow {
        tenant_id: scope.tenant_id(),
        id,
        kind: kind.as_str().to_owned(),
        name: fields.name.clone(),
        slug: fields.slug.clone(),
        description: fields.description.clone(),
        parent_id: fields.parent_id,
        geofence: fields.geofence.clone(),
        created_at: clock::now(),
    };
    scope.insert(t::table, &row)?;
    Ok(Term { id, fields })
}

/// Gives a term other fields, and tells the services that show its name.
///
/// # Errors
/// As [`create`].
pub fn replace(
    scope: &mut WriteScope<'_>,
    kind: TermKind,
    term: Term,
    mut fields: TermFields,
) -> Result<(), Problem> {
    if fields.slug.is_empty() {
        fields.slug.clone_from(&term.fields.slug);
    }
    let fields = checked(scope, kind, term.id, fields)?;
    let renamed = fields.name != term.fields.name || fields.slug != term.fields.slug;
    scope.execute_one(t::table, |rows| {
        diesel::update(rows.filter(t::id.eq(term.id))).set((
            t::name.eq(fields.name),
            t::slug.eq(fields.slug),
            t::description.eq(fields.description),
            t::parent_id.eq(fields.parent_id),
            t::geofence.eq(fields.geofence),
        ))
    })?;
    if renamed {
        services::renamed(scope, |service| match kind {
            TermKind::Category => service.topics_id == Some(term.id),
            TermKind::Recipient => service.recipients_id.contains(&term.id),
            TermKind::Area => service.geographic_areas_id.contains(&term.id),
        })?;
    }
    Ok(())
}

/// Removes a term.
///
/// # Errors
/// [`ProblemKind::StillInUse`](opencity_kernel::ProblemKind::StillInUse), or the database's.
pub fn delete(scope: &mut WriteScope<'_>, id: TermId) -> Result<(), Problem> {
    let names = |list: &[TermId]| list.contains(&id);
    if services::any(scope, |service| {
        service.topics_id == Some(id)
            || names(&service.recipients_id)
            || names(&service.geographic_areas_id)
    })? {
        return Err(in_use("services"));
    }
    if groups::list(scope)?.iter().any(|group| {
        let group = &group.fields;
        group.topics_id == Some(id)
            || names(&group.recipients_id)
            || names(&group.geographic_areas_id)
    }) {
        return Err(in_use("groups of services"));
    }
    if places::list(scope)?
        .iter()
        .any(|place| place.fields.topic_id == Some(id) || names(&place.fields.geographic_area_ids))
    {
        return Err(in_use("places"));
    }
    if offices::name_category(scope, id)? {
        return Err(in_use("offices"));
    }
    let children: Option<TermId> = scope.find(t::table, |rows| {
        rows.filter(t::parent_id.eq(id)).select(t::id)
    })?;
    if children.is_some() {
        return Err(in_use("other categories"));
    }
    scope.execute_one(t::table, |rows| diesel::delete(rows.filter(t::id.eq(id))))?;
    Ok(())
}

fn checked(
    scope: &mut WriteScope<'_>,
    kind: TermKind,
    id: TermId,
    mut fields: TermFields,
) -> Result<TermFields, Problem> {
    let others: Vec<Term> = list(scope, kind)?
        .into_iter()
        .filter(|term| term.id != id)
        .collect();
    let slugs: HashSet<String> = others.iter().map(|term| term.fields.slug.clone()).collect();
    fields.slug = choose_slug(&fields.slug, &fields.name, kind.as_str(), &slugs)?;
    let parents: HashMap<TermId, Option<TermId>> = others
        .iter()
        .map(|term| (term.id, term.fields.parent_id))
        .collect();
    let mut above = fields.parent_id;
    if above.is_some_and(|parent| parent != id && !parents.contains_key(&parent)) {
        return Err(Problem::unknown_reference("parent_id", kind.label()));
    }
    for _ in 0..=parents.len() {
        match above {
            None => return Ok(fields),
            Some(parent) if parent == id => break,
            Some(parent) => above = parents.get(&parent).copied().flatten(),
        }
    }
    Err(Problem::field(
        "parent_id",
        "cycle",
        "A category cannot belong to itself or to one below it.",
    ))
}
