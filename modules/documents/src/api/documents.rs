//! `documents` and `documents/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_contracts::DocumentEvent;
use opencity_contracts::document::Side;
use opencity_kernel::Problem;
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::db::{DbError, DbResult, TenantScope};
use opencity_kernel::http::{PageQuery, Scope};
use opencity_kernel::id::{ApplicationId, DocumentId, ServiceId, TenantId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Found, State, of_path, part, visible};
use crate::consumers::body_of;
use crate::domain::deposit::Said;
use crate::store::deposit::{self, DepositRow};
use crate::store::document::{self, DocumentRow, Page, Visible, Wanted};
use crate::store::folder::{self, FolderId};
use crate::store::{citizen, personal_folder};

/// A document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DocumentView {
    /// The document.
    pub id: DocumentId,
    /// The citizen.
    pub owner: UserId,
    /// The folder that it lies in.
    #[schema(value_type = uuid::Uuid)]
    pub folder: FolderId,
    /// The folder's title.
    #[schema(max_length = 300)]
    pub folder_title: String,
    /// Which act it is of; null for what somebody put into a folder.
    #[schema(example = "application-request", max_length = 40)]
    pub r#type: Option<String>,
    /// How far its registration is; null for what somebody put into a folder.
    #[schema(example = "REGISTRATION_COMPLETE", max_length = 40)]
    pub status: Option<String>,
    /// Whom it is for: `tenant` or `user`.
    #[schema(example = "tenant", max_length = 10)]
    pub recipient_type: String,
    /// Its counter of changes.
    #[schema(minimum = 1)]
    pub version: i64,
    /// MD5 of the file in hex.
    #[schema(max_length = 32)]
    pub md5: Option<String>,
    /// SHA-256 of the file in hex; `documents/verify/{sha256}` confirms that of an act.
    #[schema(max_length = 64)]
    pub sha256: Option<String>,
    /// The name of the file.
    #[schema(max_length = 300)]
    pub original_filename: Option<String>,
    /// The type of the file.
    #[schema(max_length = 100)]
    pub mime_type: Option<String>,
    /// Bytes of the file.
    #[schema(minimum = 0)]
    pub size: Option<u64>,
    /// Where it is, if its bytes are not kept here.
    #[schema(max_length = 2000)]
    pub address: Option<String>,
    /// Where the file is: here, or at `address`.
    #[schema(max_length = 2000)]
    pub download_link: String,
    /// The body.
    pub tenant: TenantId,
    /// The same.
    pub tenant_id: TenantId,
    /// Its title.
    #[schema(max_length = 400)]
    pub title: String,
    /// Subjects.
    #[schema(max_items = 100, max_length = 300)]
    pub topics: Vec<String>,
    /// The subject of the application, or what is written of it.
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// Tax codes of other readers.
    #[schema(max_items = 100, max_length = 16)]
    pub readers_allowed: Vec<String>,
    /// When the citizen last read it.
    pub last_read_at: Option<Instant>,
    /// How often it was read.
    #[schema(minimum = 0)]
    pub downloads_counter: i64,
    /// From when it is valid.
    pub validity_begin: Option<Instant>,
    /// Until when it is valid.
    pub validity_end: Option<Instant>,
    /// When it expires.
    pub expire_at: Option<Instant>,
    /// By when something is due.
    pub due_date: Option<Instant>,
    /// The services that it is about.
    #[schema(max_items = 100)]
    pub correlated_services: Vec<ServiceId>,
    /// Whether its bytes are kept here.
    pub store: bool,
    /// The application that it comes from; null for what somebody put into a folder.
    pub application_id: Option<ApplicationId>,
    /// What the registry says; null for what somebody put into a folder.
    pub registration_data: Option<RegistrationView>,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// The registration of a document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegistrationView {
    /// `Inbound` or `Outbound`.
    #[schema(example = "Inbound", max_length = 10)]
    pub transmission_type: String,
    /// Protocol number.
    #[schema(max_length = 200)]
    pub document_number: Option<String>,
    /// The registry's own id.
    #[schema(max_length = 200)]
    pub document_id: Option<String>,
    /// When it was registered.
    pub date: Option<Instant>,
    /// The registry's number of the folder.
    #[schema(max_length = 200)]
    pub folder_number: Option<String>,
}

