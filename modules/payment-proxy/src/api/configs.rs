//! Configurations: how a service is paid (API v2).

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::auth::{AdministratorOnly, Auth, Caller};
use opencity_kernel::clock;
use opencity_kernel::db::{DbError, DbResult};
use opencity_kernel::http::{Body, Created, IdempotencyKey, Query, deleted, modified, patched};
use opencity_kernel::id::{ConfigId, TenantId};
use opencity_kernel::json::Json;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind};
use serde_json::{Map, Value};

use super::State;
use super::tenants::overlaid;
use crate::domain::settings::{self, ConfigSettings};
use crate::store::config::{self, CollectionId, ConfigRow, active_key};
use crate::store::tenant;

type At = web::Path<(String, ConfigId)>;

/// The form of a configuration.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/configs/schema", operation_id = "payment-proxy.config.schema", tag = "payment-proxy-configuration",
    summary = "Form of a configuration",
    description = "A Form.io schema, for the page on which an administrator configures it.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox")),
    responses(
        (status = 200, description = "A Form.io schema", body = Value, example = json!({"display": "form", "components": []})),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown connector", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn config_schema(
    state: web::Data<State>,
    _caller: Auth<AdministratorOnly>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let connector = state.connector(&path)?;
    Ok(HttpResponse::Ok().json(settings::config_schema(connector.config_fields())))
}

