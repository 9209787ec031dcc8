//! Documents that people put into folders.

use diesel::prelude::*;
use opencity_kernel::clock;
use opencity_kernel::db::{
    Boxed, Columns, DbResult, MultiBackend, TenantScope, TenantTable, WriteScope,
};
use opencity_kernel::id::{DocumentId, FileId, TenantId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::document::{Page, Visible};
use super::folder::FolderId;
use super::schema::{documents_deposit, documents_deposit_reader, documents_personal_folder};
use super::{citizen, personal_folder};

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = documents_deposit, treat_none_as_null = true, primary_key(tenant_id, id))]
pub(crate) struct DepositRow {
    pub tenant_id: TenantId,
    pub id: DocumentId,
    pub version: i64,
    pub folder_id: FolderId,
    pub owner_id: UserId,
    pub recipient_type: String,
    pub title: String,
    pub file_id: Option<FileId>,
    pub filename: Option<String>,
    pub mime_type: Option<String>,
    pub size: Option<i64>,
    pub md5: Option<String>,
    pub sha256: Option<String>,
    pub body: Json,
    pub downloads: i64,
    pub last_read_at: Option<Instant>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Insertable)]
#[diesel(table_name = documents_deposit_reader)]
struct ReaderRow {
    tenant_id: TenantId,
    deposit_id: DocumentId,
    tax_code: String,
}
opencity_kernel::tenant_rows!(DepositRow, ReaderRow);

pub(crate) fn find(scope: &mut TenantScope<'_>, id: DocumentId) -> DbResult<Option<DepositRow>> {
    scope.find(documents_deposit::table, |rows| {
        rows.filter(documents_deposit::id.eq(id))
            .select(DepositRow::columns())
    })
}

pub(crate) fn insert(
    scope: &mut WriteScope<'_>,
    row: &DepositRow,
    readers: &[String],
) -> DbResult<()> {
    scope.insert(documents_deposit::table, row)?;
    admit(scope, row.id, readers)
}

/// Writes a document that was read in version `before`.
pub(crate) fn update(
    scope: &mut WriteScope<'_>,
    row: &DepositRow,
    readers: &[String],
    before: i64,
) -> DbResult<()> {
    scope.execute_one(documents_deposit::table, |rows| {
        diesel::update(
            rows.filter(documents_deposit::id.eq(row.id))
                .filter(documents_deposit::version.eq(before)),
        )
        .set(row)
    })?;
    dismiss(scope, row.id)?;
    admit(scope, row.id, readers)
}

/// Removes a document that was read in this version.
pub(crate) fn delete(scope: &mut WriteScope<'_>, id: DocumentId, version: i64) -> DbResult<()> {
    dismiss(scope, id)?;
    scope.execute_one(documents_deposit::table, |rows| {
        diesel::delete(
            rows.filter(documents_deposit::id.eq(id))
                .filter(documents_deposit::version.eq(version)),
        )
    })
}

fn admit(scope: &mut WriteScope<'_>, id: DocumentId, readers: &[String]) -> DbResult<()> {
    let tenant_id = scope.tenant_id();
    let rows: Vec<ReaderRow> = readers
        .iter()
        .map(|tax_code| ReaderRow {
            tenant_id,
            deposit_id: id,
            tax_code: tax_code.clone(),
        })
        .collect();
    scope.insert_all(documents_deposit_reader::table, rows.as_slice())
}

fn dismiss(scope: &mut WriteScope<'_>, id: DocumentId) -> DbResult<()> {
    scope.execute(documents_deposit_reader::table, |rows| {
        diesel::delete(rows.filter(documents_deposit_reader::deposit_id.eq(id)))
    })?;
    Ok(())
}

/// Whether a document names who has this tax code among its readers.
pub(crate) fn is_reader(
    scope: &mut TenantScope<'_>,
    id: DocumentId,
    tax_code: &str,
) -> DbResult<bool> {
    let found: Option<DocumentId> = scope.find(documents_deposit_reader::table, |rows| {
        rows.filter(documents_deposit_reader::deposit_id.eq(id))
            .filter(documents_deposit_reader::tax_code.eq(tax_code))
            .select(documents_deposit_reader::deposit_id)
    })?;
    Ok(found.is_some())
}

