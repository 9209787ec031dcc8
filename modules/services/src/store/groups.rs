//! Groups of services.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{TenantId, TermId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use opencity_kernel::{Problem, clock, tenant_rows};

use super::schema::services_group as t;
use super::{choose_slug, in_use, missing, services, terms};
use crate::domain::service::GroupId;
use crate::domain::vocabulary::{GroupFields, ServiceGroup, TermKind};
use crate::view::Named;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = t)]
struct GroupRow {
    tenant_id: TenantId,
    id: GroupId,
    slug: String,
    name: String,
    topics_id: Option<TermId>,
    body: Json,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
}
tenant_rows!(GroupRow);

impl GroupRow {
    fn read(self) -> DbResult<ServiceGroup> {
        Ok(ServiceGroup {
            id: self.id,
            fields: self.body.read()?,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// All groups, by name.
///
/// # Errors
/// If the database refuses.
pub fn list(scope: &mut TenantScope<'_>) -> DbResult<Vec<ServiceGroup>> {
    let rows: Vec<GroupRow> = scope.load(t::table, |rows| {
        rows.order((t::name, t::id)).select(GroupRow::columns())
    })?;
    rows.into_iter().map(GroupRow::read).collect()
}

/// The names of all groups.
///
/// # Errors
/// If the database refuses.
pub fn names(scope: &mut TenantScope<'_>) -> DbResult<HashMap<GroupId, Named>> {
    let rows: Vec<(GroupId, String, String)> =
        scope.load(t::table, |rows| rows.select((t::id, t::name, t::slug)))?;
    Ok(rows
        .into_iter()
        .map(|(id, name, slug)| (id, Named { name, slug }))
        .collect())
}

/// The group of this id.
///
/// # Errors
/// If the database refuses.
pub fn by_id(scope: &mut TenantScope<'_>, id: GroupId) -> DbResult<Option<ServiceGroup>> {
    let row: Option<GroupRow> = scope.find(t::table, |rows| {
        rows.filter(t::id.eq(id)).select(GroupRow::columns())
    })?;
    row.map(GroupRow::read).transpose()
}

/// The group of this id or slug.
///
/// # Errors
/// [`ProblemKind::NotFound`](opencity_kernel::ProblemKind::NotFound), or the database's.
pub fn by_reference(scope: &mut TenantScope<'_>, reference: &str) -> Result<ServiceGroup, Problem> {
    if let Ok(id) = reference.parse::<GroupId>()
        && let Some(group) = by_id(scope, id)?
    {
        return Ok(group);
    }
    let row: Option<GroupRow> = scope.find(t::table, |rows| {
        rows.filter(t::slug.eq(reference))
            .select(GroupRow::columns())
    })?;
    Ok(missing(row, "service group")?.read()?)
}

/// Adds a group.
///
/// # Errors
/// A reference to something unknown, a slug that is taken, or the database's.
pub fn create(
    scope: &mut WriteScope<'_>,
    id: GroupId,
    mut fields: GroupFields,
) -> Result<ServiceGroup, Problem> {
    check(scope, id, &mut fields)?;
    let now = clock::now();
    let row = GroupRow {
        tenant_id: scope.tenant_id(),
        id,
        slug: fields.slug.clone(),
        name: fields.name.clone(),
        topics_id: fields.topics_id,
        body: Json::of(&fields)?,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    scope.insert(t::table, &row)?;
    Ok(ServiceGroup {
        id,
        fields,
        version: 1,
        created_at: now,
        updated_at: now,
    })
}

/// Gives a group other fields, and tells its services if its name changed.
///
/// # Errors
/// As [`create`], or somebody else changed it meanwhile.
pub fn replace(
    scope: &mut WriteScope<'_>,
    group: ServiceGroup,
    mut fields: GroupFields,
) -> Result<(), Problem> {
    if fields.slug.is_empty() {
        fields.slug.clone_from(&group.fields.slug);
    }
    check(scope, group.id, &mut fields)?;
    let renamed = fields.name != group.fields.name || fields.slug != group.fields.slug;
    let body = Json::of(&fields)?;
    scope.execute_one(t::table, |rows| {
        diesel::update(
            rows.filter(t::id.eq(group.id))
                .filter(t::version.eq(group.version)),
        )
        .set((
            t::slug.eq(fields.slug),
            t::name.eq(fields.name),
            t::topics_id.eq(fields.topics_id),
            t::body.eq(body),
            t::version.eq(group.version + 1),
            t::updated_at.eq(clock::now()),
        ))
    })?;
    if renamed {
        services::renamed(scope, |service| service.service_group_id == Some(group.id))?;
    }
    Ok(())
}

/// Removes a group that has no services.
///
/// # Errors
/// [`ProblemKind::StillInUse`](opencity_kernel::ProblemKind::StillInUse), or the database's.
pub fn delete(scope: &mut WriteScope<'_>, group: &ServiceGroup) -> Result<(), Problem> {
    if services::any(scope, |service| service.service_group_id == Some(group.id))? {
        return Err(in_use("services"));
    }
    scope.execute_one(t::table, |rows| {
        diesel::delete(
            rows.filter(t::id.eq(group.id))
                .filter(t::version.eq(group.version)),
        )
    })?;
    Ok(())
}

fn check(scope: &mut WriteScope<'_>, id: GroupId, fields: &mut GroupFields) -> Result<(), Problem> {
    let taken: Vec<String> =
        scope.load(t::table, |rows| rows.filter(t::id.ne(id)).select(t::slug))?;
    let taken: HashSet<String> = taken.into_iter().collect();
    fields.slug = choose_slug(&fields.slug, &fields.name, "group", &taken)?;
    terms::check(
        scope,
        TermKind::Category,
        "topics_id",
        fields.topics_id.as_slice(),
    )?;
    terms::check(
        scope,
        TermKind::Recipient,
        "recipients_id",
        &fields.recipients_id,
    )?;
    terms::check(
        scope,
        TermKind::Area,
        "geographic_areas_id",
        &fields.geographic_areas_id,
    )
}
