//! What this module knows of services, forms and citizens: copies kept from their events.

use diesel::dsl::max;
use diesel::prelude::*;
use opencity_contracts::service::Service;
use opencity_contracts::user::User;
use opencity_kernel::db::{Columns, DbError, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{FormId, OfficeId, ServiceId, TenantId, UserId};
use serde_json::Value;

use super::schema::{
    applications_citizen, applications_citizen_alias, applications_form, applications_service,
    applications_service_office,
};

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = applications_service, treat_none_as_null = true, primary_key(tenant_id, id))]
struct ServiceRow {
    tenant_id: TenantId,
    id: ServiceId,
    slug: String,
    identifier: Option<String>,
    body: String,
    version: i64,
    name: Option<String>,
}
opencity_kernel::tenant_rows!(ServiceRow);

#[derive(Insertable)]
#[diesel(table_name = applications_form)]
struct FormRow {
    tenant_id: TenantId,
    id: FormId,
    version: i32,
    schema: String,
}
opencity_kernel::tenant_rows!(FormRow);

/// A citizen, as his `users` events tell.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = applications_citizen, treat_none_as_null = true, primary_key(tenant_id, id))]
pub struct Citizen {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The citizen.
    pub id: UserId,
    /// Fiscal code, in upper case.
    pub tax_code: Option<String>,
    /// First name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// Version that is known here.
    pub version: i64,
}
opencity_kernel::tenant_rows!(Citizen);

#[derive(Insertable)]
#[diesel(table_name = applications_citizen_alias)]
struct AliasRow {
    tenant_id: TenantId,
    id: UserId,
    citizen_id: UserId,
}
opencity_kernel::tenant_rows!(AliasRow);

#[derive(Insertable)]
#[diesel(table_name = applications_service_office)]
struct ServiceOffice {
    tenant_id: TenantId,
    service_id: ServiceId,
    office_id: OfficeId,
}
opencity_kernel::tenant_rows!(ServiceOffice);

fn read(body: Option<String>) -> DbResult<Option<Service>> {
    body.map(|text| serde_json::from_str(&text).map_err(DbError::json))
        .transpose()
}

/// A service; its long texts are left out.
///
/// # Errors
/// If the database refuses.
pub fn service(scope: &mut TenantScope<'_>, id: ServiceId) -> DbResult<Option<Service>> {
    let body = scope.find(applications_service::table, |rows| {
        rows.filter(applications_service::id.eq(id))
            .select(applications_service::body)
    })?;
    read(body)
}

/// Several services.
///
/// # Errors
/// If the database refuses.
pub fn services(scope: &mut TenantScope<'_>, ids: &[ServiceId]) -> DbResult<Vec<Service>> {
    let bodies: Vec<String> = scope.load(applications_service::table, |rows| {
        rows.filter(applications_service::id.eq_any(ids.to_vec()))
            .select(applications_service::body)
    })?;
    bodies
        .iter()
        .map(|text| serde_json::from_str(text).map_err(DbError::json))
        .collect()
}

/// The services that any of these offices is linked to.
///
/// # Errors
/// If the database refuses.
pub fn services_of_offices(
    scope: &mut TenantScope<'_>,
    offices: &[OfficeId],
) -> DbResult<Vec<ServiceId>> {
    scope.load(applications_service_office::table, |rows| {
        rows.filter(applications_service_office::office_id.eq_any(offices.to_vec()))
            .select(applications_service_office::service_id)
    })
}

/// A service by its slug.
///
/// # Errors
/// If the database refuses.
pub fn service_by_slug(scope: &mut TenantScope<'_>, slug: &str) -> DbResult<Option<Service>> {
    let body = scope.find(applications_service::table, |rows| {
        rows.filter(applications_service::slug.eq(slug))
            .select(applications_service::body)
    })?;
    read(body)
}

/// A service by the name that a system outside gave it.
///
/// # Errors
/// If the database refuses.
pub fn service_by_identifier(
    scope: &mut TenantScope<'_>,
    identifier: &str,
) -> DbResult<Option<Service>> {
    let body = scope.find(applications_service::table, |rows| {
        rows.filter(applications_service::identifier.eq(identifier))
            .select(applications_service::body)
    })?;
    read(body)
}

