//! `folders`.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::db::DbError;
use opencity_kernel::http::PageQuery;
use opencity_kernel::id::{ServiceId, TenantId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use serde::Serialize;
use utoipa::ToSchema;

use super::{State, part, visible};
use crate::store::document::{self, Wanted};
use crate::store::folder::{self, FolderId};

/// A folder (*fascicolo*): the documents of a service and a calendar year.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FolderView {
    /// The folder.
    #[schema(value_type = uuid::Uuid)]
    pub id: FolderId,
    /// Its title.
    #[schema(max_length = 300)]
    pub title: String,
    /// Not used; null.
    #[schema(max_length = 2000)]
    pub description: Option<String>,
    /// The registry's number of it.
    #[schema(max_length = 200)]
    pub number: Option<String>,
    /// The citizen who asks; null for operators, who see everybody's.
    pub owner: Option<UserId>,
    /// The body.
    pub tenant: TenantId,
    /// The service.
    #[schema(max_items = 1)]
    pub correlated_services: Vec<ServiceId>,
    /// When it was opened.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

#[utoipa::path(
    get, path = "/lang/api/folders", operation_id = "documents.folder.list", tag = "documents",
    summary = "Folders with documents that the caller may see, by title",
    description = "A folder is one service in one calendar year, as the registry files it.",
    params(
        ("cf" = Option<String>, Query, description = "Tax code of the citizen"),
        ("title" = Option<String>, Query, description = "The whole title"),
        ("offset" = Option<i64>, Query, description = "Entries to pass over", minimum = 0, maximum = 100000),
        ("limit" = Option<i64>, Query, description = "Entries to give", minimum = 1, maximum = 100),
    ),
    responses(
        (status = 200, body = Vec<FolderView>, description = "The folders"),
        (status = 400, description = "A filter is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn list(
    request: HttpRequest,
    caller: Auth<AnyUser>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let query = PageQuery::of(&request)?;
    let wanted = Wanted {
        tax_code: query.parameter("cf").map(str::to_uppercase),
        ..Wanted::default()
    };
    let title = query.parameter("title").map(str::to_owned);
    let page = part(&query);
    let caller = caller.into_caller();
    let owner = caller.is_citizen().then_some(caller.id);
    let folders = state
        .ctx
        .db
        .read::<_, DbError>(caller.tenancy(), move |rows| {
            let visible = visible(rows, &caller)?;
            let ids = document::folders(rows, visible, wanted)?;
            folder::load(rows, ids)
        })
        .await?;
    let views: Vec<FolderView> = folders
        .into_iter()
        .filter(|folder| title.as_ref().is_none_or(|title| *title == folder.title))
        .skip(usize::try_from(page.offset).unwrap_or(usize::MAX))
        .take(usize::try_from(page.limit).unwrap_or_default())
        .map(|folder| FolderView {
            id: folder.id,
            title: folder.title,
            description: None,
            number: folder.number,
            owner,
            tenant: folder.tenant_id,
            correlated_services: vec![folder.service_id],
            created_at: folder.created_at,
            updated_at: folder.updated_at,
        })
        .collect();
    Ok(HttpResponse::Ok().json(views))
}
