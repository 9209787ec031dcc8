//! What a connector knows of a body.

use actix_web::{HttpResponse, web};
use opencity_kernel::auth::{AdministratorOnly, Auth, Caller};
use opencity_kernel::clock;
use opencity_kernel::crypto::random_token;
use opencity_kernel::db::DbError;
use opencity_kernel::http::{Body, Created, IdempotencyKey, deleted, modified, patched};
use opencity_kernel::id::TenantId;
use opencity_kernel::json::Json;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind};
use serde_json::{Map, Value};

use super::State;
use crate::domain::settings::{self, TenantSettings};
use crate::proxy::{Proxy, sealed_for};
use crate::store::tenant::{self, TenantRow};

type At = web::Path<(String, TenantId)>;

/// The form of a body's configuration.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/tenants/schema", operation_id = "payment-proxy.tenant.schema", tag = "payment-proxy-configuration",
    summary = "Form of a body's configuration",
    description = "A Form.io schema, for the page on which an administrator configures it.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox")),
    responses(
        (status = 200, description = "A Form.io schema", body = Value, example = json!({"display": "form", "components": []})),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown connector", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn tenant_schema(
    state: web::Data<State>,
    _caller: Auth<AdministratorOnly>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let connector = state.connector(&path)?;
    Ok(HttpResponse::Ok().json(settings::tenant_schema(connector.tenant_fields())))
}

/// The row of a body that is new at a connector, with a secret made for it.
///
/// # Errors
/// If no secret can be made.
pub fn new_row(
    proxy: &Proxy,
    tenant_id: TenantId,
    connector: &str,
    settings: &TenantSettings,
) -> Result<TenantRow, Problem> {
    let now = clock::now();
    let mut row = TenantRow {
        tenant_id,
        connector: connector.to_owned(),
        tax_code: settings.tax_identification_number.clone(),
        active: settings.active,
        version: 1,
        created_at: now,
        updated_at: now,
        sealed_secret: String::new(),
        body: Json::of(settings)?,
    };
    let secret = random_token(32).map_err(Problem::internal)?;
    row.sealed_secret = proxy
        .ctx
        .platform
        .sealer
        .seal(secret.as_bytes(), &sealed_for(&row))
        .map_err(Problem::internal)?;
    Ok(row)
}