/// A service by id, identifier or slug, in this order.
///
/// # Errors
/// If the database refuses.
pub fn service_named(scope: &mut TenantScope<'_>, name: &str) -> DbResult<Option<Service>> {
    if let Ok(id) = name.parse::<ServiceId>()
        && let Some(found) = service(scope, id)?
    {
        return Ok(Some(found));
    }
    match service_by_identifier(scope, name)? {
        Some(found) => Ok(Some(found)),
        None => service_by_slug(scope, name),
    }
}

/// A service by the name that people read.
///
/// # Errors
/// If the database refuses.
pub fn service_titled(scope: &mut TenantScope<'_>, name: &str) -> DbResult<Option<Service>> {
    let body = scope.find(applications_service::table, |rows| {
        rows.filter(applications_service::name.eq(name))
            .order(applications_service::id)
            .limit(1)
            .select(applications_service::body)
    })?;
    read(body)
}

/// Keeps a service, unless a newer version is known.
///
/// # Errors
/// If the database refuses.
pub fn keep_service(
    scope: &mut WriteScope<'_>,
    mut service: Service,
    version: i64,
) -> DbResult<bool> {
    // Texts that only readers of the catalogue need.
    for text in [
        &mut service.short_description,
        &mut service.description,
        &mut service.howto,
        &mut service.how_to_do,
        &mut service.what_you_need,
        &mut service.what_you_get,
        &mut service.costs,
        &mut service.who,
        &mut service.special_cases,
        &mut service.more_info,
        &mut service.constraints,
        &mut service.times_and_deadlines,
        &mut service.conditions,
        &mut service.compilation_info,
        &mut service.final_indications,
    ] {
        *text = None;
    }
    let row = ServiceRow {
        tenant_id: scope.tenant_id(),
        id: ServiceId::from_uuid(service.id),
        slug: service.slug.clone(),
        identifier: service.identifier.clone(),
        body: serde_json::to_string(&service).map_err(DbError::json)?,
        version,
        name: Some(service.name.clone()),
    };
    let known: Option<i64> = scope.find(applications_service::table, |rows| {
        rows.filter(applications_service::id.eq(row.id))
            .select(applications_service::version)
    })?;
    match known {
        Some(known) if known > version => return Ok(false),
        Some(_) => {
            scope.execute(applications_service::table, |rows| {
                diesel::update(rows.filter(applications_service::id.eq(row.id))).set(&row)
            })?;
        }
        None => scope.insert(applications_service::table, &row)?,
    }
    scope.execute(applications_service_office::table, |rows| {
        diesel::delete(rows.filter(applications_service_office::service_id.eq(row.id)))
    })?;
    let mut offices = service.user_group_ids;
    offices.sort_unstable();
    offices.dedup();
    for office in offices {
        let link = ServiceOffice {
            tenant_id: row.tenant_id,
            service_id: row.id,
            office_id: OfficeId::from_uuid(office),
        };
        scope.insert(applications_service_office::table, &link)?;
    }
    Ok(true)
}

/// Forgets a service that was deleted.
///
/// # Errors
/// If the database refuses.
pub fn forget_service(scope: &mut WriteScope<'_>, id: ServiceId) -> DbResult<()> {
    scope.execute(applications_service::table, |rows| {
        diesel::delete(rows.filter(applications_service::id.eq(id)))
    })?;
    Ok(())
}

/// The newest version of a form.
///
/// # Errors
/// If the database refuses.
pub fn newest_form(scope: &mut TenantScope<'_>, id: FormId) -> DbResult<Option<i32>> {
    let newest: Option<Option<i32>> = scope.find(applications_form::table, |rows| {
        rows.filter(applications_form::id.eq(id))
            .select(max(applications_form::version))
    })?;
    Ok(newest.flatten())
}

/// The Form.io schema of a version of a form.
///
/// # Errors
/// If the database refuses.
pub fn form_schema(
    scope: &mut TenantScope<'_>,
    id: FormId,
    version: i32,
) -> DbResult<Option<Value>> {
    let text: Option<String> = scope.find(applications_form::table, |rows| {
        rows.filter(applications_form::id.eq(id))
            .filter(applications_form::version.eq(version))
            .select(applications_form::schema)
    })?;
    text.map(|text| serde_json::from_str(&text).map_err(DbError::json))
        .transpose()
}

