//! Folders (*fascicoli*).

use diesel::prelude::*;
use opencity_kernel::clock;
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{Id, ServiceId, TenantId};
use opencity_kernel::instant::Instant;

use super::schema::documents_folder;

/// The kind of a folder's id.
#[derive(Debug)]
pub(crate) enum Folder {}
/// The id of a folder.
pub(crate) type FolderId = Id<Folder>;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = documents_folder)]
pub(crate) struct FolderRow {
    pub tenant_id: TenantId,
    pub id: FolderId,
    pub service_id: ServiceId,
    pub year: i64,
    pub title: String,
    /// The registry's own number of it.
    pub number: Option<String>,
    pub created_at: Instant,
    pub updated_at: Instant,
}
opencity_kernel::tenant_rows!(FolderRow);

/// The folder of a service and a year; made with this title when there is none. The first title stays.
pub(crate) fn of_year(
    scope: &mut WriteScope<'_>,
    service: ServiceId,
    year: i64,
    title: &str,
) -> DbResult<FolderRow> {
    if let Some(folder) = find_of_year(scope, service, year)? {
        return Ok(folder);
    }
    let now = clock::now();
    let folder = FolderRow {
        tenant_id: scope.tenant_id(),
        id: Id::new(),
        service_id: service,
        year,
        title: title.to_owned(),
        number: None,
        created_at: now,
        updated_at: now,
    };
    if scope.insert_if_absent(documents_folder::table, &folder)? {
        return Ok(folder);
    }
    // Another document of the same year was faster.
    find_of_year(scope, service, year)?.ok_or(opencity_kernel::db::DbError::Conflict)
}

fn find_of_year(
    scope: &mut TenantScope<'_>,
    service: ServiceId,
    year: i64,
) -> DbResult<Option<FolderRow>> {
    scope.find(documents_folder::table, |rows| {
        rows.filter(documents_folder::service_id.eq(service))
            .filter(documents_folder::year.eq(year))
            .select(FolderRow::columns())
    })
}

/// Keeps the number that the registry gave the folder.
pub(crate) fn set_number(scope: &mut WriteScope<'_>, id: FolderId, number: &str) -> DbResult<()> {
    scope.execute(documents_folder::table, |rows| {
        diesel::update(rows.filter(documents_folder::id.eq(id))).set((
            documents_folder::number.eq(number),
            documents_folder::updated_at.eq(clock::now()),
        ))
    })?;
    Ok(())
}

/// Folders by id, by title.
pub(crate) fn load(scope: &mut TenantScope<'_>, ids: Vec<FolderId>) -> DbResult<Vec<FolderRow>> {
    scope.load(documents_folder::table, |rows| {
        rows.filter(documents_folder::id.eq_any(ids))
            .order((documents_folder::title, documents_folder::id))
            .select(FolderRow::columns())
    })
}
