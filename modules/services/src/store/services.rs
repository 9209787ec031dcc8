//! Services.

use std::collections::HashSet;

use diesel::prelude::*;
use opencity_contracts::service::ServiceStatus;
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::events::Change;
use opencity_kernel::id::{FormId, ServiceId, TenantId, TermId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use opencity_kernel::{Problem, clock, tenant_rows};
use serde_json::{Map, Value};

use super::schema::services_service as t;
use super::{choose_slug, forms, groups, missing, names, taken_already, terms};
use crate::domain::service::{GroupId, RESERVED, Service, ServiceFields};
use crate::domain::vocabulary::TermKind;
use crate::view;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = t)]
struct ServiceRow {
    tenant_id: TenantId,
    id: ServiceId,
    identifier: Option<String>,
    slug: String,
    status: i32,
    topics_id: Option<TermId>,
    service_group_id: Option<GroupId>,
    body: Json,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
}
tenant_rows!(ServiceRow);

impl ServiceRow {
    fn of(tenant_id: TenantId, service: &Service) -> DbResult<Self> {
        let fields = &service.fields;
        Ok(Self {
            tenant_id,
            id: service.id,
            identifier: fields.identifier.clone(),
            slug: fields.slug.clone(),
            status: fields.status.code(),
            topics_id: fields.topics_id,
            service_group_id: fields.service_group_id,
            body: Json::of(fields)?,
            version: service.version,
            created_at: service.created_at,
            updated_at: service.updated_at,
        })
    }