/// Adds a body's configuration.
#[utoipa::path(
    post, path = "/payment-proxy/{connector}/tenants", operation_id = "payment-proxy.tenant.create", tag = "payment-proxy-configuration",
    summary = "Configure a body at a connector",
    description = "Once for a body; the configurations of its services rest on it.", request_body = TenantSettings,
    params(
        ("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255),
    ),
    responses(
        (status = 201, description = "The configuration", body = TenantSettings),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "There is one already", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn create_tenant(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    path: web::Path<String>,
    key: IdempotencyKey,
    body: Body<TenantSettings>,
) -> Result<HttpResponse, Problem> {
    let connector = state.connector(&path)?.id();
    let settings = body.value.read()?;
    settings.check(caller.tenant_id().uuid(), state.proxy.test_bodies)?;
    let row = new_row(&state.proxy, caller.tenant_id(), connector, &settings)?;
    let location = format!("/payment-proxy/{connector}/tenants/{}", caller.tenant_id());
    key.once(&state.proxy.ctx.db, &caller, body.hash, move |scope| {
        match tenant::insert(scope, &row) {
            Err(DbError::Duplicate(_)) => Err(Problem::new(
                ProblemKind::AlreadyExists,
                "The body is configured at this connector already. Change that configuration with PUT or PATCH.",
            )),
            other => Ok(other?),
        }?;
        Created::new(location, &settings)
    })
    .await
}

async fn found(
    state: &State,
    caller: &Caller,
    connector: &str,
    id: TenantId,
) -> Result<TenantRow, Problem> {
    let connector = state.connector(connector)?.id();
    let row = state
        .proxy
        .ctx
        .db
        .read::<_, DbError>(caller.tenancy(), move |scope| {
            tenant::find(scope, connector)
        });
    row.await?
        .filter(|row| row.tenant_id == id)
        .ok_or_else(|| Problem::not_found("configuration"))
}

async fn write(
    state: &State,
    caller: &Caller,
    mut row: TenantRow,
    settings: TenantSettings,
) -> Result<(), Problem> {
    settings.check(caller.tenant_id().uuid(), state.proxy.test_bodies)?;
    row.tax_code.clone_from(&settings.tax_identification_number);
    row.active = settings.active;
    row.body = Json::of(&settings)?;
    Ok(state
        .proxy
        .ctx
        .db
        .write::<_, DbError>(caller.tenancy(), move |scope| tenant::update(scope, row))
        .await?)
}

/// A body's configuration. What the intermediary signs with is not shown.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/tenants/{id}", operation_id = "payment-proxy.tenant.get", tag = "payment-proxy-configuration",
    summary = "A body's configuration",
    description = "What the intermediary signs with is not shown.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = TenantId, Path, description = "The tenant")),
    responses(
        (status = 200, description = "The configuration", body = TenantSettings),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn get_tenant(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    at: At,
) -> Result<HttpResponse, Problem> {
    let (connector, id) = at.into_inner();
    Ok(HttpResponse::Ok().json(found(&state, &caller, &connector, id).await?.body))
}

/// Replaces a body's configuration.
#[utoipa::path(
    put, path = "/payment-proxy/{connector}/tenants/{id}", operation_id = "payment-proxy.tenant.replace", tag = "payment-proxy-configuration",
    summary = "Replace a body's configuration",
    description = "All keys are replaced.", request_body = TenantSettings,
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = TenantId, Path, description = "The tenant")),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Modified Successfully"])),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn replace_tenant(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    at: At,
    body: Body<TenantSettings>,
) -> Result<HttpResponse, Problem> {
    let (connector, id) = at.into_inner();
    let row = found(&state, &caller, &connector, id).await?;
    write(&state, &caller, row, body.value.read()?).await?;
    Ok(modified())
}

/// Changes the keys that are given.
#[utoipa::path(
    patch, path = "/payment-proxy/{connector}/tenants/{id}", operation_id = "payment-proxy.tenant.patch", tag = "payment-proxy-configuration",
    summary = "Change a body's configuration",
    description = "Changes the keys that are given.",
    request_body(content = Object, example = json!({"active": false})),
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = TenantId, Path, description = "The tenant")),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Patched Successfully"])),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn patch_tenant(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    at: At,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    let (connector, id) = at.into_inner();
    let row = found(&state, &caller, &connector, id).await?;
    let settings = overlaid(&row.body.0, body.value.read()?)?;
    write(&state, &caller, row, settings).await?;
    Ok(patched())
}

/// A stored object with some keys replaced.
pub fn overlaid<T: serde::de::DeserializeOwned>(
    stored: &Value,
    keys: Map<String, Value>,
) -> Result<T, Problem> {
    let mut whole = stored.as_object().cloned().unwrap_or_default();
    whole.extend(keys);
    serde_json::from_value(Value::Object(whole)).map_err(|_| {
        Problem::field(
            "body",
            "value",
            "Give values of the types that the API description names.",
        )
    })
}

/// Switches a body's configuration off; it is kept.
#[utoipa::path(
    delete, path = "/payment-proxy/{connector}/tenants/{id}", operation_id = "payment-proxy.tenant.delete", tag = "payment-proxy-configuration",
    summary = "Switch a body's configuration off",
    description = "It is kept, with `active` false.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = TenantId, Path, description = "The tenant")),
    responses(
        (status = 204, description = "Done"),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn delete_tenant(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    at: At,
) -> Result<HttpResponse, Problem> {
    let (connector, id) = at.into_inner();
    let row = found(&state, &caller, &connector, id).await?;
    let mut settings: TenantSettings = row.body.read()?;
    settings.active = false;
    write(&state, &caller, row, settings).await?;
    Ok(deleted())
}
