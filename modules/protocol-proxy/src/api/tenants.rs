//! A body's configurations: what a registry needs to know of the whole body.

use actix_web::{HttpResponse, web};
use opencity_kernel::auth::{AdministratorOnly, Auth, Caller};
use opencity_kernel::clock;
use opencity_kernel::http::{Body, Created, Given, IdempotencyKey, deleted, modified, patched};
use opencity_kernel::id::TenantId;
use opencity_kernel::json::Json;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind};

use super::State;
use super::configuration::{ConfigurationIn, ConfigurationView, Settled};
use crate::store::config::{self, TenantConfig};

fn view(row: &TenantConfig) -> ConfigurationView {
    ConfigurationView {
        tenant_id: row.tenant_id,
        id: row.tenant_id.uuid(),
        connector: row.connector.clone(),
        description: row.description.clone(),
        active: row.active,
        created_at: row.created_at,
        updated_at: row.updated_at,
        parameters: row.parameters.0.as_object().cloned().unwrap_or_default(),
    }
}

/// The body of the path must be the caller's own; others are not there for him.
fn check_own(caller: &Caller, tenant: TenantId) -> Result<(), Problem> {
    if caller.tenant_id() == tenant {
        Ok(())
    } else {
        Err(Problem::not_found("configuration"))
    }
}

fn changed(row: &TenantConfig, settled: Settled) -> TenantConfig {
    TenantConfig {
        version: row.version + 1,
        description: settled.description,
        parameters: Json(settled.parameters.into()),
        active: settled.active,
        updated_at: clock::now(),
        ..row.clone()
    }
}

