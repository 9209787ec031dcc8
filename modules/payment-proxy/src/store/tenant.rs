//! What a connector knows of a body.

use diesel::prelude::*;
use opencity_kernel::clock;
use opencity_kernel::db::{Columns, DbResult, PlatformScope, TenantScope, WriteScope};
use opencity_kernel::id::TenantId;
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::schema::payment_proxy_tenant as t;

/// A body's configuration of a connector.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = t)]
pub struct TenantRow {
    pub tenant_id: TenantId,
    pub connector: String,
    pub tax_code: String,
    pub active: bool,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    /// What the intermediary signs with.
    pub sealed_secret: String,
    pub body: Json,
}
opencity_kernel::tenant_rows!(TenantRow);

/// The scope's tenant at a connector.
pub fn find(scope: &mut TenantScope<'_>, connector: &str) -> DbResult<Option<TenantRow>> {
    let connector = connector.to_owned();
    scope.find(t::table, |rows| {
        rows.filter(t::connector.eq(connector))
            .select(TenantRow::columns())
    })
}

/// The bodies with this tax code: in a test installation there may be more than one.
pub fn by_tax_code(
    scope: &mut PlatformScope<'_>,
    connector: &str,
    tax_code: &str,
) -> DbResult<Vec<TenantRow>> {
    scope.load(
        t::table
            .filter(t::connector.eq(connector))
            .filter(t::tax_code.eq(tax_code))
            .filter(t::active.eq(true))
            .order(t::tenant_id)
            .select(TenantRow::columns()),
    )
}

/// Adds one.
pub fn insert(scope: &mut WriteScope<'_>, row: &TenantRow) -> DbResult<()> {
    scope.insert(t::table, row)
}

/// Writes one that was read before.
pub fn update(scope: &mut WriteScope<'_>, mut row: TenantRow) -> DbResult<()> {
    let read = row.version;
    row.version += 1;
    row.updated_at = clock::now();
    let connector = row.connector.clone();
    scope.execute_one(t::table, |rows| {
        diesel::update(
            rows.filter(t::connector.eq(connector))
                .filter(t::version.eq(read)),
        )
        .set(&row)
    })
}