/// Somebody read the file; `by_owner` if the citizen did.
pub(crate) fn count_download(
    scope: &mut WriteScope<'_>,
    id: DocumentId,
    by_owner: bool,
) -> DbResult<()> {
    scope.execute(documents_deposit::table, |rows| {
        diesel::update(rows.filter(documents_deposit::id.eq(id))).set((
            documents_deposit::downloads.eq(documents_deposit::downloads + 1),
            by_owner.then(|| documents_deposit::last_read_at.eq(clock::now())),
        ))
    })?;
    Ok(())
}

/// Which of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// A citizen's own tax code: he also sees what names him as a reader.
    pub reader: Option<String>,
    /// The tax code of the citizen.
    pub tax_code: Option<String>,
    /// The whole title.
    pub title: Option<String>,
    /// The folder.
    pub folder: Option<FolderId>,
    /// The whole title of the folder.
    pub folder_title: Option<String>,
}

type Scoped = <documents_deposit::table as TenantTable>::Scoped;
type Rows<'a> = documents_deposit::BoxedQuery<'a, MultiBackend>;

fn chosen<'a>(rows: Scoped, tenant: TenantId, visible: Visible, wanted: Wanted) -> Rows<'a> {
    let mut query = rows.into_boxed::<MultiBackend>();
    match visible {
        Visible::All => {}
        Visible::Of(citizen) => {
            let admitted = documents_deposit_reader::table
                .filter(documents_deposit_reader::tenant_id.eq(tenant))
                .filter(documents_deposit_reader::tax_code.eq(wanted.reader.unwrap_or_default()))
                .select(documents_deposit_reader::deposit_id);
            query = query.filter(
                documents_deposit::owner_id
                    .eq(citizen)
                    .or(documents_deposit::id.eq_any(admitted)),
            );
        }
        Visible::Worked { services, .. } => {
            let worked = personal_folder::about(tenant, services);
            query = query.filter(documents_deposit::folder_id.eq_any(worked));
        }
    }
    if let Some(tax_code) = wanted.tax_code {
        let owners = citizen::with_tax_code(tenant, tax_code);
        query = query.filter(documents_deposit::owner_id.eq_any(owners));
    }
    if let Some(title) = wanted.title {
        query = query.filter(documents_deposit::title.eq(title));
    }
    if let Some(folder) = wanted.folder {
        query = query.filter(documents_deposit::folder_id.eq(folder));
    }
    if let Some(title) = wanted.folder_title {
        let titled = documents_personal_folder::table
            .filter(documents_personal_folder::tenant_id.eq(tenant))
            .filter(documents_personal_folder::title.eq(title))
            .select(documents_personal_folder::id);
        query = query.filter(documents_deposit::folder_id.eq_any(titled));
    }
    query
}

/// A part of the documents meant, in the order in which they came.
pub(crate) fn list(
    scope: &mut TenantScope<'_>,
    visible: Visible,
    wanted: Wanted,
    page: &Page,
) -> DbResult<Vec<DepositRow>> {
    let tenant = scope.tenant_id();
    scope.load(documents_deposit::table, |rows| {
        let query = chosen(rows, tenant, visible, wanted);
        let query = if page.newest_first {
            query.order((
                documents_deposit::created_at.desc(),
                documents_deposit::id.desc(),
            ))
        } else {
            query.order((documents_deposit::created_at, documents_deposit::id))
        };
        Boxed(
            query
                .offset(page.offset)
                .limit(page.limit)
                .select(DepositRow::columns()),
        )
    })
}

/// How many there are.
pub(crate) fn count(
    scope: &mut TenantScope<'_>,
    visible: Visible,
    wanted: Wanted,
) -> DbResult<i64> {
    let tenant = scope.tenant_id();
    scope.get(documents_deposit::table, |rows| {
        Boxed(chosen(rows, tenant, visible, wanted).count())
    })
}