#[utoipa::path(
    post, path = "/protocol-proxy/{connector}/tenants", operation_id = "protocol-proxy.tenant.create", tag = "protocol-proxy",
    summary = "Configures a registry for the body",
    description = "Once for a body; the configurations of its services rest on it.",
    params(
        ("connector" = String, Path, description = "The registry", max_length = 40, example = "sandbox"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255),
    ),
    request_body = ConfigurationIn,
    responses(
        (status = 201, body = ConfigurationView, description = "The configuration"),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for administrators of the body", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such connector or configuration", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It exists, or was changed meanwhile", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing or wrong", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn create(
    path: web::Path<String>,
    caller: Auth<AdministratorOnly>,
    key: IdempotencyKey,
    body: Body<ConfigurationIn>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let connector = path.into_inner();
    let registry = state.registry(&connector)?;
    let input = body.value.read()?;
    input.check_tenant(caller.tenant_id())?;
    let settled = input
        .whole()
        .checked(|parameters| registry.check_tenant(parameters))?;
    key.once(&state.ctx.db, &caller, body.hash, move |scope| {
        let before = config::of_tenant(scope, &connector)?;
        let row = match &before {
            Some(row) if row.active => {
                return Err(Problem::new(
                    ProblemKind::AlreadyExists,
                    "The body is configured for this registry. Change the configuration with PUT or PATCH.",
                ));
            }
            Some(row) => changed(row, settled),
            None => {
                let now = clock::now();
                TenantConfig {
                    tenant_id: scope.tenant_id(),
                    connector: connector.clone(),
                    version: 1,
                    description: settled.description,
                    parameters: Json(settled.parameters.into()),
                    active: settled.active,
                    created_at: now,
                    updated_at: now,
                }
            }
        };
        config::save_tenant(scope, &row, before.map(|row| row.version))?;
        Created::new(format!("/protocol-proxy/{connector}/tenants/{}", row.tenant_id), &view(&row))
    })
    .await
}

#[utoipa::path(
    get, path = "/protocol-proxy/{connector}/tenants/{tenant_id}", operation_id = "protocol-proxy.tenant.read", tag = "protocol-proxy",
    summary = "The configuration of the body",
    description = "Secrets are not shown.",
    params(
        ("connector" = String, Path, description = "The registry", max_length = 40, example = "sandbox"),
        ("tenant_id" = uuid::Uuid, Path, description = "The body; the caller's own"),
    ),
    responses(
        (status = 200, body = ConfigurationView, description = "The configuration"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for administrators of the body", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such connector or configuration", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn read(
    path: web::Path<(String, TenantId)>,
    caller: Auth<AdministratorOnly>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (connector, tenant) = path.into_inner();
    state.registry(&connector)?;
    check_own(&caller, tenant)?;
    let row = state
        .ctx
        .db
        .read(caller.tenancy(), move |rows| {
            config::of_tenant(rows, &connector)?.ok_or_else(|| Problem::not_found("configuration"))
        })
        .await?;
    Ok(HttpResponse::Ok().json(view(&row)))
}

#[utoipa::path(
    put, path = "/protocol-proxy/{connector}/tenants/{tenant_id}", operation_id = "protocol-proxy.tenant.replace", tag = "protocol-proxy",
    summary = "Replaces the configuration of the body",
    description = "All keys are replaced.",
    params(
        ("connector" = String, Path, description = "The registry", max_length = 40, example = "sandbox"),
        ("tenant_id" = uuid::Uuid, Path, description = "The body; the caller's own"),
    ),
    request_body = ConfigurationIn,
    responses(
        (status = 200, body = Vec<String>, description = "It is changed"),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for administrators of the body", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such connector or configuration", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It exists, or was changed meanwhile", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing or wrong", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn replace(
    path: web::Path<(String, TenantId)>,
    caller: Auth<AdministratorOnly>,
    body: Body<ConfigurationIn>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let next = |input: ConfigurationIn, _: Settled| input.whole();
    change(state, &caller, path.into_inner(), body.value, next).await?;
    Ok(modified())
}

#[utoipa::path(
    patch, path = "/protocol-proxy/{connector}/tenants/{tenant_id}", operation_id = "protocol-proxy.tenant.patch", tag = "protocol-proxy",
    summary = "Changes parts of the configuration of the body",
    description = "Keys that are absent stay as they are.",
    params(
        ("connector" = String, Path, description = "The registry", max_length = 40, example = "sandbox"),
        ("tenant_id" = uuid::Uuid, Path, description = "The body; the caller's own"),
    ),
    request_body = ConfigurationIn,
    responses(
        (status = 200, body = Vec<String>, description = "It is changed"),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for administrators of the body", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such connector or configuration", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It exists, or was changed meanwhile", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing or wrong", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn patch(
    path: web::Path<(String, TenantId)>,
    caller: Auth<AdministratorOnly>,
    body: Body<ConfigurationIn>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let next = ConfigurationIn::patching;
    change(state, &caller, path.into_inner(), body.value, next).await?;
    Ok(patched())
}

/// Checks and writes what `next` makes of the body and of what is kept.
async fn change(
    state: web::Data<State>,
    caller: &Caller,
    (connector, tenant): (String, TenantId),
    input: Given<ConfigurationIn>,
    next: fn(ConfigurationIn, Settled) -> Settled,
) -> Result<(), Problem> {
    check_own(caller, tenant)?;
    let db = state.ctx.db.clone();
    db.write(caller.tenancy(), move |scope| {
        let registry = state.registry(&connector)?;
        let row = config::of_tenant(scope, &connector)?
            .ok_or_else(|| Problem::not_found("configuration"))?;
        let kept = Settled::of(&row.description, row.active, &row.parameters);
        let input = input.read()?;
        input.check_tenant(tenant)?;
        let settled = next(input, kept).checked(|parameters| registry.check_tenant(parameters))?;
        config::save_tenant(scope, &changed(&row, settled), Some(row.version))?;
        Ok(())
    })
    .await
}

#[utoipa::path(
    delete, path = "/protocol-proxy/{connector}/tenants/{tenant_id}", operation_id = "protocol-proxy.tenant.delete", tag = "protocol-proxy",
    summary = "Switches the configuration of the body off",
    description = "It is kept, with `is_active` false.",
    params(
        ("connector" = String, Path, description = "The registry", max_length = 40, example = "sandbox"),
        ("tenant_id" = uuid::Uuid, Path, description = "The body; the caller's own"),
    ),
    responses(
        (status = 204, description = "It is off"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for administrators of the body", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such connector or configuration", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn remove(
    path: web::Path<(String, TenantId)>,
    caller: Auth<AdministratorOnly>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (connector, tenant) = path.into_inner();
    state.registry(&connector)?;
    check_own(&caller, tenant)?;
    state
        .ctx
        .db
        .write(caller.tenancy(), move |scope| {
            let row = config::of_tenant(scope, &connector)?
                .ok_or_else(|| Problem::not_found("configuration"))?;
            let off = Settled {
                active: false,
                ..Settled::of(&row.description, row.active, &row.parameters)
            };
            config::save_tenant(scope, &changed(&row, off), Some(row.version))
                .map_err(Problem::from)
        })
        .await?;
    Ok(deleted())
}
