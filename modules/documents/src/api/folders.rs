//! `folders` and `folders/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::auth::{AnyUser, Auth, Caller};
use opencity_kernel::db::{DbError, TenantScope};
use opencity_kernel::http::{
    Body, Created, IdempotencyKey, PageQuery, Scope, deleted, modified, patched,
};
use opencity_kernel::id::{Id, ServiceId, TenantId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::merged;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind, clock};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{State, linked, logged_in, part, services_known, visible};
use crate::domain::access::{Standing, standing};
use crate::domain::deposit::FolderIn;
use crate::store::citizen;
use crate::store::document::{self, Page, Wanted};
use crate::store::folder::{self, FolderId, FolderRow};
use crate::store::personal_folder::{self, PersonalFolder, Row};

/// A folder (*fascicolo*): the acts of a service and a calendar year, or what a citizen and the body put there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FolderView {
    /// The folder.
    #[schema(value_type = uuid::Uuid)]
    pub id: FolderId,
    /// Its title.
    #[schema(max_length = 300)]
    pub title: String,
    /// What is in it.
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// The registry's number of it.
    #[schema(max_length = 200)]
    pub number: Option<String>,
    /// The citizen whose it is; of a folder of acts the citizen who asks, null for operators, who see everybody's.
    pub owner: Option<UserId>,
    /// The body.
    pub tenant: TenantId,
    /// The services that it is about.
    #[schema(max_items = 100)]
    pub correlated_services: Vec<ServiceId>,
    /// When it was opened.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

impl FolderView {
    /// Of acts, as this citizen sees it.
    fn of_acts(folder: FolderRow, owner: Option<UserId>) -> Self {
        Self {
            id: folder.id,
            title: folder.title,
            description: None,
            number: folder.number,
            owner,
            tenant: folder.tenant_id,
            correlated_services: vec![folder.service_id],
            created_at: folder.created_at,
            updated_at: folder.updated_at,
        }
    }
}

