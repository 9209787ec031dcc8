//! Rows of bodies.

mod schema;

use diesel::prelude::*;
use opencity_contracts::{Tenant, Topic};
use opencity_kernel::db::{DbError, DbResult, PlatformScope, Tenancy, TenantScope, WriteScope};
use opencity_kernel::events::{Change, NewEvent};
use opencity_kernel::id::TenantId;
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use opencity_kernel::{FieldProblem, Problem, ProblemKind};

use schema::{tenants_host, tenants_tenant};

#[derive(Insertable)]
#[diesel(table_name = tenants_tenant)]
struct NewTenantRow {
    tenant_id: TenantId,
    slug: String,
    name: String,
    mechanographic_code: Option<String>,
    administrative_code: Option<String>,
    profile: Json,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
}
opencity_kernel::tenant_rows!(NewTenantRow);

#[derive(Insertable)]
#[diesel(table_name = tenants_host)]
struct NewHostRow {
    tenant_id: TenantId,
    host: String,
}
opencity_kernel::tenant_rows!(NewHostRow);

/// A body and the counter of its changes.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// As the event has it.
    pub(crate) body: Tenant,
    /// Starts at 1.
    pub(crate) version: i64,
}

impl Stored {
    fn of((profile, version): (Json, i64)) -> DbResult<Self> {
        Ok(Self {
            body: profile.read()?,
            version,
        })
    }

    /// For whom its row is written.
    pub(crate) fn tenancy(&self) -> Tenancy {
        Tenancy::from_row(TenantId::from_uuid(self.body.id))
    }
}

/// The body of this tenancy.
pub(crate) fn find(scope: &mut TenantScope<'_>) -> DbResult<Option<Stored>> {
    scope
        .find(tenants_tenant::table, |rows| {
            rows.select((tenants_tenant::profile, tenants_tenant::version))
        })?
        .map(Stored::of)
        .transpose()
}

/// The body of a slug.
pub(crate) fn by_slug(platform: &mut PlatformScope<'_>, slug: &str) -> DbResult<Option<Stored>> {
    platform
        .find(
            tenants_tenant::table
                .filter(tenants_tenant::slug.eq(slug))
                .select((tenants_tenant::profile, tenants_tenant::version)),
        )?
        .map(Stored::of)
        .transpose()
}

/// Every body.
pub(crate) fn all(platform: &mut PlatformScope<'_>) -> DbResult<Vec<Tenancy>> {
    let ids: Vec<TenantId> = platform.load(
        tenants_tenant::table
            .order(tenants_tenant::slug)
            .select(tenants_tenant::tenant_id),
    )?;
    Ok(ids.into_iter().map(Tenancy::from_row).collect())
}

/// Writes a new body, under its own tenancy.
pub(crate) fn insert(scope: &mut WriteScope<'_>, body: &Tenant) -> Result<(), Problem> {
    let row = NewTenantRow {
        tenant_id: scope.tenant_id(),
        slug: body.slug.clone(),
        name: body.name.clone(),
        mechanographic_code: body.mechanographic_code.clone(),
        administrative_code: body.administrative_code.clone(),
        profile: Json::of(body)?,
        version: 1,
        created_at: body.created_at.into(),
        updated_at: body.updated_at.into(),
    };
    scope.insert(tenants_tenant::table, &row).map_err(taken)?;
    insert_hosts(scope, body)?;
    Ok(emit(scope, body, 1, Change::created())?)
}

/// Writes a changed body.
pub(crate) fn update(
    scope: &mut WriteScope<'_>,
    before: &Stored,
    body: &Tenant,
) -> Result<(), Problem> {
    let version = before.version + 1;
    let profile = Json::of(body)?;
    scope
        .execute_one(tenants_tenant::table, |rows| {
            diesel::update(rows.filter(tenants_tenant::version.eq(before.version))).set((
                tenants_tenant::slug.eq(&body.slug),
                tenants_tenant::name.eq(&body.name),
                tenants_tenant::mechanographic_code.eq(&body.mechanographic_code),
                tenants_tenant::administrative_code.eq(&body.administrative_code),
                tenants_tenant::profile.eq(&profile),
                tenants_tenant::version.eq(version),
                tenants_tenant::updated_at.eq(Instant::from_utc(body.updated_at)),
            ))
        })
        .map_err(taken)?;
    if before.body.hosts != body.hosts {
        scope.execute(tenants_host::table, diesel::delete)?;
        insert_hosts(scope, body)?;
    }
    Ok(emit(scope, body, version, Change::data())?)
}

/// Tells the present state once more; whether there is one.
pub(crate) fn republish(scope: &mut WriteScope<'_>) -> DbResult<bool> {
    let Some(stored) = find(scope)? else {
        return Ok(false);
    };
    emit(scope, &stored.body, stored.version, Change::republished())?;
    Ok(true)
}

fn insert_hosts(scope: &mut WriteScope<'_>, body: &Tenant) -> Result<(), Problem> {
    for host in &body.hosts {
        let row = NewHostRow {
            tenant_id: scope.tenant_id(),
            host: host.clone(),
        };
        scope.insert(tenants_host::table, &row).map_err(taken)?;
    }
    Ok(())
}

fn emit(scope: &mut WriteScope<'_>, body: &Tenant, version: i64, change: Change) -> DbResult<()> {
    let value = serde_json::to_value(body).map_err(DbError::json)?;
    scope.emit(NewEvent::new(
        Topic::Tenants,
        body.id,
        body.id,
        version,
        change,
        value,
    ))?;
    Ok(())
}

/// Which value is another body's already.
fn taken(error: DbError) -> Problem {
    let DbError::Duplicate(constraint) = &error else {
        return error.into();
    };
    let field = ["slug", "mechanographic_code", "administrative_code"]
        .into_iter()
        .find(|field| constraint.contains(field))
        .unwrap_or(if constraint.contains("tenants_host") {
            "hosts"
        } else {
            "id"
        });
    Problem::new(
        ProblemKind::AlreadyExists,
        format!("Another body has this value of {field}. Choose another one."),
    )
    .with_errors(vec![FieldProblem {
        field: field.to_owned(),
        code: "taken".to_owned(),
        message: "Another body has this value.".to_owned(),
    }])
}

#[cfg(test)]
mod tests;
