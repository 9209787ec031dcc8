//! A service's configurations.

use actix_web::{HttpResponse, web};
use opencity_kernel::auth::{AdministratorOnly, Auth, Caller};
use opencity_kernel::clock;
use opencity_kernel::db::WriteScope;
use opencity_kernel::http::{Body, Created, Given, IdempotencyKey, deleted, modified, patched};
use opencity_kernel::id::ServiceId;
use opencity_kernel::json::Json;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind};

use super::State;
use super::configuration::{ConfigurationIn, ConfigurationView, Settled};
use crate::store::config::{self, ServiceConfig};
use crate::store::service;

fn view(row: &ServiceConfig) -> ConfigurationView {
    ConfigurationView {
        tenant_id: row.tenant_id,
        id: row.service_id.uuid(),
        connector: row.connector.clone(),
        description: row.description.clone(),
        active: row.active,
        created_at: row.created_at,
        updated_at: row.updated_at,
        parameters: row.parameters.0.as_object().cloned().unwrap_or_default(),
    }
}

/// Refuses a second active configuration of a service; the database would refuse it too, in fewer words.
fn check_only(
    scope: &mut WriteScope<'_>,
    connector: &str,
    service: ServiceId,
) -> Result<(), Problem> {
    match config::active(scope, service)?.filter(|other| other.connector != connector) {
        Some(other) => Err(Problem::new(
            ProblemKind::AlreadyExists,
            format!(
                "The service has an active configuration of the registry {}. Switch that off first.",
                other.connector
            ),
        )),
        None => Ok(()),
    }
}

fn changed(row: &ServiceConfig, settled: Settled) -> ServiceConfig {
    ServiceConfig {
        version: row.version + 1,
        description: settled.description,
        parameters: Json(settled.parameters.into()),
        active: settled.active,
        updated_at: clock::now(),
        ..row.clone()
    }
}

#[utoipa::path(
    post, path = "/protocol-proxy/{connector}/services", operation_id = "protocol-proxy.service.create", tag = "protocol-proxy",
    summary = "Configures a registry for a service",
    description = "At most one configuration of a service is active, over all connectors.",
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
        (status = 409, description = "The service has an active configuration of another registry, or this one exists", body = ProblemBody, content_type = "application/problem+json"),
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
    let service = input.service()?;
    let settled = input
        .whole()
        .checked(|parameters| registry.check_service(parameters))?;
    let known = state
        .ctx
        .find_replica(caller.tenancy(), move |rows| {
            service::protocol_required(rows, service)
        })
        .await?;
    if known.is_none() {
        return Err(Problem::unknown_reference("id", "service"));
    }
    key.once(&state.ctx.db, &caller, body.hash, move |scope| {
        if settled.active {
            check_only(scope, &connector, service)?;
        }
        let before = config::of_service(scope, &connector, service)?;
        let row = match &before {
            Some(row) if row.active => {
                return Err(Problem::new(
                    ProblemKind::AlreadyExists,
                    "The service is configured for this registry. Change the configuration with PUT or PATCH.",
                ));
            }
            // It was switched off, and begins anew.
            Some(row) => changed(row, settled),
            None => {
                let now = clock::now();
                ServiceConfig {
                    tenant_id: scope.tenant_id(),
                    connector: connector.clone(),
                    service_id: service,
                    version: 1,
                    description: settled.description,
                    parameters: Json(settled.parameters.into()),
                    active: settled.active,
                    created_at: now,
                    updated_at: now,
                }
            }
        };
        config::save_service(scope, &row, before.map(|row| row.version))?;
        Created::new(format!("/protocol-proxy/{connector}/services/{service}"), &view(&row))
    })
    .await
}

#[utoipa::path(
    get, path = "/protocol-proxy/{connector}/services/{service_id}", operation_id = "protocol-proxy.service.read", tag = "protocol-proxy",
    summary = "The configuration of a service",
    description = "Secrets are not shown.",
    params(
        ("connector" = String, Path, description = "The registry", max_length = 40, example = "sandbox"),
        ("service_id" = uuid::Uuid, Path, description = "The service"),
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
    path: web::Path<(String, ServiceId)>,
    caller: Auth<AdministratorOnly>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (connector, service) = path.into_inner();
    state.registry(&connector)?;
    let row = state
        .ctx
        .db
        .read(caller.tenancy(), move |rows| {
            config::of_service(rows, &connector, service)?
                .ok_or_else(|| Problem::not_found("configuration"))
        })
        .await?;
    Ok(HttpResponse::Ok().json(view(&row)))
}

