//! Keys that sign tokens. They belong to the installation, not to a tenant.

use diesel::prelude::*;
use opencity_kernel::db::{Columns, DbResult, PlatformScope};
use opencity_kernel::instant::Instant;

use super::schema::identity_signing_key;

/// A pair of keys.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = identity_signing_key)]
pub(crate) struct KeyRow {
    pub(crate) kid: String,
    pub(crate) generation: i64,
    /// PKCS#8, sealed.
    pub(crate) private_key: String,
    /// base64url, as JWKS has it.
    pub(crate) modulus: String,
    /// base64url, as JWKS has it.
    pub(crate) exponent: String,
    pub(crate) created_at: Instant,
    /// Since when it signs no more.
    pub(crate) retired_at: Option<Instant>,
}

/// All keys, the newest first.
pub(crate) fn all(platform: &mut PlatformScope<'_>) -> DbResult<Vec<KeyRow>> {
    platform.load(
        identity_signing_key::table
            .order(identity_signing_key::generation.desc())
            .select(KeyRow::columns()),
    )
}

/// Adds a key in place of those that sign until now.
pub(crate) fn replace(platform: &mut PlatformScope<'_>, row: &KeyRow) -> DbResult<()> {
    platform.execute(
        diesel::update(
            identity_signing_key::table.filter(identity_signing_key::retired_at.is_null()),
        )
        .set(identity_signing_key::retired_at.eq(row.created_at)),
    )?;
    platform.execute(diesel::insert_into(identity_signing_key::table).values(row))?;
    Ok(())
}

/// Forgets keys that were retired before.
pub(crate) fn sweep(platform: &mut PlatformScope<'_>, before: Instant) -> DbResult<usize> {
    platform.execute(diesel::delete(
        identity_signing_key::table.filter(identity_signing_key::retired_at.lt(before)),
    ))
}
