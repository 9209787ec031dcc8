//! The deprecated API v1: a view of the configurations whose collection is a service. The id of the object is the service's.

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::auth::{AdministratorOnly, Auth, Caller};
use opencity_kernel::db::DbError;
use opencity_kernel::http::{Body, IdempotencyKey, modified, patched};
use opencity_kernel::problem::ProblemBody;
use serde_json::{Map, Value, json};

use super::State;
use super::configs;
use super::tenants::overlaid;
use crate::domain::settings::{self, ConfigSettings};
use crate::store::config::{self, CollectionId, ConfigRow};

type At = web::Path<(String, CollectionId)>;

/// The form of a service's configuration.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/services/schema", operation_id = "payment-proxy.service.schema", tag = "payment-proxy-configuration",
    summary = "Form of a service's configuration (v1)",
    description = "A Form.io schema. Version 1 of the configurations: those of services alone.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox")),
    responses(
        (status = 200, description = "A Form.io schema", body = Value, example = json!({"display": "form", "components": []})),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn service_schema(
    state: web::Data<State>,
    _caller: Auth<AdministratorOnly>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let connector = state.connector(&path)?;
    Ok(HttpResponse::Ok().json(settings::config_schema(connector.config_fields())))
}

/// What v1 sends as a configuration of v2: the service is the collection, the rest is said as it stands.
fn as_config(
    mut keys: Map<String, Value>,
    service: Option<CollectionId>,
) -> Result<ConfigSettings, Problem> {
    let id = keys.remove("id");
    let service = service
        .map(|service| json!(service))
        .or(id)
        .ok_or_else(|| Problem::field("id", "required", "Give the id of the service."))?;
    keys.remove("tenant_id");
    keys.insert(
        "remote_collection".to_owned(),
        json!({"id": service, "type": "service"}),
    );
    keys.entry("payment_type")
        .or_insert_with(|| json!("PAGOPA"));
    overlaid(&Value::Null, keys)
}

fn as_service(caller: &Caller, row: &ConfigRow) -> Value {
    let mut shown = row.body.0.clone();
    if let Some(keys) = shown.as_object_mut() {
        keys.insert("id".to_owned(), json!(row.collection_id));
        keys.insert("tenant_id".to_owned(), json!(caller.tenant_id()));
        keys.remove("remote_collection");
    }
    shown
}

async fn found(
    state: &State,
    caller: &Caller,
    connector: &str,
    service: CollectionId,
) -> Result<ConfigRow, Problem> {
    let connector = state.connector(connector)?.id();
    let rows = state
        .proxy
        .ctx
        .db
        .read::<_, DbError>(caller.tenancy(), move |scope| {
            config::list(scope, connector, None, Some(service))
        })
        .await?;
    let rows: Vec<ConfigRow> = rows
        .into_iter()
        .filter(|row| row.collection_type == "service")
        .collect();
    let active = rows.iter().position(|row| row.active).unwrap_or_default();
    rows.into_iter()
        .nth(active)
        .ok_or_else(|| Problem::not_found("configuration"))
}

/// Adds a service's configuration.
#[utoipa::path(
    post, path = "/payment-proxy/{connector}/services", operation_id = "payment-proxy.service.create", tag = "payment-proxy-configuration",
    summary = "Configure how a service is paid (v1)",
    description = "Version 1: a configuration whose collection is a service.",
    request_body(content = Object, example = json!({"id": "b21c4429-95e4-45d5-930f-44eb74136625", "amount": 16.5, "reason": "Occupazione di suolo pubblico", "expire_at": 90, "collection_data": "9/0101002IM/", "active": true, "receiver": {"tax_identification_number": "77777777777", "name": "Comune di Bugliano"}})),
    params(
        ("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255),
    ),
    responses(
        (status = 201, description = "The configuration", body = ConfigSettings),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Another one is active for the service", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn create_service(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    path: web::Path<String>,
    key: IdempotencyKey,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    let settings = as_config(body.value.read()?, None)?;
    configs::create(&state, &caller, &path, key, body.hash, settings).await
}

/// A service's configuration.
#[utoipa::path(
    get, path = "/payment-proxy/{connector}/services/{id}", operation_id = "payment-proxy.service.get", tag = "payment-proxy-configuration",
    summary = "A service's configuration (v1)",
    description = "Version 1: a configuration whose collection is a service.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = CollectionId, Path, description = "The service")),
    responses(
        (status = 200, description = "The configuration", body = Value, example = json!({"id": "b21c4429-95e4-45d5-930f-44eb74136625", "active": true})),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn get_service(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    at: At,
) -> Result<HttpResponse, Problem> {
    let (connector, service) = at.into_inner();
    let row = found(&state, &caller, &connector, service).await?;
    Ok(HttpResponse::Ok().json(as_service(&caller, &row)))
}

/// Replaces a service's configuration.
#[utoipa::path(
    put, path = "/payment-proxy/{connector}/services/{id}", operation_id = "payment-proxy.service.replace", tag = "payment-proxy-configuration",
    summary = "Replace a service's configuration (v1)",
    description = "All keys are replaced.",
    request_body(content = Object, example = json!({"id": "b21c4429-95e4-45d5-930f-44eb74136625", "amount": 16.5, "reason": "Occupazione di suolo pubblico", "expire_at": 90, "collection_data": "9/0101002IM/", "active": true, "receiver": {"tax_identification_number": "77777777777", "name": "Comune di Bugliano"}})),
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = CollectionId, Path, description = "The service")),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Modified Successfully"])),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn replace_service(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    at: At,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    let (connector, service) = at.into_inner();
    let row = found(&state, &caller, &connector, service).await?;
    configs::write(
        &state,
        &caller,
        row,
        as_config(body.value.read()?, Some(service))?,
    )
    .await?;
    Ok(modified())
}

/// Changes the keys that are given.
#[utoipa::path(
    patch, path = "/payment-proxy/{connector}/services/{id}", operation_id = "payment-proxy.service.patch", tag = "payment-proxy-configuration",
    summary = "Change a service's configuration (v1)",
    description = "Changes the keys that are given.",
    request_body(content = Object, example = json!({"active": false})),
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = CollectionId, Path, description = "The service")),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Patched Successfully"])),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn patch_service(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    at: At,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    let (connector, service) = at.into_inner();
    let row = found(&state, &caller, &connector, service).await?;
    let mut keys = row.body.0.as_object().cloned().unwrap_or_default();
    keys.extend(body.value.read()?);
    configs::write(&state, &caller, row, as_config(keys, Some(service))?).await?;
    Ok(patched())
}

/// Switches a service's configuration off; it is kept.
#[utoipa::path(
    delete, path = "/payment-proxy/{connector}/services/{id}", operation_id = "payment-proxy.service.delete", tag = "payment-proxy-configuration",
    summary = "Switch a service's configuration off (v1)",
    description = "It is kept, with `active` false; open payments go on.",
    params(("connector" = String, Path, description = "The connector", max_length = 50, example = "sandbox"), ("id" = CollectionId, Path, description = "The service")),
    responses(
        (status = 204, description = "Done"),
        (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn delete_service(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    at: At,
) -> Result<HttpResponse, Problem> {
    let (connector, service) = at.into_inner();
    let row = found(&state, &caller, &connector, service).await?;
    configs::switch_off(&state, &caller, row).await
}
