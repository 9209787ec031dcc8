//! `categories`, `recipients`, `geographic-areas`.

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::auth::Caller;
use opencity_kernel::db::{Tenancy, TenantScope};
use opencity_kernel::http::{Created, Given, IdempotencyKey, Query, deleted, modified, patched};
use opencity_kernel::id::TermId;
use opencity_kernel::json::merged;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{OpenApi, ToSchema};

use super::{Api, ok};
use crate::domain::service::LISTED;
use crate::domain::vocabulary::{Term, TermFields, TermKind};
use crate::store;

/// A category.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Category {
    /// The category.
    id: TermId,
    /// Its name.
    #[schema(max_length = 255)]
    name: String,
    /// Its slug.
    #[schema(max_length = 255)]
    slug: String,
    /// What it is.
    #[schema(max_length = 100000)]
    description: Option<String>,
    /// The category that it belongs to.
    parent_id: Option<TermId>,
}

/// A recipient of services.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Recipient {
    /// The recipient.
    id: TermId,
    /// Its name.
    #[schema(max_length = 255)]
    name: String,
    /// Its slug.
    #[schema(max_length = 255)]
    slug: String,
    /// What it is.
    #[schema(max_length = 100000)]
    description: Option<String>,
}

/// A geographic area.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GeographicArea {
    /// The area.
    id: TermId,
    /// Its name.
    #[schema(max_length = 255)]
    name: String,
    /// Its slug.
    #[schema(max_length = 255)]
    slug: String,
    /// What it is.
    #[schema(max_length = 100000)]
    description: Option<String>,
    /// Where it is, as GeoJSON in a text.
    #[schema(max_length = 100000)]
    geofence: Option<String>,
}

fn shown(kind: TermKind, term: &Term) -> Value {
    let TermFields {
        name,
        slug,
        description,
        parent_id,
        geofence,
    } = &term.fields;
    let mut shown = json!({"id": term.id, "name": name, "slug": slug, "description": description});
    if let Value::Object(members) = &mut shown {
        match kind {
            TermKind::Category => members.insert("parent_id".to_owned(), json!(parent_id)),
            TermKind::Recipient => None,
            TermKind::Area => members.insert("geofence".to_owned(), json!(geofence)),
        };
    }
    shown
}

/// Which categories `parent_id` asks for.
enum Parent {
    Any,
    Is(Option<TermId>),
}

async fn list_of(
    api: &Api,
    tenancy: Tenancy,
    kind: TermKind,
    query: &Query,
) -> Result<HttpResponse, Problem> {
    // Only categories have parents and can be empty; the others know no parameter.
    let nothing = Query::default();
    let query = if kind == TermKind::Category {
        query
    } else {
        &nothing
    };
    let parent = match query.parameter("parent_id") {
        Some("null") => Parent::Is(None),
        Some(_) => Parent::Is(query.id("parent_id")?),
        None => Parent::Any,
    };
    let used_only = query.flag("not_empty")? == Some(true);
    let terms: Vec<Value> = api
        .ctx
        .db
        .read::<_, Problem>(tenancy, move |scope| {
            let used: Vec<Option<TermId>> = if used_only {
                store::services::list(scope, &LISTED)?
                    .iter()
                    .map(|service| service.fields.topics_id)
                    .collect()
            } else {
                Vec::new()
            };
            let wanted = |term: &Term| {
                let placed = match parent {
                    Parent::Any => true,
                    Parent::Is(parent) => term.fields.parent_id == parent,
                };
                placed && (!used_only || used.contains(&Some(term.id)))
            };
            let terms = store::terms::list(scope, kind)?;
            Ok(terms
                .iter()
                .filter(|term| wanted(term))
                .map(|term| shown(kind, term))
                .collect())
        })
        .await?;
    Ok(ok(&terms))
}

fn found(scope: &mut TenantScope<'_>, kind: TermKind, id: TermId) -> Result<Term, Problem> {
    store::terms::by_id(scope, kind, id)?.ok_or_else(|| Problem::not_found(kind.label()))
}

async fn one_of(
    api: &Api,
    tenancy: Tenancy,
    kind: TermKind,
    id: TermId,
) -> Result<HttpResponse, Problem> {
    let term = api
        .ctx
        .db
        .read::<_, Problem>(tenancy, move |scope| found(scope, kind, id))
        .await?;
    Ok(ok(&shown(kind, &term)))
}

async fn create_of(
    api: &Api,
    caller: &Caller,
    key: IdempotencyKey,
    hash: String,
    location: String,
    kind: TermKind,
    body: Map<String, Value>,
) -> Result<HttpResponse, Problem> {
    let fields = TermFields::read(kind, body)?;
    key.once(&api.ctx.db, caller, hash, move |scope| {
        let term = store::terms::create(scope, kind, TermId::new(), fields)?;
        Created::new(format!("{location}/{}", term.id), &shown(kind, &term))
    })
    .await
}

