//! The directory: what every process knows of tenants, operators, administrators and offices, from
//! the events `tenants`, `users` and `user-groups`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Monotonic};

use async_trait::async_trait;
use diesel::prelude::*;
use serde_json::Value;

use crate::db::kernel_tables::{
    kernel_office, kernel_principal, kernel_tenant, kernel_tenant_host,
};
use crate::db::{Database, DbError, DbResult, ReadQuery, Tenancy, WriteScope, WriteStatement};
use crate::events::{Consumer, Event, HandleError, Next, OrderingKey, Topic};
use crate::id::{OfficeId, ServiceId, TenantId, UserId};
use crate::json::Json;

/// How long a tenant found by host or slug is believed without asking the database.
const BELIEVED: Duration = Duration::from_secs(1);

/// A tenant, as every process knows it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// The first path segment that names it.
    pub slug: String,
    /// Its name: "Comune di Bugliano".
    pub name: String,
    /// Address, tax code, IPA code, e-mail, look: the body of the `tenants` event.
    pub profile: Arc<Value>,
}

impl Tenant {
    /// For whom work is done in its name.
    #[must_use]
    pub fn tenancy(&self) -> Tenancy {
        Tenancy::new(self.id)
    }

    /// A text of its profile.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.profile
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// The host that public links name: the first one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.profile.get("hosts")?.get(0)?.as_str()
    }
}

/// What an operator or administrator may see and do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub id: UserId,
    /// `operator`, `admin` or `platform`.
    pub role: String,
    /// Whether he may act at all.
    pub enabled: bool,
    /// An operator for integrations by API.
    pub system_user: bool,
    /// Where to write to.
    pub email: Option<String>,
    /// Name and surname.
    pub full_name: Option<String>,
    /// Services whose applications he works.
    pub enabled_services: BTreeSet<ServiceId>,
    /// Offices that he is a member of.
    pub offices: BTreeSet<OfficeId>,
}

/// Answers from the directory.
#[derive(Clone)]
pub struct Directory {
    database: Database,
    fallback: Option<String>,
    believed: Arc<Mutex<HashMap<String, (Monotonic, Tenant)>>>,
}

impl Directory {
    /// The directory of this database; `fallback` is the slug of the tenant of unknown hosts.
    #[must_use]
    pub fn new(database: Database, fallback: Option<String>) -> Self {
        Self {
            database,
            fallback,
            believed: Arc::default(),
        }
    }

