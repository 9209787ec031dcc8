//! Webhooks.

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::auth::{AdministratorOnly, Auth};
use opencity_kernel::http::{Body, Collection, Created, IdempotencyKey, PageQuery, Scope, Sort};
use opencity_kernel::id::{TenantId, WebhookId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::{Problem, ProblemBody};
use secrecy::ExposeSecret;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};

use crate::hooks::{Hooks, Wanted, filters_shown};
use crate::secrets::Headers;
use crate::store::webhook::{self, WebhookRow};

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhook {
    /// The webhook.
    pub id: WebhookId,
    /// The tenant.
    pub tenant: TenantId,
    /// The tenant, again.
    pub tenant_id: TenantId,
    /// What it is for.
    #[schema(max_length = 255, example = "Back office of public works")]
    pub title: String,
    /// The URL that is called by POST.
    #[schema(max_length = 2000, example = "https://backoffice.example/opencity")]
    pub endpoint: String,
    /// `all`, codes of states, `message_created`, `payment_completed`, `document_registered`.
    #[schema(max_items = 50, example = json!(["2000", "message_created"]))]
    pub triggers: Vec<String>,
    /// `all`, or ids of services.
    #[schema(max_items = 500, example = json!(["all"]))]
    pub filters: Vec<String>,
    /// Headers that are sent with each call.
    #[schema(value_type = Object, example = json!({"Authorization": "Bearer …"}))]
    pub headers: Headers,
    /// Whether it fires.
    pub active: bool,
    /// 1: flat `data`, 2: nested `data`.
    #[schema(minimum = 1, maximum = 2)]
    pub version: i64,
    /// Until when the secret before the present one signs too.
    pub earlier_secret_until: Option<Instant>,
    /// When the target answered 410 and the webhook was switched off for that.
    pub switched_off_at: Option<Instant>,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

impl Webhook {
    fn of(hooks: &Hooks, row: &WebhookRow) -> Result<Self, Problem> {
        Ok(Self {
            id: row.id,
            tenant: row.tenant_id,
            tenant_id: row.tenant_id,
            title: row.title.clone(),
            endpoint: row.endpoint.clone(),
            triggers: row.triggers.read()?,
            filters: filters_shown(row)?,
            headers: hooks.headers(row).map_err(Problem::internal)?,
            active: row.active,
            version: row.body_version,
            earlier_secret_until: row.earlier_secret_until,
            switched_off_at: row.switched_off_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// A new webhook, with the secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code, reason = "the answer's form, for the API description")]
pub(crate) struct NewWebhook {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// The secret to check signatures with, by Standard Webhooks. It is never shown again; not in the stored
    /// answer to a repeated Idempotency-Key either.
    #[schema(max_length = 100, example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: Option<String>,
}

/// A webhook to make, or to be.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "title": "Back office of public works", "endpoint": "https://backoffice.example/opencity",
    "triggers": ["2000", "message_created"], "filters": ["all"], "headers": {}, "active": true, "version": 1
}))]
pub(crate) struct WebhookBody {
    /// What it is for.
    #[schema(min_length = 1, max_length = 255)]
    pub title: String,
    /// The URL to call by POST; public, https.
    #[schema(max_length = 2000)]
    pub endpoint: String,
    /// `all`, codes of states (text or number), `message_created`, `payment_completed`, `document_registered`.
    #[serde(deserialize_with = "names")]
    #[schema(min_items = 1, max_items = 50)]
    pub triggers: Vec<String>,
    /// `all` (default), or ids of services.
    #[serde(default = "all", deserialize_with = "names")]
    #[schema(max_items = 500)]
    pub filters: Vec<String>,
    /// Headers to send with each call.
    #[serde(default, deserialize_with = "headers")]
    #[schema(schema_with = headers_schema)]
    pub headers: Headers,
    /// Whether it fires (default true).
    #[serde(default = "yes")]
    pub active: bool,
    /// 1 (default): flat `data`, 2: nested `data`.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 2)]
    pub version: i64,
}

/// What of a webhook is to change.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"active": false}))]
pub(crate) struct WebhookPatch {
    /// What it is for.
    #[schema(min_length = 1, max_length = 255)]
    pub title: Option<String>,
    /// The URL to call by POST.
    #[schema(max_length = 2000)]
    pub endpoint: Option<String>,
    /// As in POST.
    #[serde(default, deserialize_with = "some_names")]
    #[schema(max_items = 50)]
    pub triggers: Option<Vec<String>>,
    /// As in POST.
    #[serde(default, deserialize_with = "some_names")]
    #[schema(max_items = 500)]
    pub filters: Option<Vec<String>>,
    /// All headers to send with each call.
    #[serde(default, deserialize_with = "some_headers")]
    #[schema(schema_with = headers_schema)]
    pub headers: Option<Headers>,
    /// Whether it fires.
    pub active: Option<bool>,
    /// 1: flat `data`, 2: nested `data`.
    #[schema(minimum = 1, maximum = 2)]
    pub version: Option<i64>,
}

fn all() -> Vec<String> {
    vec!["all".to_owned()]
}
fn yes() -> bool {
    true
}
fn one() -> i64 {
    1
}

/// Names, of which each may be a number, and one alone needs no array.
fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let items = match value {
        Value::Array(items) => items,
        one => vec![one],
    };
    items
        .into_iter()
        .map(|item| match item {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(serde::de::Error::custom("invalid type: expected names")),
        })
        .collect()
}