async fn change_of(
    api: &Api,
    tenancy: Tenancy,
    kind: TermKind,
    id: TermId,
    body: Given<Map<String, Value>>,
    whole: bool,
) -> Result<HttpResponse, Problem> {
    api.ctx
        .db
        .write(tenancy, move |scope| {
            let term = found(scope, kind, id)?;
            let body = body.read()?;
            let body = if whole {
                body
            } else {
                merged(&term.fields, body)?
            };
            store::terms::replace(scope, kind, term, TermFields::read(kind, body)?)
        })
        .await?;
    Ok(if whole { modified() } else { patched() })
}

async fn delete_of(
    api: &Api,
    tenancy: Tenancy,
    kind: TermKind,
    id: TermId,
) -> Result<HttpResponse, Problem> {
    // An office that names it may just have been made.
    api.ctx.platform.caught_up(api.ctx.info.name).await?;
    api.ctx
        .db
        .write(tenancy, move |scope| {
            let term = found(scope, kind, id)?;
            store::terms::delete(scope, term.id)
        })
        .await?;
    Ok(deleted())
}

/// The handlers of one resource: the same five for each vocabulary.
macro_rules! vocabulary {
    ($module:ident, $kind:expr, $view:ident, $name:literal, $all:literal, $each:literal, $what:literal, $list_params:tt,
     [$list_id:literal, $read_id:literal, $create_id:literal, $replace_id:literal, $patch_id:literal, $delete_id:literal]) => {
        mod $module {
            use actix_web::{HttpRequest, HttpResponse, web};
            use opencity_kernel::Problem;
            use opencity_kernel::auth::{AdministratorOnly, Auth};
            use opencity_kernel::http::{Body, IdempotencyKey, Public, Query, Scope};
            use opencity_kernel::id::TermId;
use opencity_kernel::problem::ProblemBody;
            use serde_json::{Map, Value};
            use utoipa::OpenApi;

            use super::super::State;
            use super::{$view, TermFields, TermKind};

            #[derive(OpenApi)]
            #[openapi(paths(list, one, create, replace, patch, delete), components(schemas($view, TermFields, ProblemBody)))]
            pub(super) struct Document;

            const KIND: TermKind = $kind;

            pub(super) fn routes(config: &mut web::ServiceConfig) {
                config
                    .service(
                        web::resource(concat!("/{tenant}/api/", $name))
                            .route(web::get().to(list))
                            .route(web::post().to(create)),
                    )
                    .service(
                        web::resource(concat!("/{tenant}/api/", $name, "/{id}"))
                            .route(web::get().to(one))
                            .route(web::put().to(replace))
                            .route(web::patch().to(patch))
                            .route(web::delete().to(delete)),
                    );
            }

            #[utoipa::path(
                get, path = $all, operation_id = $list_id, tag = $name,
                summary = "Lists them by name",
                description = "Public; in the order of their names.",
                params $list_params,
                responses(
                    (status = 200, description = "All of them", body = Vec<$view>, example = json!([{"id": "01943ffe-0680-7438-ae6b-000000000201", "name": "Vita pubblica", "slug": "vita-pubblica", "description": null}])),
                    (status = 400, description = "A parameter has a value that it does not take", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 404, description = "No body answers at this host", body = ProblemBody, content_type = "application/problem+json"),
                ),
                security((), ("bearer" = []))
            )]
            async fn list(api: State, scope: Scope, _caller: Public, request: HttpRequest) -> Result<HttpResponse, Problem> {
                super::list_of(&api, scope.tenancy(), KIND, &Query::of(&request)?).await
            }

            #[utoipa::path(
                get, path = $each, operation_id = $read_id, tag = $name,
                summary = "Reads one",
                description = "Public, by its id.",
                params(("id" = uuid::Uuid, Path, description = $what)),
                responses(
                    (status = 200, description = $what, body = $view, example = json!({"id": "01943ffe-0680-7438-ae6b-000000000201", "name": "Vita pubblica", "slug": "vita-pubblica", "description": null})),
                    (status = 400, description = "The id is no UUID", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 404, description = "There is no such thing", body = ProblemBody, content_type = "application/problem+json"),
                ),
                security((), ("bearer" = []))
            )]
            async fn one(api: State, scope: Scope, _caller: Public, path: web::Path<(String, TermId)>) -> Result<HttpResponse, Problem> {
                super::one_of(&api, scope.tenancy(), KIND, path.into_inner().1).await
            }

            #[utoipa::path(
                post, path = $all, operation_id = $create_id, tag = $name,
                summary = "Adds one",
                description = "Its slug is made of its name where none is given.",
                params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255)),
                request_body = TermFields,
                responses(
                    (status = 201, description = $what, body = $view, example = json!({"id": "01943ffe-0680-7438-ae6b-000000000201", "name": "Vita pubblica", "slug": "vita-pubblica", "description": null})),
                    (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 409, description = "The slug is taken", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
                ),
                security(("bearer" = []))
            )]
            async fn create(api: State, scope: Scope, caller: Auth<AdministratorOnly>, key: IdempotencyKey, body: Body<Map<String, Value>>) -> Result<HttpResponse, Problem> {
                super::create_of(&api, &caller, key, body.hash, scope.api($name), KIND, body.value.read()?).await
            }

            #[utoipa::path(
                put, path = $each, operation_id = $replace_id, tag = $name,
                summary = "Replaces one",
                description = "All fields are replaced.",
                params(("id" = uuid::Uuid, Path, description = $what)),
                request_body = TermFields,
                responses(
                    (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Modified Successfully"])),
                    (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 404, description = "There is no such thing", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 409, description = "The slug is taken", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
                ),
                security(("bearer" = []))
            )]
            async fn replace(api: State, caller: Auth<AdministratorOnly>, path: web::Path<(String, TermId)>, body: Body<Map<String, Value>>) -> Result<HttpResponse, Problem> {
                super::change_of(&api, caller.tenancy(), KIND, path.into_inner().1, body.value, true).await
            }

            #[utoipa::path(
                patch, path = $each, operation_id = $patch_id, tag = $name,
                summary = "Changes some fields of one",
                description = "A JSON Merge Patch (RFC 7396).",
                params(("id" = uuid::Uuid, Path, description = $what)),
                request_body(content = Object, example = json!({"description": "…"})),
                responses(
                    (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Patched Successfully"])),
                    (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 404, description = "There is no such thing", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 409, description = "The slug is taken", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
                ),
                security(("bearer" = []))
            )]
            async fn patch(api: State, caller: Auth<AdministratorOnly>, path: web::Path<(String, TermId)>, body: Body<Map<String, Value>>) -> Result<HttpResponse, Problem> {
                super::change_of(&api, caller.tenancy(), KIND, path.into_inner().1, body.value, false).await
            }

            #[utoipa::path(
                delete, path = $each, operation_id = $delete_id, tag = $name,
                summary = "Removes one that nothing uses",
                description = "Refused while services or groups use it.",
                params(("id" = uuid::Uuid, Path, description = $what)),
                responses(
                    (status = 204, description = "Done"),
                    (status = 400, description = "The id is no UUID", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 404, description = "There is no such thing", body = ProblemBody, content_type = "application/problem+json"),
                    (status = 409, description = "Something uses it", body = ProblemBody, content_type = "application/problem+json"),
                ),
                security(("bearer" = []))
            )]
            async fn delete(api: State, caller: Auth<AdministratorOnly>, path: web::Path<(String, TermId)>) -> Result<HttpResponse, Problem> {
                super::delete_of(&api, caller.tenancy(), KIND, path.into_inner().1).await
            }
        }
    };
}