impl From<PersonalFolder> for FolderView {
    fn from(PersonalFolder { row, services }: PersonalFolder) -> Self {
        Self {
            id: row.id,
            title: row.title,
            description: row.description,
            number: None,
            owner: Some(row.owner_id),
            tenant: row.tenant_id,
            correlated_services: services,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[utoipa::path(
    get, path = "/lang/api/folders", operation_id = "documents.folder.list", tag = "documents",
    summary = "Folders that the caller may see",
    description = "First those of acts that the caller may see, one for each service and calendar year, as the registry files them; then those of citizens. Each by title.",
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
    let views: Vec<FolderView> = state
        .ctx
        .db
        .read::<_, DbError>(caller.tenancy(), move |rows| {
            let visible = visible(rows, &caller)?;
            let tax_code = wanted.tax_code.clone();
            let ids = document::folders(rows, visible.clone(), wanted)?;
            let mut of_acts = folder::load(rows, ids)?;
            of_acts.retain(|folder| title.as_ref().is_none_or(|title| *title == folder.title));
            let before = i64::try_from(of_acts.len()).unwrap_or(i64::MAX);
            let mut views: Vec<FolderView> = of_acts
                .into_iter()
                .skip(usize::try_from(page.offset).unwrap_or(usize::MAX))
                .take(usize::try_from(page.limit).unwrap_or_default())
                .map(|folder| FolderView::of_acts(folder, owner))
                .collect();
            let rest = Page {
                offset: (page.offset - before).max(0),
                limit: page.limit - i64::try_from(views.len()).unwrap_or(page.limit),
                ..page
            };
            if rest.limit > 0 {
                let personal = personal_folder::list(rows, visible, tax_code, title, &rest)?;
                views.extend(personal.into_iter().map(FolderView::from));
            }
            Ok(views)
        })
        .await?;
    Ok(HttpResponse::Ok().json(views))
}

#[utoipa::path(
    get, path = "/lang/api/folders/{id}", operation_id = "documents.folder.read", tag = "documents",
    summary = "A folder",
    description = "Of acts, if the caller may see one of them; of a citizen, for him and for whoever works one of its services.",
    params(("id" = uuid::Uuid, Path, description = "The folder")),
    responses(
        (status = 200, body = FolderView, description = "The folder"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The caller may not see it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such folder", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn one(
    path: web::Path<(String, FolderId)>,
    caller: Auth<AnyUser>,
    _scope: Scope,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let view = match of_path(&state, caller.into_caller(), path.into_inner().1).await? {
        Found::OfActs(row, owner) => FolderView::of_acts(row, owner),
        Found::Personal(folder) => folder.into(),
    };
    Ok(HttpResponse::Ok().json(view))
}

#[utoipa::path(
    post, path = "/lang/api/folders", operation_id = "documents.folder.create", tag = "documents",
    summary = "Makes a folder of a citizen",
    description = "A citizen makes his own. Administrators and system operators make one for a citizen, other operators if it is about a service that they work.",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255)),
    request_body = FolderIn,
    responses(
        (status = 201, body = FolderView, description = "The folder"),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not for this caller", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid, or it names something unknown", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn create(
    caller: Auth<AnyUser>,
    scope: Scope,
    key: IdempotencyKey,
    body: Body<Map<String, Value>>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = caller.into_caller();
    logged_in(&caller)?;
    let input = FolderIn::read(body.value.read()?)?;
    let owner = owner(&state, &caller, input.owner).await?;
    services_known(&state, &caller, &input.correlated_services).await?;
    let now = clock::now();
    let folder = PersonalFolder {
        row: Row {
            tenant_id: caller.tenant_id(),
            id: Id::new(),
            version: 1,
            owner_id: owner,
            title: input.title,
            description: input.description,
            created_at: now,
            updated_at: now,
        },
        services: input.correlated_services,
    };
    let location = scope.api(&format!("folders/{}", folder.row.id));
    let by = caller.clone();
    key.once(&state.ctx.db, &caller, body.hash, move |rows| {
        allowed(rows, &by, &folder)?;
        personal_folder::insert(rows, &folder)?;
        Created::new(location, &FolderView::from(folder))
    })
    .await
}

#[utoipa::path(
    put, path = "/lang/api/folders/{id}", operation_id = "documents.folder.replace", tag = "documents",
    summary = "Replaces what is written of a folder of a citizen",
    description = "What GET answers is accepted; the owner stays. Folders of acts do not change.",
    params(("id" = uuid::Uuid, Path, description = "The folder")),
    request_body = FolderIn,
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Modified Successfully"])),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not for this caller, or a folder of acts", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such folder", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else changed it at the same moment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid, or it names something unknown", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn replace(
    path: web::Path<(String, FolderId)>,
    caller: Auth<AnyUser>,
    _scope: Scope,
    body: Body<Map<String, Value>>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = caller.into_caller();
    let before = own(&state, &caller, path.into_inner().1).await?;
    let input = FolderIn::read(body.value.read()?)?;
    change(&state, caller, before, input).await?;
    Ok(modified())
}

#[utoipa::path(
    patch, path = "/lang/api/folders/{id}", operation_id = "documents.folder.patch", tag = "documents",
    summary = "Changes some of what is written of a folder of a citizen",
    description = "Keys that are absent stay as they are, null takes them away. Folders of acts do not change.",
    params(("id" = uuid::Uuid, Path, description = "The folder")),
    request_body(content = Object, example = json!({"title": "Casa di via Roma"})),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Patched Successfully"])),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not for this caller, or a folder of acts", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such folder", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else changed it at the same moment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid, or it names something unknown", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn patch(
    path: web::Path<(String, FolderId)>,
    caller: Auth<AnyUser>,
    _scope: Scope,
    body: Body<Map<String, Value>>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = caller.into_caller();
    let before = own(&state, &caller, path.into_inner().1).await?;
    let kept = FolderIn {
        title: before.row.title.clone(),
        description: before.row.description.clone(),
        owner: Some(before.row.owner_id),
        correlated_services: before.services.clone(),
    };
    let input = FolderIn::read(merged(&kept, body.value.read()?)?)?;
    change(&state, caller, before, input).await?;
    Ok(patched())
}

#[utoipa::path(
    delete, path = "/lang/api/folders/{id}", operation_id = "documents.folder.delete", tag = "documents",
    summary = "Removes a folder of a citizen that is empty",
    description = "Refused while documents lie in it. Folders of acts are not removed.",
    params(("id" = uuid::Uuid, Path, description = "The folder")),
    responses(
        (status = 204, description = "Done"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not for this caller, or a folder of acts", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such folder", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Documents lie in it, or somebody changed it at the same moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn delete(
    path: web::Path<(String, FolderId)>,
    caller: Auth<AnyUser>,
    _scope: Scope,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = caller.into_caller();
    let before = own(&state, &caller, path.into_inner().1).await?.row;
    state
        .ctx
        .db
        .write(caller.tenancy(), move |rows| {
            if personal_folder::is_used(rows, before.id)? {
                return Err(Problem::new(
                    ProblemKind::StillInUse,
                    "Documents lie in this folder. Remove them first.",
                ));
            }
            Ok(personal_folder::delete(rows, before.id, before.version)?)
        })
        .await?;
    Ok(deleted())
}

enum Found {
    OfActs(FolderRow, Option<UserId>),
    Personal(PersonalFolder),
}

/// The folder of the path: 404 if there is none, 403 if the caller may not see it.
async fn of_path(state: &State, caller: Caller, id: FolderId) -> Result<Found, Problem> {
    let tenancy = caller.tenancy();
    let forbidden = || Problem::forbidden("The folder is for its citizen and for its offices.");
    state
        .ctx
        .db
        .read(tenancy, move |rows| {
            if let Some(folder) = personal_folder::find(rows, id)? {
                allowed(rows, &caller, &folder)?;
                return Ok(Found::Personal(folder));
            }
            let row = folder::load(rows, vec![id])?.pop();
            let row = row.ok_or_else(|| Problem::not_found("folder"))?;
            let visible = visible(rows, &caller)?;
            let wanted = Wanted {
                folders: Some(vec![id]),
                ..Wanted::default()
            };
            if document::folders(rows, visible, wanted)?.is_empty() {
                return Err(forbidden());
            }
            let owner = caller.is_citizen().then_some(caller.id);
            Ok(Found::OfActs(row, owner))
        })
        .await
}

/// The folder of the path, if the caller may change it: 404, then 403.
async fn own(state: &State, caller: &Caller, id: FolderId) -> Result<PersonalFolder, Problem> {
    match of_path(state, caller.clone(), id).await? {
        Found::Personal(folder) => Ok(folder),
        Found::OfActs(..) => Err(Problem::forbidden(
            "The folders of acts are made by the applications of a service. They do not change, and are not removed.",
        )),
    }
}

fn allowed(
    rows: &mut TenantScope<'_>,
    caller: &Caller,
    folder: &PersonalFolder,
) -> Result<(), Problem> {
    let linked = linked(rows, caller)?;
    match standing(caller, folder.row.owner_id, &folder.services, &linked) {
        Standing::Stranger => Err(Problem::forbidden(
            "The folder is for its citizen, and for whoever works one of its services: name one in correlated_services.",
        )),
        Standing::Owner | Standing::Office => Ok(()),
    }
}

/// Whose a new folder is.
async fn owner(state: &State, caller: &Caller, asked: Option<UserId>) -> Result<UserId, Problem> {
    if caller.is_citizen() {
        return match asked {
            Some(other) if other != caller.id => Err(Problem::forbidden(
                "A citizen makes folders of his own: leave owner out.",
            )),
            _ => Ok(caller.id),
        };
    }
    let owner = asked.ok_or_else(|| Problem::field("owner", "required", "Name the citizen."))?;
    let known = state
        .ctx
        .find_replica(caller.tenancy(), move |rows| citizen::find(rows, owner))
        .await?;
    known
        .map(|citizen| citizen.id)
        .ok_or_else(|| Problem::unknown_reference("owner", "citizen"))
}

async fn change(
    state: &State,
    caller: Caller,
    before: PersonalFolder,
    input: FolderIn,
) -> Result<(), Problem> {
    if input
        .owner
        .is_some_and(|owner| owner != before.row.owner_id)
    {
        return Err(Problem::field(
            "owner",
            "read_only",
            "The owner of a folder stays: leave it out.",
        ));
    }
    services_known(state, &caller, &input.correlated_services).await?;
    let after = PersonalFolder {
        row: Row {
            title: input.title,
            description: input.description,
            ..before.row.clone()
        },
        services: input.correlated_services,
    };
    if after == before {
        return Ok(());
    }
    state
        .ctx
        .db
        .write(caller.tenancy(), move |rows| {
            // Nobody locks himself out.
            allowed(rows, &caller, &after)?;
            let row = Row {
                version: before.row.version + 1,
                updated_at: clock::now(),
                ..after.row
            };
            let after = PersonalFolder { row, ..after };
            Ok(personal_folder::update(rows, &after, before.row.version)?)
        })
        .await
}