    fn read(self) -> DbResult<Service> {
        Ok(Service {
            id: self.id,
            fields: self.body.read()?,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// The services in one of these statuses; all if none is named.
///
/// # Errors
/// If the database refuses.
pub fn list(scope: &mut TenantScope<'_>, statuses: &[ServiceStatus]) -> DbResult<Vec<Service>> {
    let codes: Vec<i32> = statuses.iter().map(|status| status.code()).collect();
    let rows: Vec<ServiceRow> = if codes.is_empty() {
        scope.load(t::table, |rows| rows.select(ServiceRow::columns()))?
    } else {
        scope.load(t::table, |rows| {
            rows.filter(t::status.eq_any(codes))
                .select(ServiceRow::columns())
        })?
    };
    rows.into_iter().map(ServiceRow::read).collect()
}

/// The services of a group.
///
/// # Errors
/// If the database refuses.
pub fn of_group(scope: &mut TenantScope<'_>, group: GroupId) -> DbResult<Vec<Service>> {
    let rows: Vec<ServiceRow> = scope.load(t::table, |rows| {
        rows.filter(t::service_group_id.eq(group))
            .select(ServiceRow::columns())
    })?;
    rows.into_iter().map(ServiceRow::read).collect()
}

/// The service of this id.
///
/// # Errors
/// If the database refuses.
pub fn by_id(scope: &mut TenantScope<'_>, id: ServiceId) -> DbResult<Option<Service>> {
    let row: Option<ServiceRow> = scope.find(t::table, |rows| {
        rows.filter(t::id.eq(id)).select(ServiceRow::columns())
    })?;
    row.map(ServiceRow::read).transpose()
}

/// The service of this id, identifier or slug.
///
/// # Errors
/// [`ProblemKind::NotFound`](opencity_kernel::ProblemKind::NotFound), or the database's.
pub fn by_reference(scope: &mut TenantScope<'_>, reference: &str) -> Result<Service, Problem> {
    if let Ok(id) = reference.parse::<ServiceId>()
        && let Some(service) = by_id(scope, id)?
    {
        return Ok(service);
    }
    let named: Option<ServiceRow> = scope.find(t::table, |rows| {
        rows.filter(t::identifier.eq(reference))
            .select(ServiceRow::columns())
    })?;
    let row = match named {
        None => scope.find(t::table, |rows| {
            rows.filter(t::slug.eq(reference))
                .select(ServiceRow::columns())
        })?,
        found => found,
    };
    Ok(missing(row, "service")?.read()?)
}

/// Adds a service.
///
/// # Errors
/// A reference to something unknown, an identifier or slug that is taken, or the database's.
pub fn create(
    scope: &mut WriteScope<'_>,
    id: ServiceId,
    mut fields: ServiceFields,
) -> Result<Service, Problem> {
    check(scope, id, &mut fields)?;
    let now = clock::now();
    let service = Service {
        id,
        fields,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    scope.insert(t::table, &ServiceRow::of(scope.tenant_id(), &service)?)?;
    tell(scope, &service, service.version, Change::created())?;
    Ok(service)
}

/// Gives a service other fields; nothing happens if they are the same.
///
/// # Errors
/// As [`create`], or somebody else changed it meanwhile.
pub fn replace(
    scope: &mut WriteScope<'_>,
    service: Service,
    mut fields: ServiceFields,
) -> Result<(), Problem> {
    if fields.slug.is_empty() {
        fields.slug.clone_from(&service.fields.slug);
    }
    check(scope, service.id, &mut fields)?;
    if fields == service.fields {
        return Ok(());
    }
    store(scope, Service { fields, ..service })
}

/// Writes the next version of a service.
fn store(scope: &mut WriteScope<'_>, service: Service) -> Result<(), Problem> {
    let read = service.version;
    let service = Service {
        version: read + 1,
        updated_at: clock::now(),
        ..service
    };
    let row = ServiceRow::of(scope.tenant_id(), &service)?;
    scope.execute_one(t::table, |rows| {
        diesel::update(
            rows.filter(t::id.eq(service.id))
                .filter(t::version.eq(read)),
        )
        .set((
            t::identifier.eq(row.identifier),
            t::slug.eq(row.slug),
            t::status.eq(row.status),
            t::topics_id.eq(row.topics_id),
            t::service_group_id.eq(row.service_group_id),
            t::body.eq(row.body),
            t::version.eq(row.version),
            t::updated_at.eq(row.updated_at),
        ))
    })?;
    tell(scope, &service, service.version, Change::data())
}

/// Removes a service.
///
/// # Errors
/// If somebody else changed it meanwhile, or the database refuses.
pub fn delete(scope: &mut WriteScope<'_>, service: &Service) -> Result<(), Problem> {
    scope.execute_one(t::table, |rows| {
        diesel::delete(
            rows.filter(t::id.eq(service.id))
                .filter(t::version.eq(service.version)),
        )
    })?;
    tell(scope, service, service.version + 1, Change::deleted())
}

/// Tells a service's present state again.
///
/// # Errors
/// If the database refuses.
pub fn republish(scope: &mut WriteScope<'_>, id: ServiceId) -> Result<bool, Problem> {
    let Some(service) = by_id(scope, id)? else {
        return Ok(false);
    };
    // Takes the row's lock, so that the event stands in its place among those of changes.
    scope.execute_one(t::table, |rows| {
        diesel::update(
            rows.filter(t::id.eq(id))
                .filter(t::version.eq(service.version)),
        )
        .set(t::version.eq(service.version))
    })?;
    tell(scope, &service, service.version, Change::republished())?;
    Ok(true)
}

/// Tells all services that show the name of something that was renamed.
///
/// # Errors
/// If the database refuses.
pub fn renamed(
    scope: &mut WriteScope<'_>,
    shows: impl Fn(&ServiceFields) -> bool,
) -> Result<(), Problem> {
    for service in list(scope, &[])? {
        if shows(&service.fields) {
            store(scope, service)?;
        }
    }
    Ok(())
}

/// Whether any service has this property.
///
/// # Errors
/// If the database refuses.
pub fn any(scope: &mut TenantScope<'_>, has: impl Fn(&ServiceFields) -> bool) -> DbResult<bool> {
    Ok(list(scope, &[])?.iter().any(|service| has(&service.fields)))
}

/// How many services each group has.
///
/// # Errors
/// If the database refuses.
pub fn group_of_each(scope: &mut TenantScope<'_>) -> DbResult<Vec<GroupId>> {
    let groups: Vec<Option<GroupId>> =
        scope.load(t::table, |rows| rows.select(t::service_group_id))?;
    Ok(groups.into_iter().flatten().collect())
}

/// A body that names its category by slug alone gets its id.
///
/// # Errors
/// If no category has this slug, or the database refuses.
pub fn name_category(
    scope: &mut TenantScope<'_>,
    body: &mut Map<String, Value>,
) -> Result<(), Problem> {
    let named = |key: &str| {
        body.get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let (None, Some(slug)) = (named("topics_id"), named("topics")) else {
        return Ok(());
    };
    let category = terms::by_slug(scope, TermKind::Category, slug)?;
    let category = category.ok_or_else(|| Problem::unknown_reference("topics", "category"))?;
    body.insert(
        "topics_id".to_owned(),
        Value::String(category.id.to_string()),
    );
    Ok(())
}

fn tell(
    scope: &mut WriteScope<'_>,
    service: &Service,
    version: i64,
    change: Change,
) -> Result<(), Problem> {
    let names = names(scope)?;
    let event = view::event(scope.tenant_id(), service, &names, version, change)?;
    scope.emit(event)?;
    Ok(())
}

fn check(
    scope: &mut WriteScope<'_>,
    id: ServiceId,
    fields: &mut ServiceFields,
) -> Result<(), Problem> {
    let taken: Vec<(ServiceId, String, Option<String>)> = scope.load(t::table, |rows| {
        rows.filter(t::id.ne(id))
            .select((t::id, t::slug, t::identifier))
    })?;
    if fields.identifier.is_some()
        && taken
            .iter()
            .any(|(_, _, identifier)| *identifier == fields.identifier)
    {
        return Err(taken_already("identifier"));
    }
    let slugs: HashSet<String> = taken
        .into_iter()
        .map(|(_, slug, _)| slug)
        .chain([RESERVED.to_owned()])
        .collect();
    fields.slug = choose_slug(&fields.slug, &fields.name, "service", &slugs)?;

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
    )?;
    if let Some(group) = fields.service_group_id
        && groups::by_id(scope, group)?.is_none()
    {
        return Err(Problem::unknown_reference(
            "service_group_id",
            "service group",
        ));
    }
    let named: Vec<(String, FormId)> = fields.forms().collect();
    for (field, form) in named {
        if !forms::exists(scope, form)? {
            return Err(Problem::unknown_reference(&field, "form"));
        }
    }
    Ok(())
}