/// The configurations of a connector, oldest first.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/configs", operation_id = "payment-proxy.config.list", tag = "payment-proxy-configuration",
    summary = "Configurations of a connector",
    description = "Those of the body, oldest first; those switched off too.",
    params(
        ("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"),
        ("id" = Option<uuid::Uuid>, Query, description = "This one"),
        ("remote_collection.id" = Option<uuid::Uuid>, Query, description = "Those of this service"),
    ),
    responses(
        (status = 200, description = "Bare array, at most 1000", body = Vec<ConfigSettings>),
        (status = 400, description = "A filter is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn list_configs(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let connector = state.connector(&path)?.id();
    let query = Query::of(&request)?;
    let (id, collection) = (query.id("id")?, query.id("remote_collection.id")?);
    let rows = state
        .proxy
        .ctx
        .db
        .read::<_, DbError>(caller.tenancy(), move |scope| {
            config::list(scope, connector, id, collection)
        })
        .await?;
    Ok(HttpResponse::Ok().json(rows.into_iter().map(|row| row.body).collect::<Vec<_>>()))
}

/// The row of a configuration that is new.
pub fn new_row(
    tenant_id: TenantId,
    connector: &str,
    mut settings: ConfigSettings,
) -> DbResult<ConfigRow> {
    let now = clock::now();
    let id = settings
        .id
        .map_or_else(ConfigId::random, ConfigId::from_uuid);
    settings.id = Some(id.uuid());
    let mut row = ConfigRow {
        tenant_id,
        id,
        connector: connector.to_owned(),
        collection_id: CollectionId::from_uuid(settings.remote_collection.id),
        collection_type: String::new(),
        payment_type: String::new(),
        active: false,
        active_key: None,
        version: 1,
        created_at: now,
        updated_at: now,
        body: Json::default(),
    };
    set(&mut row, &settings)?;
    Ok(row)
}

fn set(row: &mut ConfigRow, settings: &ConfigSettings) -> DbResult<()> {
    row.collection_id = CollectionId::from_uuid(settings.remote_collection.id);
    row.collection_type
        .clone_from(&settings.remote_collection.kind);
    row.payment_type = settings.payment_type.as_str().to_owned();
    row.active = settings.active;
    row.active_key = settings
        .active
        .then(|| active_key(row.collection_id, &row.collection_type, &row.payment_type));
    row.body = Json::of(settings)?;
    Ok(())
}

fn taken(error: DbError) -> Problem {
    match error {
        DbError::Duplicate(_) => Problem::new(
            ProblemKind::AlreadyExists,
            "Another configuration has this id, or is active for the same collection and payment type (also at another connector). Switch that one off first.",
        ),
        other => other.into(),
    }
}

/// Checks and adds a configuration.
pub async fn create(
    state: &State,
    caller: &Caller,
    connector: &str,
    key: IdempotencyKey,
    hash: String,
    settings: ConfigSettings,
) -> Result<HttpResponse, Problem> {
    let connector = state.connector(connector)?.id();
    settings.check(state.proxy.test_bodies)?;
    let row = new_row(caller.tenant_id(), connector, settings)?;
    key.once(&state.proxy.ctx.db, caller, hash, move |scope| {
        if tenant::find(scope, connector)?.is_none_or(|tenant| !tenant.active) {
            return Err(Problem::new(
                ProblemKind::Validation,
                "The body is not configured at this connector. Do that first: POST tenants.",
            ));
        }
        config::insert(scope, &row).map_err(taken)?;
        Created::new(
            format!("/payment-proxy/{connector}/configs/{}", row.id),
            &row.body,
        )
    })
    .await
}

/// Adds a configuration.
#[utoipa::path(
    post, path = "/payment-proxy/{connector}/configs", operation_id = "payment-proxy.config.create", tag = "payment-proxy-configuration",
    summary = "Configure how a service is paid",
    description = "A configuration says how a service, or another collection, is paid at this connector.", request_body = ConfigSettings,
    params(
        ("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255),
    ),
    responses(
        (status = 201, description = "The configuration", body = ConfigSettings),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The id is taken, or another one is active for the same collection and payment type", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid, or the body is not configured", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn create_config(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    path: web::Path<String>,
    key: IdempotencyKey,
    body: Body<ConfigSettings>,
) -> Result<HttpResponse, Problem> {
    create(&state, &caller, &path, key, body.hash, body.value.read()?).await
}

/// A configuration of a connector.
pub async fn found(
    state: &State,
    caller: &Caller,
    connector: &str,
    id: ConfigId,
) -> Result<ConfigRow, Problem> {
    let connector = state.connector(connector)?.id();
    let row = state
        .proxy
        .ctx
        .db
        .read::<_, DbError>(caller.tenancy(), move |scope| {
            config::find(scope, connector, id)
        });
    row.await?
        .ok_or_else(|| Problem::not_found("configuration"))
}

/// Checks and writes a configuration that was read before; its id stays.
pub async fn write(
    state: &State,
    caller: &Caller,
    mut row: ConfigRow,
    mut settings: ConfigSettings,
) -> Result<(), Problem> {
    settings.check(state.proxy.test_bodies)?;
    settings.id = Some(row.id.uuid());
    set(&mut row, &settings)?;
    let written = state
        .proxy
        .ctx
        .db
        .write::<_, DbError>(caller.tenancy(), move |scope| config::update(scope, row));
    written.await.map_err(taken)
}

/// A configuration.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/configs/{id}", operation_id = "payment-proxy.config.get", tag = "payment-proxy-configuration",
    summary = "A configuration",
    description = "By its id, among those of the token's body.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = ConfigId, Path, description = "The configuration")),
    responses(
        (status = 200, description = "The configuration", body = ConfigSettings),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn get_config(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    at: At,
) -> Result<HttpResponse, Problem> {
    let (connector, id) = at.into_inner();
    Ok(HttpResponse::Ok().json(found(&state, &caller, &connector, id).await?.body))
}

/// Replaces a configuration.
#[utoipa::path(
    put, path = "/payment-proxy/{connector}/configs/{id}", operation_id = "payment-proxy.config.replace", tag = "payment-proxy-configuration",
    summary = "Replace a configuration",
    description = "All keys are replaced.", request_body = ConfigSettings,
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = ConfigId, Path, description = "The configuration")),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Modified Successfully"])),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Another one is active for the same collection and payment type", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn replace_config(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    at: At,
    body: Body<ConfigSettings>,
) -> Result<HttpResponse, Problem> {
    let (connector, id) = at.into_inner();
    let row = found(&state, &caller, &connector, id).await?;
    write(&state, &caller, row, body.value.read()?).await?;
    Ok(modified())
}

/// Changes the keys that are given.
#[utoipa::path(
    patch, path = "/payment-proxy/{connector}/configs/{id}", operation_id = "payment-proxy.config.patch", tag = "payment-proxy-configuration",
    summary = "Change a configuration",
    description = "Changes the keys that are given.",
    request_body(content = Object, example = json!({"active": false})),
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = ConfigId, Path, description = "The configuration")),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Patched Successfully"])),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Another one is active for the same collection and payment type", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn patch_config(
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

/// Switches a configuration off; it is kept.
#[utoipa::path(
    delete, path = "/payment-proxy/{connector}/configs/{id}", operation_id = "payment-proxy.config.delete", tag = "payment-proxy-configuration",
    summary = "Switch a configuration off",
    description = "It is kept, with `active` false; open payments go on.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = ConfigId, Path, description = "The configuration")),
    responses(
        (status = 204, description = "Done"),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn delete_config(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    at: At,
) -> Result<HttpResponse, Problem> {
    let (connector, id) = at.into_inner();
    let row = found(&state, &caller, &connector, id).await?;
    switch_off(&state, &caller, row).await
}

/// Switches a configuration off.
pub async fn switch_off(
    state: &State,
    caller: &Caller,
    row: ConfigRow,
) -> Result<HttpResponse, Problem> {
    let mut settings: ConfigSettings = row.body.read()?;
    settings.active = false;
    write(state, caller, row, settings).await?;
    Ok(deleted())
}
