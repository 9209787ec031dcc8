//! Citizens and their tax codes, as their events tell.

use diesel::prelude::*;
use opencity_contracts::User;
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{TenantId, UserId};

use super::schema::documents_citizen;

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = documents_citizen, treat_none_as_null = true, primary_key(tenant_id, id))]
pub(crate) struct Citizen {
    pub tenant_id: TenantId,
    pub id: UserId,
    pub version: i64,
    pub tax_code: Option<String>,
}
opencity_kernel::tenant_rows!(Citizen);

/// The ids of those who have this tax code, for a query that names the tenant itself.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn with_tax_code(tenant: TenantId, tax_code: String) -> _ {
    documents_citizen::table
        .filter(documents_citizen::tenant_id.eq(tenant))
        .filter(documents_citizen::tax_code.assume_not_null().eq(tax_code))
        .select(documents_citizen::id)
}

pub(crate) fn find(scope: &mut TenantScope<'_>, id: UserId) -> DbResult<Option<Citizen>> {
    scope.find(documents_citizen::table, |rows| {
        rows.filter(documents_citizen::id.eq(id))
            .select(Citizen::columns())
    })
}

/// Keeps a citizen, unless a newer version is known; says whether he was kept.
pub(crate) fn keep(scope: &mut WriteScope<'_>, user: &User, version: i64) -> DbResult<bool> {
    let row = Citizen {
        tenant_id: scope.tenant_id(),
        id: user.id.into(),
        version,
        tax_code: user
            .tax_code
            .as_deref()
            .map(|code| code.trim().to_uppercase()),
    };
    match find(scope, row.id)? {
        Some(known) if known.version > version => return Ok(false),
        Some(_) => {
            scope.execute(documents_citizen::table, |rows| {
                diesel::update(rows.filter(documents_citizen::id.eq(row.id))).set(&row)
            })?;
        }
        None => scope.insert(documents_citizen::table, &row)?,
    }
    Ok(true)
}

pub(crate) fn forget(scope: &mut WriteScope<'_>, id: UserId) -> DbResult<()> {
    scope.execute(documents_citizen::table, |rows| {
        diesel::delete(rows.filter(documents_citizen::id.eq(id)))
    })?;
    Ok(())
}