fn some_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    names(deserializer).map(Some)
}

/// Headers; an empty array and null are none, as some writers of JSON have it.
fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Headers, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(Headers::default()),
        Value::Array(items) if items.is_empty() => Ok(Headers::default()),
        value => Headers::deserialize(value)
            .map_err(|_| serde::de::Error::custom("invalid type: expected names and texts")),
    }
}

fn headers_schema() -> Schema {
    let names_and_texts = ObjectBuilder::new()
        .additional_properties(Some(ObjectBuilder::new().schema_type(Type::String)));
    let nothing = ArrayBuilder::new().max_items(Some(0));
    OneOfBuilder::new()
        .item(names_and_texts)
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .item(nothing)
        .into()
}

fn some_headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Headers>, D::Error> {
    headers(deserializer).map(Some)
}

impl From<WebhookBody> for Wanted {
    fn from(body: WebhookBody) -> Self {
        let WebhookBody {
            title,
            endpoint,
            triggers,
            filters,
            headers,
            active,
            version,
        } = body;
        Self {
            title,
            endpoint,
            triggers,
            filters,
            headers,
            active,
            version,
        }
    }
}

/// Lists webhooks.
#[utoipa::path(
    get, path = "/lang/api/webhooks", operation_id = "webhooks.webhook.list", tag = "webhooks",
    summary = "Lists the webhooks of the body",
    description = "Without their secrets.",
    params(
        ("limit" = Option<i64>, Query, description = "Entries per page", minimum = 1, maximum = 100),
        ("offset" = Option<i64>, Query, description = "Entries to pass over", minimum = 0, maximum = 100_000),
        ("sort" = Option<String>, Query, description = "ASC (oldest first) or DESC", max_length = 4),
        ("cursor" = Option<String>, Query, description = "From the link `next`", max_length = 64),
    ),
    responses(
        (status = 200, body = Collection<Webhook>, description = "A page"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is not valid"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn list(
    caller: Auth<AdministratorOnly>,
    scope: Scope,
    hooks: web::Data<Hooks>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query = PageQuery::of(&request)?;
    let after: Option<WebhookId> = query
        .cursor
        .as_deref()
        .map(|cursor| {
            cursor
                .parse()
                .map_err(|_| Problem::bad_parameter("cursor", "what a link next gave"))
        })
        .transpose()?;
    let (offset, limit, newest_first) = (query.offset, query.limit, query.sort == Sort::Descending);
    let (count, mut rows) = hooks
        .ctx
        .db
        .read(caller.tenancy(), move |scope| {
            let rows = webhook::page(scope, after, offset, limit + 1, newest_first)?;
            Ok::<_, Problem>((webhook::count(scope)?, rows))
        })
        .await?;
    let size = usize::try_from(limit).unwrap_or(rows.len());
    let more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| more).map(|row| row.id.to_string());
    let data = rows
        .iter()
        .map(|row| Webhook::of(&hooks, row))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(HttpResponse::Ok().json(Collection::new(
        &query,
        &scope.api("webhooks"),
        count,
        data,
        next,
    )))
}