#[utoipa::path(
    put, path = "/protocol-proxy/{connector}/services/{service_id}", operation_id = "protocol-proxy.service.replace", tag = "protocol-proxy",
    summary = "Replaces the configuration of a service",
    description = "All keys are replaced.",
    params(
        ("connector" = String, Path, description = "The registry", max_length = 40, example = "sandbox"),
        ("service_id" = uuid::Uuid, Path, description = "The service"),
    ),
    request_body = ConfigurationIn,
    responses(
        (status = 200, body = Vec<String>, description = "It is changed"),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for administrators of the body", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such connector or configuration", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The service has an active configuration of another registry, or this one exists", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing or wrong", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn replace(
    path: web::Path<(String, ServiceId)>,
    caller: Auth<AdministratorOnly>,
    body: Body<ConfigurationIn>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let next = |input: ConfigurationIn, _: Settled| input.whole();
    change(state, &caller, path.into_inner(), body.value, next).await?;
    Ok(modified())
}

#[utoipa::path(
    patch, path = "/protocol-proxy/{connector}/services/{service_id}", operation_id = "protocol-proxy.service.patch", tag = "protocol-proxy",
    summary = "Changes parts of the configuration of a service",
    description = "Keys that are absent stay as they are.",
    params(
        ("connector" = String, Path, description = "The registry", max_length = 40, example = "sandbox"),
        ("service_id" = uuid::Uuid, Path, description = "The service"),
    ),
    request_body = ConfigurationIn,
    responses(
        (status = 200, body = Vec<String>, description = "It is changed"),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for administrators of the body", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such connector or configuration", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The service has an active configuration of another registry, or this one exists", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing or wrong", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn patch(
    path: web::Path<(String, ServiceId)>,
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
    (connector, service): (String, ServiceId),
    input: Given<ConfigurationIn>,
    next: fn(ConfigurationIn, Settled) -> Settled,
) -> Result<(), Problem> {
    let db = state.ctx.db.clone();
    db.write(caller.tenancy(), move |scope| {
        let registry = state.registry(&connector)?;
        let row = config::of_service(scope, &connector, service)?
            .ok_or_else(|| Problem::not_found("configuration"))?;
        let kept = Settled::of(&row.description, row.active, &row.parameters);
        let input = input.read()?;
        input.check_tenant(scope.tenant_id())?;
        let settled = next(input, kept).checked(|parameters| registry.check_service(parameters))?;
        if settled.active {
            check_only(scope, &connector, service)?;
        }
        config::save_service(scope, &changed(&row, settled), Some(row.version))?;
        Ok(())
    })
    .await
}

#[utoipa::path(
    delete, path = "/protocol-proxy/{connector}/services/{service_id}", operation_id = "protocol-proxy.service.delete", tag = "protocol-proxy",
    summary = "Switches the configuration of a service off",
    description = "It is kept, with `is_active` false.",
    params(
        ("connector" = String, Path, description = "The registry", max_length = 40, example = "sandbox"),
        ("service_id" = uuid::Uuid, Path, description = "The service"),
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
    path: web::Path<(String, ServiceId)>,
    caller: Auth<AdministratorOnly>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (connector, service) = path.into_inner();
    state.registry(&connector)?;
    state
        .ctx
        .db
        .write(caller.tenancy(), move |scope| {
            let row = config::of_service(scope, &connector, service)?
                .ok_or_else(|| Problem::not_found("configuration"))?;
            let off = Settled {
                active: false,
                ..Settled::of(&row.description, row.active, &row.parameters)
            };
            config::save_service(scope, &changed(&row, off), Some(row.version))
                .map_err(Problem::from)
        })
        .await?;
    Ok(deleted())
}