    /// The tenant of a host (without port), or the fallback.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn by_host(&self, host: &str) -> DbResult<Option<Tenant>> {
        let name = host.to_ascii_lowercase();
        let found = self
            .cached(&format!("host {name}"), move |connection| {
                let id: Option<TenantId> = kernel_tenant_host::table
                    .filter(kernel_tenant_host::host.eq(&name))
                    .select(kernel_tenant_host::tenant_id)
                    .rows(connection)?
                    .into_iter()
                    .next();
                match id {
                    Some(id) => by_id(connection, id),
                    None => Ok(None),
                }
            })
            .await?;
        match (&found, &self.fallback) {
            (None, Some(slug)) => self.by_slug(slug).await,
            _ => Ok(found),
        }
    }

    /// Whether a tenant owns this host: a slug path of another tenant is then not served there.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn owner_of_host(&self, host: &str) -> DbResult<Option<TenantId>> {
        let name = host.to_ascii_lowercase();
        self.database
            .read_raw(move |connection| {
                Ok(kernel_tenant_host::table
                    .filter(kernel_tenant_host::host.eq(&name))
                    .select(kernel_tenant_host::tenant_id)
                    .rows(connection)?
                    .into_iter()
                    .next())
            })
            .await
    }

    /// The tenant of a slug.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn by_slug(&self, slug: &str) -> DbResult<Option<Tenant>> {
        let name = slug.to_owned();
        self.cached(&format!("slug {slug}"), move |connection| {
            let row: Option<TenantRow> = kernel_tenant::table
                .filter(kernel_tenant::slug.eq(&name))
                .select(COLUMNS)
                .rows(connection)?
                .into_iter()
                .next();
            Ok(row.map(tenant_of))
        })
        .await
    }

    /// A tenant.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn tenant(&self, id: TenantId) -> DbResult<Option<Tenant>> {
        self.cached(&format!("id {id}"), move |connection| by_id(connection, id))
            .await
    }

    /// An operator or administrator of a tenant.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn principal(&self, tenancy: Tenancy, id: UserId) -> DbResult<Option<Principal>> {
        self.database
            .read_one(tenancy, move |scope| {
                let rows: Vec<PrincipalRow> = scope.load(kernel_principal::table, |rows| {
                    rows.filter(kernel_principal::id.eq(id))
                        .select(PRINCIPAL_COLUMNS)
                })?;
                rows.into_iter().next().map(principal_of).transpose()
            })
            .await
    }

    /// The operators and administrators of a tenant that are enabled.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn principals(&self, tenancy: Tenancy) -> DbResult<Vec<Principal>> {
        self.database
            .read_one(tenancy, move |scope| {
                let rows: Vec<PrincipalRow> = scope.load(kernel_principal::table, |rows| {
                    rows.filter(kernel_principal::enabled.eq(true))
                        .order(kernel_principal::full_name)
                        .select(PRINCIPAL_COLUMNS)
                })?;
                rows.into_iter().map(principal_of).collect()
            })
            .await
    }

    /// The offices of a tenant by name.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn offices(&self, tenancy: Tenancy) -> DbResult<Vec<(OfficeId, String)>> {
        self.database
            .read_one(tenancy, move |scope| {
                scope.load(kernel_office::table, |rows| {
                    rows.order(kernel_office::name)
                        .select((kernel_office::id, kernel_office::name))
                })
            })
            .await
    }

    async fn cached(
        &self,
        key: &str,
        find: impl Fn(&mut crate::db::AnyConnection) -> DbResult<Option<Tenant>> + Send + 'static,
    ) -> DbResult<Option<Tenant>> {
        if let Some((since, tenant)) = self
            .believed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            && since.elapsed() < BELIEVED
        {
            return Ok(Some(tenant.clone()));
        }
        let found = self.database.read_raw(find).await?;
        let mut believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        match &found {
            Some(tenant) => believed.insert(key.to_owned(), (Monotonic::now(), tenant.clone())),
            None => believed.remove(key),
        };
        Ok(found)
    }
}

type TenantRow = (TenantId, String, String, Json);
const COLUMNS: (
    kernel_tenant::id,
    kernel_tenant::slug,
    kernel_tenant::name,
    kernel_tenant::profile,
) = (
    kernel_tenant::id,
    kernel_tenant::slug,
    kernel_tenant::name,
    kernel_tenant::profile,
);

fn tenant_of((id, slug, name, profile): TenantRow) -> Tenant {
    Tenant {
        id,
        slug,
        name,
        profile: Arc::new(profile.0),
    }
}

fn by_id(connection: &mut crate::db::AnyConnection, id: TenantId) -> DbResult<Option<Tenant>> {
    let row: Option<TenantRow> = kernel_tenant::table
        .filter(kernel_tenant::id.eq(id))
        .select(COLUMNS)
        .rows(connection)?
        .into_iter()
        .next();
    Ok(row.map(tenant_of))
}

/// A tenant, read inside a transaction of a consumer.
///
/// # Errors
/// If the database refuses.
pub fn tenant_in(scope: &mut WriteScope<'_>) -> DbResult<Option<Tenant>> {
    let id = scope.tenant_id();
    by_id(scope.connection, id)
}