impl DocumentView {
    pub(crate) fn of(row: &DocumentRow, scope: &Scope) -> Result<Self, DbError> {
        let event: DocumentEvent = body_of(row)?;
        let registration = &event.registration_data;
        Ok(Self {
            id: row.id,
            owner: row.owner_id,
            folder: row.folder_id,
            folder_title: event.folder.title,
            r#type: Some(row.kind.clone()),
            status: Some(row.status.clone()),
            recipient_type: match event.recipient_type {
                Side::User => "user".to_owned(),
                Side::Tenant => "tenant".to_owned(),
            },
            version: row.version,
            md5: Some(event.main_document.md5),
            sha256: Some(row.sha256.clone()),
            original_filename: Some(event.main_document.filename),
            mime_type: Some(event.main_document.mime_type),
            size: Some(event.main_document.size),
            address: event.document_url,
            download_link: scope.api(&format!("documents/{}/download", row.id)),
            tenant: row.tenant_id,
            tenant_id: row.tenant_id,
            title: row.title.clone(),
            topics: Vec::new(),
            description: event.description,
            readers_allowed: Vec::new(),
            last_read_at: row.last_read_at,
            downloads_counter: row.downloads,
            validity_begin: None,
            validity_end: None,
            expire_at: None,
            due_date: None,
            correlated_services: vec![row.service_id],
            store: true,
            application_id: Some(row.application_id),
            registration_data: Some(RegistrationView {
                transmission_type: registration.transmission_type.as_str().to_owned(),
                document_number: registration.document_number.clone(),
                document_id: registration.document_id.clone(),
                date: registration.date.map(Instant::from_utc),
                folder_number: event.folder.id,
            }),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl DocumentView {
    /// What somebody put into the folder of this title.
    pub(crate) fn of_deposit(
        row: DepositRow,
        folder_title: String,
        scope: &Scope,
    ) -> Result<Self, DbError> {
        let said: Said = row.body.read()?;
        let store = row.file_id.is_some();
        let here = scope.api(&format!("documents/{}/download", row.id));
        Ok(Self {
            id: row.id,
            owner: row.owner_id,
            folder: row.folder_id,
            folder_title,
            r#type: None,
            status: None,
            recipient_type: row.recipient_type,
            version: row.version,
            md5: row.md5,
            sha256: row.sha256,
            original_filename: row.filename,
            mime_type: row.mime_type,
            size: row.size.and_then(|size| u64::try_from(size).ok()),
            download_link: said.address.clone().filter(|_| !store).unwrap_or(here),
            address: said.address,
            tenant: row.tenant_id,
            tenant_id: row.tenant_id,
            title: row.title,
            topics: said.topics,
            description: said.description,
            readers_allowed: said.readers_allowed,
            last_read_at: row.last_read_at,
            downloads_counter: row.downloads,
            validity_begin: said.validity_begin,
            validity_end: said.validity_end,
            expire_at: said.expire_at,
            due_date: said.due_date,
            correlated_services: said.correlated_services,
            store,
            application_id: None,
            registration_data: None,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// The filters of the query.
pub(super) fn wanted(query: &PageQuery) -> Result<Wanted, Problem> {
    Ok(Wanted {
        tax_code: query.parameter("cf").map(str::to_uppercase),
        title: query.parameter("title").map(str::to_owned),
        folders: query.id("folder")?.map(|id| vec![id]),
        application: query.id("application_id")?,
    })
}

#[utoipa::path(
    get, path = "/lang/api/documents", operation_id = "documents.document.list", tag = "documents",
    summary = "Documents that the caller may see",
    description = "First the acts of applications, then what was put into folders, each oldest first; DESC turns all of it round. A citizen gets his own, and those that name him as a reader; an operator those of the services and applications that he works; system operators and administrators all. At most 100 at a time: go on with offset.",
    params(
        ("cf" = Option<String>, Query, description = "Tax code of the citizen"),
        ("title" = Option<String>, Query, description = "The whole title"),
        ("folder" = Option<uuid::Uuid>, Query, description = "The folder"),
        ("folder-title" = Option<String>, Query, description = "The whole title of the folder"),
        ("application_id" = Option<uuid::Uuid>, Query, description = "The application"),
        ("offset" = Option<i64>, Query, description = "Entries to pass over", minimum = 0, maximum = 100000),
        ("limit" = Option<i64>, Query, description = "Entries to give", minimum = 1, maximum = 100),
        ("sort" = Option<String>, Query, description = "ASC or DESC", max_length = 4),
    ),
    responses(
        (status = 200, body = Vec<DocumentView>, description = "The documents"),
        (status = 400, description = "A filter is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn list(
    request: HttpRequest,
    caller: Auth<AnyUser>,
    scope: Scope,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let query = PageQuery::of(&request)?;
    let wanted = wanted(&query)?;
    let folder_title = query.parameter("folder-title").map(str::to_owned);
    let page = part(&query);
    let caller = caller.into_caller();
    let views: Vec<DocumentView> = state
        .ctx
        .db
        .read::<_, DbError>(caller.tenancy(), move |rows| {
            let list = List {
                deposits: deposit::Wanted {
                    reader: citizen::find(rows, caller.id)?.and_then(|citizen| citizen.tax_code),
                    tax_code: wanted.tax_code.clone(),
                    title: wanted.title.clone(),
                    folder: wanted.folders.as_ref().and_then(|ids| ids.first().copied()),
                    folder_title: folder_title.clone(),
                },
                visible: visible(rows, &caller)?,
                acts: wanted,
                scope,
            };
            list.read(rows, folder_title, page)
        })
        .await?;
    Ok(HttpResponse::Ok().json(views))
}

/// The two kinds of documents, one after the other.
struct List {
    visible: Visible,
    acts: Wanted,
    deposits: deposit::Wanted,
    scope: Scope,
}

#[derive(Clone, Copy)]
enum Kind {
    Act,
    Deposit,
}

impl List {
    fn read(
        mut self,
        rows: &mut TenantScope<'_>,
        folder_title: Option<String>,
        mut page: Page,
    ) -> DbResult<Vec<DocumentView>> {
        if let Some(title) = folder_title {
            let all = document::folders(rows, self.visible.clone(), self.acts.clone())?;
            let titled = folder::load(rows, all)?
                .into_iter()
                .filter(|folder| folder.title == title);
            self.acts.folders = Some(titled.map(|folder| folder.id).collect());
        }
        let mut kinds = [Kind::Act, Kind::Deposit];
        if page.newest_first {
            kinds.reverse();
        }
        let mut views = Vec::new();
        for kind in kinds {
            let found = self.part(rows, kind, &page)?;
            page.offset = if found.is_empty() && page.offset > 0 {
                (page.offset - self.count(rows, kind)?).max(0)
            } else {
                0
            };
            page.limit -= i64::try_from(found.len()).unwrap_or(page.limit);
            views.extend(found);
            if page.limit <= 0 {
                break;
            }
        }
        Ok(views)
    }

    fn part(
        &self,
        rows: &mut TenantScope<'_>,
        kind: Kind,
        page: &Page,
    ) -> DbResult<Vec<DocumentView>> {
        let visible = self.visible.clone();
        match kind {
            Kind::Act => document::list(rows, visible, self.acts.clone(), page)?
                .iter()
                .map(|row| DocumentView::of(row, &self.scope))
                .collect(),
            // They are of no application.
            Kind::Deposit if self.acts.application.is_some() => Ok(Vec::new()),
            Kind::Deposit => {
                let found = deposit::list(rows, visible, self.deposits.clone(), page)?;
                let titles = personal_folder::titles(rows, &found)?;
                found
                    .into_iter()
                    .map(|row| {
                        let title = titles.get(&row.folder_id).cloned().unwrap_or_default();
                        DocumentView::of_deposit(row, title, &self.scope)
                    })
                    .collect()
            }
        }
    }

    fn count(&self, rows: &mut TenantScope<'_>, kind: Kind) -> DbResult<i64> {
        let visible = self.visible.clone();
        match kind {
            Kind::Act => document::count(rows, visible, self.acts.clone()),
            Kind::Deposit => deposit::count(rows, visible, self.deposits.clone()),
        }
    }
}

#[utoipa::path(
    get, path = "/lang/api/documents/{id}", operation_id = "documents.document.read", tag = "documents",
    summary = "A document",
    description = "An act of an application with its registration, or what somebody put into a folder.",
    params(("id" = uuid::Uuid, Path, description = "The document")),
    responses(
        (status = 200, body = DocumentView, description = "The document"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The caller may not see the application, or the folder", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such document", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn one(
    path: web::Path<(String, DocumentId)>,
    caller: Auth<AnyUser>,
    scope: Scope,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let found = of_path(&state, caller.into_caller(), path.into_inner().1).await?;
    let view = match found {
        Found::Act(row) => DocumentView::of(&row, &scope)?,
        Found::Deposit(row, folder) => DocumentView::of_deposit(row, folder.row.title, &scope)?,
    };
    Ok(HttpResponse::Ok().json(view))
}
