//! `tenants` of the API.

mod input;
mod output;
mod parts;

use actix_web::{HttpResponse, web};
use opencity_kernel::auth::{AdministratorOnly, Auth, Caller, CallerKind, PlatformOnly};
use opencity_kernel::clock;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::http::{Body, Created, IdempotencyKey, Public, Scope, modified, patched};
use opencity_kernel::id::TenantId;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind};
use utoipa::OpenApi;

pub(crate) use input::TenantIn;
use output::{TenantInfo, TenantOut};
pub(crate) use parts::AddressDto;

use crate::store::{self, Stored};

pub(crate) fn routes(config: &mut web::ServiceConfig, ctx: &ModuleContext) {
    config
        .app_data(web::Data::new(State { ctx: ctx.clone() }))
        .service(web::resource("/{tenant}/api/tenants").route(web::post().to(create_tenant)))
        .service(web::resource("/{tenant}/api/tenants/info").route(web::get().to(get_info)))
        .service(
            web::resource("/{tenant}/api/tenants/{slug}")
                .route(web::get().to(get_tenant))
                .route(web::put().to(put_tenant))
                .route(web::patch().to(patch_tenant)),
        );
}

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

#[derive(OpenApi)]
#[openapi(
    paths(get_info, create_tenant, get_tenant, put_tenant, patch_tenant),
    components(schemas(ProblemBody)),
    tags((name = "tenants", description = "The bodies that the installation serves"))
)]
struct Api;

/// What the handlers of this module work with.
#[derive(Clone)]
struct State {
    ctx: ModuleContext,
}