/// Some versions of a form with their schemas, newest first: those below a number, or from the newest on.
///
/// # Errors
/// If the database refuses.
pub fn form_versions(
    scope: &mut TenantScope<'_>,
    id: FormId,
    below: Option<i32>,
    most: i64,
) -> DbResult<Vec<(i32, Value)>> {
    let below = below.unwrap_or(i32::MAX);
    let found: Vec<(i32, String)> = scope.load(applications_form::table, |rows| {
        rows.filter(applications_form::id.eq(id))
            .filter(applications_form::version.lt(below))
            .order(applications_form::version.desc())
            .limit(most)
            .select((applications_form::version, applications_form::schema))
    })?;
    found
        .into_iter()
        .map(|(version, text)| Ok((version, serde_json::from_str(&text).map_err(DbError::json)?)))
        .collect()
}

/// Keeps a version of a form: versions never change.
///
/// # Errors
/// If the database refuses.
pub fn keep_form(
    scope: &mut WriteScope<'_>,
    id: FormId,
    version: i32,
    schema: &serde_json::Map<String, Value>,
) -> DbResult<()> {
    let row = FormRow {
        tenant_id: scope.tenant_id(),
        id,
        version,
        schema: serde_json::to_string(schema).map_err(DbError::json)?,
    };
    scope.insert_if_absent(applications_form::table, &row)?;
    Ok(())
}

/// A citizen.
///
/// # Errors
/// If the database refuses.
pub fn citizen(scope: &mut TenantScope<'_>, id: UserId) -> DbResult<Option<Citizen>> {
    scope.find(applications_citizen::table, |rows| {
        rows.filter(applications_citizen::id.eq(id))
            .select(Citizen::columns())
    })
}

/// The citizen that an id made from a fiscal code stands for: himself, or the one that it is an alias of.
///
/// # Errors
/// If the database refuses.
pub fn resolve_alias(scope: &mut TenantScope<'_>, id: UserId) -> DbResult<UserId> {
    let known: Option<UserId> = scope.find(applications_citizen_alias::table, |rows| {
        rows.filter(applications_citizen_alias::id.eq(id))
            .select(applications_citizen_alias::citizen_id)
    })?;
    Ok(known.unwrap_or(id))
}

/// Keeps a citizen, unless a newer version is known.
///
/// # Errors
/// If the database refuses.
pub fn keep_citizen(scope: &mut WriteScope<'_>, user: &User, version: i64) -> DbResult<bool> {
    let row = Citizen {
        tenant_id: scope.tenant_id(),
        id: UserId::from_uuid(user.id),
        tax_code: user
            .tax_code
            .as_deref()
            .map(|code| code.trim().to_uppercase()),
        given_name: user.given_name.clone(),
        family_name: user.family_name.clone(),
        email: user.email.clone(),
        version,
    };
    match citizen(scope, row.id)? {
        Some(known) if known.version > version => return Ok(false),
        Some(_) => {
            scope.execute(applications_citizen::table, |rows| {
                diesel::update(rows.filter(applications_citizen::id.eq(row.id))).set(&row)
            })?;
        }
        None => scope.insert(applications_citizen::table, &row)?,
    }
    for alias in &user.aliases {
        let alias = AliasRow {
            tenant_id: scope.tenant_id(),
            id: UserId::from_uuid(*alias),
            citizen_id: row.id,
        };
        scope.insert_if_absent(applications_citizen_alias::table, &alias)?;
    }
    Ok(true)
}

/// Forgets a citizen who was deleted.
///
/// # Errors
/// If the database refuses.
pub fn forget_citizen(scope: &mut WriteScope<'_>, id: UserId) -> DbResult<()> {
    scope.execute(applications_citizen_alias::table, |rows| {
        diesel::delete(rows.filter(applications_citizen_alias::citizen_id.eq(id)))
    })?;
    scope.execute(applications_citizen::table, |rows| {
        diesel::delete(rows.filter(applications_citizen::id.eq(id)))
    })?;
    Ok(())
}