/// Makes a webhook.
#[utoipa::path(
    post, path = "/lang/api/webhooks", operation_id = "webhooks.webhook.create", tag = "webhooks",
    summary = "Makes a webhook and shows its secret, once",
    description = "Its calls are signed by Standard Webhooks. The secret is shown in this answer and never again.",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeating with the same key makes nothing twice", max_length = 255)),
    request_body = WebhookBody,
    responses(
        (status = 201, body = NewWebhook, description = "Made"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "Malformed JSON"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "A field is not valid, a service is unknown, or the endpoint is not public"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn create(
    caller: Auth<AdministratorOnly>,
    scope: Scope,
    hooks: web::Data<Hooks>,
    key: IdempotencyKey,
    body: Body<WebhookBody>,
) -> Result<HttpResponse, Problem> {
    let checked = hooks
        .check(caller.tenancy(), body.value.read()?.into())
        .await?;
    let base = scope.api("webhooks");
    // The stored answer holds no secret: only this first answer gets it.
    let made = Arc::new(Mutex::new(None));
    let (shown, maker) = (Arc::clone(&made), Arc::clone(&hooks));
    let answer = key
        .once(&hooks.ctx.db, &caller, body.hash, move |scope| {
            let (row, secret) = maker.create(scope, checked)?;
            let webhook = Webhook::of(&maker, &row)?;
            let location = format!("{base}/{}", row.id);
            let created = Created::new(location.clone(), &webhook)?;
            *shown.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((location, webhook, secret));
            Ok(created)
        })
        .await?;
    let made = made.lock().unwrap_or_else(PoisonError::into_inner).take();
    match made {
        Some((location, webhook, secret)) => Ok(HttpResponse::Created()
            .insert_header(("Location", location))
            .insert_header(("Cache-Control", "no-store"))
            .json(NewWebhook {
                webhook,
                secret: Some(secret.reveal().expose_secret().to_owned()),
            })),
        None => Ok(answer),
    }
}

/// Shows a webhook.
#[utoipa::path(
    get, path = "/lang/api/webhooks/{id}", operation_id = "webhooks.webhook.get", tag = "webhooks",
    summary = "Shows a webhook",
    description = "Without its secret.",
    params(("id" = WebhookId, Path, description = "The webhook")),
    responses(
        (status = 200, body = Webhook, description = "The webhook, without its secret"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such webhook"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn get(
    caller: Auth<AdministratorOnly>,
    hooks: web::Data<Hooks>,
    path: web::Path<(String, WebhookId)>,
) -> Result<HttpResponse, Problem> {
    let row = hooks.get(caller.tenancy(), path.1).await?;
    Ok(HttpResponse::Ok().json(Webhook::of(&hooks, &row)?))
}

/// Replaces a webhook.
#[utoipa::path(
    put, path = "/lang/api/webhooks/{id}", operation_id = "webhooks.webhook.replace", tag = "webhooks",
    summary = "Replaces all fields of a webhook",
    description = "The secret stays. Switched off, what waits is held; switched on, it goes on.",
    params(("id" = WebhookId, Path, description = "The webhook")),
    request_body = WebhookBody,
    responses(
        (status = 200, body = [String], description = "Replaced", example = json!(["Object Modified Successfully"])),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "Malformed JSON"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such webhook"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "Changed meanwhile"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "A field is not valid"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn replace(
    caller: Auth<AdministratorOnly>,
    hooks: web::Data<Hooks>,
    path: web::Path<(String, WebhookId)>,
    body: Body<WebhookBody>,
) -> Result<HttpResponse, Problem> {
    let read = hooks.get(caller.tenancy(), path.1).await?;
    let checked = hooks
        .check(caller.tenancy(), body.value.read()?.into())
        .await?;
    hooks.change(read, checked).await?;
    Ok(HttpResponse::Ok().json(["Object Modified Successfully"]))
}

/// Changes a webhook.
#[utoipa::path(
    patch, path = "/lang/api/webhooks/{id}", operation_id = "webhooks.webhook.patch", tag = "webhooks",
    summary = "Changes some fields of a webhook",
    description = "Keys that are absent stay as they are. Switched off, what waits is held.",
    params(("id" = WebhookId, Path, description = "The webhook")),
    request_body = WebhookPatch,
    responses(
        (status = 200, body = [String], description = "Changed", example = json!(["Object Patched Successfully"])),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "Malformed JSON"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such webhook"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "Changed meanwhile"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "A field is not valid"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn patch(
    caller: Auth<AdministratorOnly>,
    hooks: web::Data<Hooks>,
    path: web::Path<(String, WebhookId)>,
    body: Body<WebhookPatch>,
) -> Result<HttpResponse, Problem> {
    let read = hooks.get(caller.tenancy(), path.1).await?;
    let now = Webhook::of(&hooks, &read)?;
    let patch = body.value.read()?;
    let wanted = Wanted {
        title: patch.title.unwrap_or(now.title),
        endpoint: patch.endpoint.unwrap_or(now.endpoint),
        triggers: patch.triggers.unwrap_or(now.triggers),
        filters: patch.filters.unwrap_or(now.filters),
        headers: patch.headers.unwrap_or(now.headers),
        active: patch.active.unwrap_or(now.active),
        version: patch.version.unwrap_or(now.version),
    };
    let checked = hooks.check(caller.tenancy(), wanted).await?;
    hooks.change(read, checked).await?;
    Ok(HttpResponse::Ok().json(["Object Patched Successfully"]))
}

/// Deletes a webhook.
#[utoipa::path(
    delete, path = "/lang/api/webhooks/{id}", operation_id = "webhooks.webhook.delete", tag = "webhooks",
    summary = "Deletes a webhook with its deliveries",
    description = "What waits is not sent any more.",
    params(("id" = WebhookId, Path, description = "The webhook")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such webhook"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn delete(
    caller: Auth<AdministratorOnly>,
    hooks: web::Data<Hooks>,
    path: web::Path<(String, WebhookId)>,
) -> Result<HttpResponse, Problem> {
    hooks.delete(caller.tenancy(), path.1).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A secret, shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewSecret {
    /// The webhook.
    pub id: WebhookId,
    /// The new secret; it is never shown again.
    #[schema(max_length = 100, example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: String,
    /// Until when the secret before signs too.
    pub earlier_secret_until: Instant,
}

/// Gives a webhook a new secret.
#[utoipa::path(
    post, path = "/lang/api/webhooks/{id}/rotate-secret", operation_id = "webhooks.webhook.rotate-secret", tag = "webhooks",
    summary = "Gives a webhook a new secret and shows it, once",
    description = "The secret before signs too for a while, so that the receiver can change over.",
    params(("id" = WebhookId, Path, description = "The webhook")),
    responses(
        (status = 200, body = NewSecret, description = "The new secret"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such webhook"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "Changed meanwhile"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn rotate_secret(
    caller: Auth<AdministratorOnly>,
    hooks: web::Data<Hooks>,
    path: web::Path<(String, WebhookId)>,
) -> Result<HttpResponse, Problem> {
    let (secret, until) = hooks.rotate(caller.tenancy(), path.1).await?;
    Ok(HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .json(NewSecret {
            id: path.1,
            secret: secret.reveal().expose_secret().to_owned(),
            earlier_secret_until: until,
        }))
}
