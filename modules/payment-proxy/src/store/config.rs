//! Configurations: by which connector a service is paid, and how.

use diesel::prelude::*;
use opencity_kernel::clock;
use opencity_kernel::db::{Boxed, Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ConfigId, Id, TenantId, kind};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::schema::payment_proxy_config as t;

/// The service, usually, that a configuration is for.
pub type CollectionId = Id<kind::Service>;

/// A configuration.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = t, treat_none_as_null = true)]
pub struct ConfigRow {
    pub tenant_id: TenantId,
    pub id: ConfigId,
    pub connector: String,
    pub collection_id: CollectionId,
    pub collection_type: String,
    pub payment_type: String,
    pub active: bool,
    pub active_key: Option<String>,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub body: Json,
}
opencity_kernel::tenant_rows!(ConfigRow);

/// What only one active configuration of a tenant may have, over all connectors.
pub fn active_key(collection: CollectionId, collection_type: &str, payment_type: &str) -> String {
    format!("{collection_type}/{collection}/{payment_type}")
}

/// A configuration of a connector.
pub fn find(
    scope: &mut TenantScope<'_>,
    connector: &str,
    id: ConfigId,
) -> DbResult<Option<ConfigRow>> {
    let connector = connector.to_owned();
    scope.find(t::table, |rows| {
        rows.filter(t::id.eq(id))
            .filter(t::connector.eq(connector))
            .select(ConfigRow::columns())
    })
}

/// The active configuration by which a service is paid.
pub fn active(
    scope: &mut TenantScope<'_>,
    service: CollectionId,
    payment_type: &str,
) -> DbResult<Option<ConfigRow>> {
    let key = active_key(service, "service", payment_type);
    scope.find(t::table, |rows| {
        rows.filter(t::active_key.eq(key))
            .select(ConfigRow::columns())
    })
}

/// Those of a connector, oldest first.
pub fn list(
    scope: &mut TenantScope<'_>,
    connector: &str,
    id: Option<ConfigId>,
    collection: Option<CollectionId>,
) -> DbResult<Vec<ConfigRow>> {
    let connector = connector.to_owned();
    scope.load(t::table, |rows| {
        let mut query = rows
            .filter(t::connector.eq(connector))
            .order((t::created_at, t::id))
            .limit(1000)
            .select(ConfigRow::columns())
            .into_boxed::<opencity_kernel::db::MultiBackend>();
        if let Some(id) = id {
            query = query.filter(t::id.eq(id));
        }
        if let Some(collection) = collection {
            query = query.filter(t::collection_id.eq(collection));
        }
        Boxed(query)
    })
}

/// Adds one.
pub fn insert(scope: &mut WriteScope<'_>, row: &ConfigRow) -> DbResult<()> {
    scope.insert(t::table, row)
}

/// Writes one that was read before.
pub fn update(scope: &mut WriteScope<'_>, mut row: ConfigRow) -> DbResult<()> {
    let read = row.version;
    row.version += 1;
    row.updated_at = clock::now();
    let id = row.id;
    scope.execute_one(t::table, |rows| {
        diesel::update(rows.filter(t::id.eq(id)).filter(t::version.eq(read))).set(&row)
    })
}