type PrincipalRow = (
    UserId,
    String,
    bool,
    bool,
    Option<String>,
    Option<String>,
    Json,
    Json,
);
type PrincipalColumns = (
    kernel_principal::id,
    kernel_principal::role,
    kernel_principal::enabled,
    kernel_principal::system_user,
    kernel_principal::email,
    kernel_principal::full_name,
    kernel_principal::enabled_services,
    kernel_principal::offices,
);
const PRINCIPAL_COLUMNS: PrincipalColumns = (
    kernel_principal::id,
    kernel_principal::role,
    kernel_principal::enabled,
    kernel_principal::system_user,
    kernel_principal::email,
    kernel_principal::full_name,
    kernel_principal::enabled_services,
    kernel_principal::offices,
);

fn principal_of(row: PrincipalRow) -> DbResult<Principal> {
    let (id, role, enabled, system_user, email, full_name, services, offices) = row;
    Ok(Principal {
        id,
        role,
        enabled,
        system_user,
        email,
        full_name,
        enabled_services: services.read()?,
        offices: offices.read()?,
    })
}

/// The operators and administrators that are enabled, read inside a transaction of a consumer.
///
/// # Errors
/// If the database refuses.
pub fn principals_in(scope: &mut crate::db::TenantScope<'_>) -> DbResult<Vec<Principal>> {
    let rows: Vec<PrincipalRow> = scope.load(kernel_principal::table, |rows| {
        rows.filter(kernel_principal::enabled.eq(true))
            .order(kernel_principal::full_name)
            .select(PRINCIPAL_COLUMNS)
    })?;
    rows.into_iter().map(principal_of).collect()
}

/// Keeps the directory.
pub struct DirectoryConsumer;

#[async_trait]
impl Consumer for DirectoryConsumer {
    fn name(&self) -> &'static str {
        "kernel.directory"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Tenants, Topic::Users, Topic::UserGroups]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        match event.topic {
            Topic::Tenants => take_tenant(scope, event),
            Topic::Users => take_user(scope, event),
            _ => take_office(scope, event),
        }
    }
}

