//! `documents` and `documents/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_contracts::DocumentEvent;
use opencity_contracts::document::Side;
use opencity_kernel::Problem;
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::db::DbError;
use opencity_kernel::http::{PageQuery, Scope};
use opencity_kernel::id::{ApplicationId, DocumentId, ServiceId, TenantId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use serde::Serialize;
use utoipa::ToSchema;

use super::{State, of_path, part, visible};
use crate::consumers::body_of;
use crate::store::document::{self, DocumentRow, Wanted};
use crate::store::folder::{self, FolderId};

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
    /// Which act it is of.
    #[schema(example = "application-request", max_length = 40)]
    pub r#type: String,
    /// How far its registration is.
    #[schema(example = "REGISTRATION_COMPLETE", max_length = 40)]
    pub status: String,
    /// Whom it is for: `tenant` or `user`.
    #[schema(example = "tenant", max_length = 10)]
    pub recipient_type: String,
    /// Its counter of changes.
    #[schema(minimum = 1)]
    pub version: i64,
    /// MD5 of the file in hex.
    #[schema(max_length = 32)]
    pub md5: String,
    /// SHA-256 of the file in hex; `documents/verify/{sha256}` confirms it.
    #[schema(max_length = 64)]
    pub sha256: String,
    /// The name of the file.
    #[schema(max_length = 300)]
    pub original_filename: String,
    /// The type of the file.
    #[schema(max_length = 100)]
    pub mime_type: String,
    /// Bytes of the file.
    #[schema(minimum = 0)]
    pub size: u64,
    /// Where it is published; null.
    #[schema(max_length = 2000)]
    pub address: Option<String>,
    /// Where the file is.
    #[schema(max_length = 2000)]
    pub download_link: String,
    /// The body.
    pub tenant: TenantId,
    /// The same.
    pub tenant_id: TenantId,
    /// Its title.
    #[schema(max_length = 400)]
    pub title: String,
    /// Subjects; empty.
    #[schema(max_items = 100, max_length = 300)]
    pub topics: Vec<String>,
    /// The subject of the application.
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// Tax codes of other readers; empty.
    #[schema(max_items = 100, max_length = 16)]
    pub readers_allowed: Vec<String>,
    /// When the citizen last read it.
    pub last_read_at: Option<Instant>,
    /// How often it was read.
    #[schema(minimum = 0)]
    pub downloads_counter: i64,
    /// Not used by documents of applications; null.
    pub validity_begin: Option<Instant>,
    /// Not used by documents of applications; null.
    pub validity_end: Option<Instant>,
    /// Not used by documents of applications; null.
    pub expire_at: Option<Instant>,
    /// Not used by documents of applications; null.
    pub due_date: Option<Instant>,
    /// The service.
    #[schema(max_items = 1)]
    pub correlated_services: Vec<ServiceId>,
    /// Whether its bytes are kept here.
    pub store: bool,
    /// The application that it comes from.
    pub application_id: ApplicationId,
    /// What the registry says.
    pub registration_data: RegistrationView,
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
            r#type: row.kind.clone(),
            status: row.status.clone(),
            recipient_type: match event.recipient_type {
                Side::User => "user".to_owned(),
                Side::Tenant => "tenant".to_owned(),
            },
            version: row.version,
            md5: event.main_document.md5,
            sha256: row.sha256.clone(),
            original_filename: event.main_document.filename,
            mime_type: event.main_document.mime_type,
            size: event.main_document.size,
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
            application_id: row.application_id,
            registration_data: RegistrationView {
                transmission_type: registration.transmission_type.as_str().to_owned(),
                document_number: registration.document_number.clone(),
                document_id: registration.document_id.clone(),
                date: registration.date.map(Instant::from_utc),
                folder_number: event.folder.id,
            },
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
    summary = "Documents that the caller may see, oldest first",
    description = "A citizen gets his own; an operator those of the services and applications that he works; system operators and administrators all. At most 100 at a time: go on with offset.",
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
    let mut wanted = wanted(&query)?;
    let folder_title = query.parameter("folder-title").map(str::to_owned);
    let page = part(&query);
    let caller = caller.into_caller();
    let rows = state
        .ctx
        .db
        .read::<_, DbError>(caller.tenancy(), move |rows| {
            let visible = visible(rows, &caller)?;
            if let Some(title) = folder_title {
                let all = document::folders(rows, visible.clone(), wanted.clone())?;
                let titled = folder::load(rows, all)?
                    .into_iter()
                    .filter(|folder| folder.title == title);
                wanted.folders = Some(titled.map(|folder| folder.id).collect());
            }
            document::list(rows, visible, wanted, &page)
        })
        .await?;
    let views: Vec<DocumentView> = rows
        .iter()
        .map(|row| DocumentView::of(row, &scope))
        .collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(views))
}

#[utoipa::path(
    get, path = "/lang/api/documents/{id}", operation_id = "documents.document.read", tag = "documents",
    summary = "A document",
    description = "One act of an application with its main document, its attachments and its registration.",
    params(("id" = uuid::Uuid, Path, description = "The document")),
    responses(
        (status = 200, body = DocumentView, description = "The document"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The caller may not see the application", body = ProblemBody, content_type = "application/problem+json"),
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
    let row = of_path(&state, caller.into_caller(), path.into_inner().1).await?;
    Ok(HttpResponse::Ok().json(DocumentView::of(&row, &scope)?))
}
