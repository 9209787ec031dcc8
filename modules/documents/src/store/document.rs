//! Documents.

use diesel::prelude::*;
use opencity_contracts::DocumentEvent;
use opencity_kernel::clock;
use opencity_kernel::db::{
    Boxed, Columns, DbResult, MultiBackend, PlatformScope, TenantScope, TenantTable, WriteScope,
};
use opencity_kernel::id::{
    ActId, ApplicationId, DocumentId, FileId, OfficeId, ServiceId, TenantId, UserId,
};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::folder::FolderId;
use super::schema::{documents_application, documents_document};

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = documents_document)]
pub(crate) struct DocumentRow {
    pub tenant_id: TenantId,
    pub id: DocumentId,
    pub version: i64,
    pub act_id: ActId,
    pub kind: String,
    pub status: String,
    pub application_id: ApplicationId,
    pub service_id: ServiceId,
    pub owner_id: UserId,
    pub owner_tax_code: Option<String>,
    pub folder_id: FolderId,
    pub title: String,
    pub main_file_id: FileId,
    pub sha256: String,
    pub body: Json,
    pub downloads: i64,
    pub last_read_at: Option<Instant>,
    pub created_at: Instant,
    pub updated_at: Instant,
}
opencity_kernel::tenant_rows!(DocumentRow);

pub(crate) fn insert(scope: &mut WriteScope<'_>, row: &DocumentRow) -> DbResult<()> {
    scope.insert(documents_document::table, row)
}

pub(crate) fn of_act(scope: &mut TenantScope<'_>, act: ActId) -> DbResult<Option<DocumentId>> {
    scope.find(documents_document::table, |rows| {
        rows.filter(documents_document::act_id.eq(act))
            .select(documents_document::id)
    })
}

pub(crate) fn find(scope: &mut TenantScope<'_>, id: DocumentId) -> DbResult<Option<DocumentRow>> {
    scope.find(documents_document::table, |rows| {
        rows.filter(documents_document::id.eq(id))
            .select(DocumentRow::columns())
    })
}

/// The document that this file is the main one of.
pub(crate) fn of_file(scope: &mut TenantScope<'_>, file: FileId) -> DbResult<Option<DocumentRow>> {
    scope.find(documents_document::table, |rows| {
        rows.filter(documents_document::main_file_id.eq(file))
            .select(DocumentRow::columns())
    })
}

/// The document whose file has these bytes.
pub(crate) fn of_hash(scope: &mut TenantScope<'_>, sha256: &str) -> DbResult<Option<DocumentRow>> {
    scope.find(documents_document::table, |rows| {
        rows.filter(documents_document::sha256.eq(sha256))
            .order(documents_document::created_at)
            .select(DocumentRow::columns())
    })
}

/// Takes what the registration has made of a document, unless it is older than what is known.
pub(crate) fn take(
    scope: &mut WriteScope<'_>,
    document: &DocumentEvent,
    version: i64,
) -> DbResult<bool> {
    let body = Json::of(document)?;
    let touched = scope.execute(documents_document::table, |rows| {
        diesel::update(
            rows.filter(documents_document::id.eq(DocumentId::from_uuid(document.id)))
                .filter(documents_document::version.lt(version)),
        )
        .set((
            documents_document::version.eq(version),
            documents_document::status.eq(document.status.as_str()),
            documents_document::body.eq(body),
            documents_document::updated_at.eq(Instant::from_utc(document.updated_at)),
        ))
    })?;
    Ok(touched > 0)
}

/// Somebody read the file; `by_owner` if the citizen did.
pub(crate) fn count_download(
    scope: &mut WriteScope<'_>,
    id: DocumentId,
    by_owner: bool,
) -> DbResult<()> {
    scope.execute(documents_document::table, |rows| {
        diesel::update(rows.filter(documents_document::id.eq(id))).set((
            documents_document::downloads.eq(documents_document::downloads + 1),
            by_owner.then(|| documents_document::last_read_at.eq(clock::now())),
        ))
    })?;
    Ok(())
}