fn text(event: &Event, key: &str) -> Option<String> {
    event
        .payload
        .get(key)
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn take_tenant(scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
    let id = scope.tenant_id();
    let (Some(slug), Some(name)) = (text(event, "slug"), text(event, "name")) else {
        return Err(HandleError::permanent(
            "malformed-event",
            "the tenant has no slug or name",
        ));
    };
    let connection = &mut *scope.connection;
    let known: Option<i64> = kernel_tenant::table
        .filter(kernel_tenant::id.eq(id))
        .select(kernel_tenant::version)
        .rows(connection)
        .map_err(DbError::from)?
        .into_iter()
        .next();
    if known.is_some_and(|version| version > event.aggregate_version) {
        return Ok(Next::Nothing);
    }
    let profile = Json(event.payload.clone());
    let version = event.aggregate_version;
    diesel::delete(kernel_tenant_host::table.filter(kernel_tenant_host::tenant_id.eq(id)))
        .perform(connection)
        .map_err(DbError::from)?;
    if event.change_type() == "deleted" {
        diesel::delete(kernel_tenant::table.filter(kernel_tenant::id.eq(id)))
            .perform(connection)
            .map_err(DbError::from)?;
        return Ok(Next::Done);
    }
    let row = (
        kernel_tenant::slug.eq(slug),
        kernel_tenant::name.eq(name),
        kernel_tenant::profile.eq(profile),
        kernel_tenant::version.eq(version),
    );
    if known.is_some() {
        diesel::update(kernel_tenant::table.filter(kernel_tenant::id.eq(id)))
            .set(row)
            .perform(connection)
            .map_err(DbError::from)?;
    } else {
        diesel::insert_into(kernel_tenant::table)
            .values((kernel_tenant::id.eq(id), row.0, row.1, row.2, row.3))
            .perform(connection)
            .map_err(DbError::from)?;
    }
    let hosts = event
        .payload
        .get("hosts")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for host in hosts.iter().filter_map(Value::as_str) {
        diesel::insert_into(kernel_tenant_host::table)
            .values((
                kernel_tenant_host::host.eq(host.to_ascii_lowercase()),
                kernel_tenant_host::tenant_id.eq(id),
            ))
            .perform(connection)
            .map_err(DbError::from)?;
    }
    Ok(Next::Done)
}

fn take_user(scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
    let role = text(event, "role").unwrap_or_default();
    if !matches!(role.as_str(), "operator" | "admin" | "platform") {
        return Ok(Next::Nothing);
    }
    let id = UserId::from_uuid(event.entity);
    let known: Option<i64> = scope.find(kernel_principal::table, |rows| {
        rows.filter(kernel_principal::id.eq(id))
            .select(kernel_principal::version)
    })?;
    if known.is_some_and(|version| version > event.aggregate_version) {
        return Ok(Next::Nothing);
    }
    if event.change_type() == "deleted" || text(event, "event_reason").as_deref() == Some("deleted")
    {
        scope.execute(kernel_principal::table, |rows| {
            diesel::delete(rows.filter(kernel_principal::id.eq(id)))
        })?;
        return Ok(Next::Done);
    }
    let flag = |key: &str, default: bool| {
        event
            .payload
            .get(key)
            .and_then(Value::as_bool)
            .unwrap_or(default)
    };
    let list = |key: &str| {
        Json(
            event
                .payload
                .get(key)
                .filter(|v| v.is_array())
                .cloned()
                .unwrap_or_else(|| Value::Array(Vec::new())),
        )
    };
    let row = (
        kernel_principal::role.eq(role),
        kernel_principal::enabled.eq(flag("enabled", true)),
        kernel_principal::system_user.eq(flag("system_user", false)),
        kernel_principal::email.eq(text(event, "email")),
        kernel_principal::full_name.eq(text(event, "full_name")),
        kernel_principal::roles.eq(list("roles")),
        kernel_principal::enabled_services.eq(list("enabled_services_ids")),
        kernel_principal::offices.eq(list("user_groups_ids")),
        kernel_principal::version.eq(event.aggregate_version),
    );
    if known.is_some() {
        scope.execute(kernel_principal::table, |rows| {
            diesel::update(rows.filter(kernel_principal::id.eq(id))).set(row)
        })?;
    } else {
        diesel::insert_into(kernel_principal::table)
            .values((
                kernel_principal::tenant_id.eq(scope.tenant_id()),
                kernel_principal::id.eq(id),
                row.0,
                row.1,
                row.2,
                row.3,
                row.4,
                row.5,
                row.6,
                row.7,
                row.8,
            ))
            .perform(scope.connection)
            .map_err(DbError::from)?;
    }
    Ok(Next::Done)
}

fn take_office(scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
    let id = OfficeId::from_uuid(event.entity);
    let known: Option<i64> = scope.find(kernel_office::table, |rows| {
        rows.filter(kernel_office::id.eq(id))
            .select(kernel_office::version)
    })?;
    if known.is_some_and(|version| version > event.aggregate_version) {
        return Ok(Next::Nothing);
    }
    if event.change_type() == "deleted" {
        scope.execute(kernel_office::table, |rows| {
            diesel::delete(rows.filter(kernel_office::id.eq(id)))
        })?;
        return Ok(Next::Done);
    }
    let name = text(event, "name").unwrap_or_default();
    let version = event.aggregate_version;
    if known.is_some() {
        scope.execute(kernel_office::table, |rows| {
            diesel::update(rows.filter(kernel_office::id.eq(id))).set((
                kernel_office::name.eq(name),
                kernel_office::version.eq(version),
            ))
        })?;
    } else {
        diesel::insert_into(kernel_office::table)
            .values((
                kernel_office::tenant_id.eq(scope.tenant_id()),
                kernel_office::id.eq(id),
                kernel_office::name.eq(name),
                kernel_office::version.eq(version),
            ))
            .perform(scope.connection)
            .map_err(DbError::from)?;
    }
    Ok(Next::Done)
}