vocabulary!(
    categories, TermKind::Category, Category, "categories", "/lang/api/categories", "/lang/api/categories/{id}", "The category",
    (
        ("not_empty" = Option<bool>, Query, description = "true: only those with services"),
        ("parent_id" = Option<String>, Query, description = "Those below this category; null: those below none", max_length = 36),
    ),
    ["services.category.list", "services.category.read", "services.category.create", "services.category.replace", "services.category.patch", "services.category.delete"]
);
vocabulary!(
    recipients,
    TermKind::Recipient,
    Recipient,
    "recipients",
    "/lang/api/recipients",
    "/lang/api/recipients/{id}",
    "The recipient",
    (),
    [
        "services.recipient.list",
        "services.recipient.read",
        "services.recipient.create",
        "services.recipient.replace",
        "services.recipient.patch",
        "services.recipient.delete"
    ]
);
vocabulary!(
    areas,
    TermKind::Area,
    GeographicArea,
    "geographic-areas",
    "/lang/api/geographic-areas",
    "/lang/api/geographic-areas/{id}",
    "The geographic area",
    (),
    [
        "services.area.list",
        "services.area.read",
        "services.area.create",
        "services.area.replace",
        "services.area.patch",
        "services.area.delete"
    ]
);

pub(super) fn routes(config: &mut web::ServiceConfig) {
    categories::routes(config);
    recipients::routes(config);
    areas::routes(config);
}

pub(super) fn document() -> utoipa::openapi::OpenApi {
    let mut document = categories::Document::openapi();
    document.merge(recipients::Document::openapi());
    document.merge(areas::Document::openapi());
    document
}