/// Whose documents are meant.
#[derive(Debug, Clone)]
pub(crate) enum Visible {
    /// All of the tenant.
    All,
    /// Those of a citizen.
    Of(UserId),
    /// Those of these services, and of the applications that are assigned to the operator or his offices.
    Worked {
        services: Vec<ServiceId>,
        offices: Vec<OfficeId>,
        operator: UserId,
    },
}

/// Which of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// The tax code of the citizen.
    pub tax_code: Option<String>,
    /// The whole title.
    pub title: Option<String>,
    /// The folders.
    pub folders: Option<Vec<FolderId>>,
    /// The application.
    pub application: Option<ApplicationId>,
}

type Scoped = <documents_document::table as TenantTable>::Scoped;
type Rows<'a> = documents_document::BoxedQuery<'a, MultiBackend>;

fn chosen<'a>(rows: Scoped, tenant: TenantId, visible: Visible, wanted: Wanted) -> Rows<'a> {
    let mut query = rows.into_boxed::<MultiBackend>();
    match visible {
        Visible::All => {}
        Visible::Of(owner) => query = query.filter(documents_document::owner_id.eq(owner)),
        Visible::Worked {
            services,
            offices,
            operator,
        } => {
            let assigned = documents_application::table
                .filter(documents_application::tenant_id.eq(tenant))
                .filter(
                    documents_application::operator_id
                        .assume_not_null()
                        .eq(operator)
                        .or(documents_application::office_id
                            .assume_not_null()
                            .eq_any(offices)),
                )
                .select(documents_application::id);
            query = query.filter(
                documents_document::service_id
                    .eq_any(services)
                    .or(documents_document::application_id.eq_any(assigned)),
            );
        }
    }
    if let Some(tax_code) = wanted.tax_code {
        query = query.filter(documents_document::owner_tax_code.eq(tax_code));
    }
    if let Some(title) = wanted.title {
        query = query.filter(documents_document::title.eq(title));
    }
    if let Some(folders) = wanted.folders {
        query = query.filter(documents_document::folder_id.eq_any(folders));
    }
    if let Some(application) = wanted.application {
        query = query.filter(documents_document::application_id.eq(application));
    }
    query
}

/// A part of the documents meant, in the order in which they were made.
pub(crate) fn list(
    scope: &mut TenantScope<'_>,
    visible: Visible,
    wanted: Wanted,
    page: &Page,
) -> DbResult<Vec<DocumentRow>> {
    let tenant = scope.tenant_id();
    scope.load(documents_document::table, |rows| {
        let query = chosen(rows, tenant, visible, wanted);
        let query = if page.newest_first {
            query.order((
                documents_document::created_at.desc(),
                documents_document::act_id.desc(),
            ))
        } else {
            query.order((documents_document::created_at, documents_document::act_id))
        };
        Boxed(
            query
                .offset(page.offset)
                .limit(page.limit)
                .select(DocumentRow::columns()),
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
    scope.get(documents_document::table, |rows| {
        Boxed(chosen(rows, tenant, visible, wanted).count())
    })
}

/// Which part of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub offset: i64,
    pub limit: i64,
    pub newest_first: bool,
}

/// The folders that the documents meant lie in.
pub(crate) fn folders(
    scope: &mut TenantScope<'_>,
    visible: Visible,
    wanted: Wanted,
) -> DbResult<Vec<FolderId>> {
    let tenant = scope.tenant_id();
    scope.load(documents_document::table, |rows| {
        Boxed(
            chosen(rows, tenant, visible, wanted)
                .select(documents_document::folder_id)
                .distinct(),
        )
    })
}

/// Some documents of all tenants after this one, by tenant and id.
pub(crate) fn keys_after(
    scope: &mut PlatformScope<'_>,
    after: Option<(TenantId, DocumentId)>,
    limit: i64,
) -> DbResult<Vec<(TenantId, DocumentId)>> {
    let mut query = documents_document::table
        .order((documents_document::tenant_id, documents_document::id))
        .limit(limit)
        .select((documents_document::tenant_id, documents_document::id))
        .into_boxed::<MultiBackend>();
    if let Some((tenant, id)) = after {
        query = query.filter(
            documents_document::tenant_id
                .gt(tenant)
                .or(documents_document::tenant_id
                    .eq(tenant)
                    .and(documents_document::id.gt(id))),
        );
    }
    scope.load(Boxed(query))
}