#[utoipa::path(
    get, path = "/lang/api/tenants/info", operation_id = "tenants.tenant.info", tag = "tenants",
    summary = "What everybody may know of the body",
    description = "Name, codes, contacts and look of the body that this host belongs to.",
    responses(
        (status = 200, body = TenantInfo, description = "The body of this host"),
        (status = 404, body = ProblemBody, description = "unknown-tenant: no body answers under this host", content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn get_info(
    state: web::Data<State>,
    scope: Scope,
    _public: Public,
) -> Result<HttpResponse, Problem> {
    let stored = state
        .ctx
        .db
        .read(scope.tenancy(), store::find)
        .await?
        .ok_or_else(|| Problem::not_found("body"))?;
    Ok(HttpResponse::Ok().json(TenantInfo::of(&stored.body)))
}

#[utoipa::path(
    post, path = "/lang/api/tenants", operation_id = "tenants.tenant.create", tag = "tenants",
    summary = "Makes a body (administrator of the platform)",
    description = "Slug and hosts are unique in the installation.",
    request_body(content = TenantIn, description = "slug and name are needed"),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body give the same answer")),
    responses(
        (status = 201, body = TenantOut, description = "The new body"),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden: only administrators of the platform", content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, description = "already-exists: slug, host or code is taken", content_type = "application/problem+json"),
        (status = 422, body = ProblemBody, description = "validation", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn create_tenant(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<PlatformOnly>,
    key: IdempotencyKey,
    body: Body<TenantIn>,
) -> Result<HttpResponse, Problem> {
    let new = body
        .value
        .read()?
        .create(TenantId::new(), state.ctx.platform.test_bodies())?;
    let location = scope.api(&format!("tenants/{}", new.slug));
    key.once(&state.ctx.db, &caller, body.hash, move |scope| {
        let tenancy = opencity_kernel::db::Tenancy::from_row(TenantId::from_uuid(new.id));
        scope.within("a platform administrator makes a body", tenancy, |own| {
            store::insert(own, &new)
        })?;
        Created::new(location, &TenantOut::of(&new))
    })
    .await
}

#[utoipa::path(
    get, path = "/lang/api/tenants/{slug}", operation_id = "tenants.tenant.get", tag = "tenants",
    summary = "All of a body (administrator)",
    description = "Also what is not for the public: integrations and settings.",
    params(("slug" = String, Path, description = "The body's slug", example = "comune-di-bugliano")),
    responses(
        (status = 200, body = TenantOut, description = "The body"),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden, tenant-mismatch", content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, description = "not-found", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn get_tenant(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let stored = administrated(&state.ctx, &caller, path.into_inner().1).await?;
    Ok(HttpResponse::Ok().json(TenantOut::of(&stored.body)))
}

#[utoipa::path(
    put, path = "/lang/api/tenants/{slug}", operation_id = "tenants.tenant.replace", tag = "tenants",
    summary = "Replaces what tenants/info shows of a body (administrator)",
    description = "A field of tenants/info that is absent gets its default; fields that tenants/info does not show stay as they are when absent.",
    params(("slug" = String, Path, description = "The body's slug", example = "comune-di-bugliano")),
    request_body = TenantIn,
    responses(
        (status = 200, body = [String], description = "Done", example = json!(["Object Modified Successfully"])),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden, tenant-mismatch", content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, description = "not-found", content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, description = "already-exists, conflict", content_type = "application/problem+json"),
        (status = 422, body = ProblemBody, description = "validation", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn put_tenant(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, String)>,
    body: Body<TenantIn>,
) -> Result<HttpResponse, Problem> {
    let before = administrated(&state.ctx, &caller, path.into_inner().1).await?;
    let input = body.value.read()?.completed()?;
    change(&state.ctx, &caller, before, input).await?;
    Ok(modified())
}

#[utoipa::path(
    patch, path = "/lang/api/tenants/{slug}", operation_id = "tenants.tenant.update", tag = "tenants",
    summary = "Changes fields of a body (administrator)",
    description = "Keys that are absent stay as they are.",
    params(("slug" = String, Path, description = "The body's slug", example = "comune-di-bugliano")),
    request_body = TenantIn,
    responses(
        (status = 200, body = [String], description = "Done", example = json!(["Object Patched Successfully"])),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden, tenant-mismatch", content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, description = "not-found", content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, description = "already-exists, conflict", content_type = "application/problem+json"),
        (status = 422, body = ProblemBody, description = "validation", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn patch_tenant(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, String)>,
    body: Body<TenantIn>,
) -> Result<HttpResponse, Problem> {
    let before = administrated(&state.ctx, &caller, path.into_inner().1).await?;
    change(&state.ctx, &caller, before, body.value.read()?).await?;
    Ok(patched())
}

/// The body of a slug, if the caller administrates it: there is no other for him.
async fn administrated(
    ctx: &ModuleContext,
    caller: &Caller,
    slug: String,
) -> Result<Stored, Problem> {
    ctx.db
        .read_across("the path names a body by its slug", move |platform| {
            store::by_slug(platform, &slug)
        })
        .await?
        .filter(|stored| is_platform(caller) || stored.tenancy() == caller.tenancy())
        .ok_or_else(|| {
            Problem::new(
                ProblemKind::NotFound,
                "You administrate no body with this slug. Check the path.",
            )
        })
}

fn is_platform(caller: &Caller) -> bool {
    matches!(caller.kind, CallerKind::Platform)
}

async fn change(
    ctx: &ModuleContext,
    caller: &Caller,
    before: Stored,
    input: TenantIn,
) -> Result<(), Problem> {
    let mut after = before.body.clone();
    input.apply(&mut after, ctx.platform.test_bodies())?;
    // Where a body answers is the installation's business: a host may belong to somebody else.
    if (after.slug != before.body.slug || after.hosts != before.body.hosts) && !is_platform(caller)
    {
        return Err(Problem::forbidden(
            "Only an administrator of the platform changes slug and hosts.",
        ));
    }
    if after == before.body {
        return Ok(());
    }
    after.updated_at = clock::now().utc();
    ctx.db
        .write(before.tenancy(), move |scope| {
            store::update(scope, &before, &after)
        })
        .await
}
