//! `places`.

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::auth::{AdministratorOnly, AnyUser, Auth};
use opencity_kernel::db::TenantScope;
use opencity_kernel::http::{Body, Created, IdempotencyKey, Scope, deleted, modified, patched};
use opencity_kernel::id::TermId;
use opencity_kernel::json::merged;
use opencity_kernel::problem::ProblemBody;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{OpenApi, ToSchema};

use super::{State, ok};
use crate::domain::vocabulary::{Place, PlaceFields};
use crate::store::places;

#[derive(OpenApi)]
#[openapi(
    paths(list, one, create, replace, patch, delete),
    components(schemas(PlaceView, PlaceFields, ProblemBody))
)]
pub(super) struct Document;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/{tenant}/api/places")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource("/{tenant}/api/places/{id}")
                .route(web::get().to(one))
                .route(web::put().to(replace))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        );
}

/// A place.
#[derive(Debug, Serialize, ToSchema)]
struct PlaceView {
    /// The place.
    id: TermId,
    /// What administrators write of it.
    #[serde(flatten)]
    fields: PlaceFields,
}

impl From<Place> for PlaceView {
    fn from(place: Place) -> Self {
        Self {
            id: place.id,
            fields: place.fields,
        }
    }
}

fn found(scope: &mut TenantScope<'_>, id: TermId) -> Result<Place, Problem> {
    places::by_id(scope, id)?.ok_or_else(|| Problem::not_found("place"))
}

#[utoipa::path(
    get, path = "/lang/api/places", operation_id = "services.place.list", tag = "places",
    summary = "Lists the places by name",
    description = "Where services are given, with address and opening hours.",
    responses(
        (status = 200, description = "All of them", body = Vec<PlaceView>, example = json!([{"id": "01943ffe-0680-7438-ae6b-000000000301", "name": "Municipio"}])),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn list(api: State, caller: Auth<AnyUser>) -> Result<HttpResponse, Problem> {
    let places = api
        .ctx
        .db
        .read::<_, Problem>(caller.tenancy(), |scope| Ok(places::list(scope)?))
        .await?;
    Ok(ok(&places
        .into_iter()
        .map(PlaceView::from)
        .collect::<Vec<_>>()))
}

#[utoipa::path(
    get, path = "/lang/api/places/{id}", operation_id = "services.place.read", tag = "places",
    summary = "Reads a place",
    description = "By id.",
    params(("id" = uuid::Uuid, Path, description = "The place")),
    responses(
        (status = 400, description = "The id is no UUID", body = ProblemBody, content_type = "application/problem+json"),
        (status = 200, description = "The place", body = PlaceView, example = json!({"id": "01943ffe-0680-7438-ae6b-000000000301", "name": "Municipio"})),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such thing", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn one(
    api: State,
    caller: Auth<AnyUser>,
    path: web::Path<(String, TermId)>,
) -> Result<HttpResponse, Problem> {
    let (_, id) = path.into_inner();
    let place = api
        .ctx
        .db
        .read::<_, Problem>(caller.tenancy(), move |scope| found(scope, id))
        .await?;
    Ok(ok(&PlaceView::from(place)))
}

#[utoipa::path(
    post, path = "/lang/api/places", operation_id = "services.place.create", tag = "places",
    summary = "Adds a place",
    description = "Places can be named by services of the body.",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255)),
    request_body = PlaceFields,
    responses(
        (status = 409, description = "The first request with this Idempotency-Key ended at this moment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 201, description = "The new place", body = PlaceView, example = json!({"id": "01943ffe-0680-7438-ae6b-000000000301", "name": "Municipio"})),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid, or it names something unknown", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn create(
    api: State,
    scope: Scope,
    caller: Auth<AdministratorOnly>,
    key: IdempotencyKey,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    let fields = PlaceFields::read(body.value.read()?)?;
    let location = scope.api("places/");
    key.once(&api.ctx.db, &caller, body.hash, move |scope| {
        let place = places::create(scope, TermId::new(), fields)?;
        Created::new(format!("{location}{}", place.id), &PlaceView::from(place))
    })
    .await
}

#[utoipa::path(
    put, path = "/lang/api/places/{id}", operation_id = "services.place.replace", tag = "places",
    summary = "Replaces a place",
    description = "All fields are replaced; those that are absent take their defaults.",
    params(("id" = uuid::Uuid, Path, description = "The place")),
    request_body = PlaceFields,
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Modified Successfully"])),
        (status = 404, description = "There is no such thing", body = ProblemBody, content_type = "application/problem+json"),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid, or it names something unknown", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn replace(
    api: State,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, TermId)>,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    let (_, id) = path.into_inner();
    api.ctx
        .db
        .write(caller.tenancy(), move |scope| {
            let place = found(scope, id)?;
            let fields = PlaceFields::read(body.value.read()?)?;
            places::replace(scope, place.id, fields)
        })
        .await?;
    Ok(modified())
}

#[utoipa::path(
    patch, path = "/lang/api/places/{id}", operation_id = "services.place.patch", tag = "places",
    summary = "Changes some fields of a place",
    description = "A JSON Merge Patch (RFC 7396).",
    params(("id" = uuid::Uuid, Path, description = "The place")),
    request_body(content = Object, example = json!({"other_name": "Palazzo comunale"})),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Patched Successfully"])),
        (status = 404, description = "There is no such thing", body = ProblemBody, content_type = "application/problem+json"),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid, or it names something unknown", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn patch(
    api: State,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, TermId)>,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    let (_, id) = path.into_inner();
    api.ctx
        .db
        .write(caller.tenancy(), move |scope| {
            let place = found(scope, id)?;
            let fields = PlaceFields::read(merged(&place.fields, body.value.read()?)?)?;
            places::replace(scope, place.id, fields)
        })
        .await?;
    Ok(patched())
}

#[utoipa::path(
    delete, path = "/lang/api/places/{id}", operation_id = "services.place.delete", tag = "places",
    summary = "Removes a place",
    description = "Services that named it no longer do.",
    params(("id" = uuid::Uuid, Path, description = "The place")),
    responses(
        (status = 400, description = "The id is no UUID", body = ProblemBody, content_type = "application/problem+json"),
        (status = 204, description = "Done"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such thing", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "An office is there", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn delete(
    api: State,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, TermId)>,
) -> Result<HttpResponse, Problem> {
    let (_, id) = path.into_inner();
    // An office that is there may just have been made.
    api.ctx.platform.caught_up(api.ctx.info.name).await?;
    api.ctx
        .db
        .write(caller.tenancy(), move |scope| {
            let place = found(scope, id)?;
            places::delete(scope, place.id)
        })
        .await?;
    Ok(deleted())
}
