//! `services`: the catalogue.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_contracts::service::ServiceStatus;
use opencity_kernel::auth::{AdministratorOnly, Auth, Caller};
use opencity_kernel::db::{TenantScope, WriteScope};
use opencity_kernel::http::{
    Body, Created, Given, IdempotencyKey, Public, Query, Scope, deleted, modified, patched,
};
use opencity_kernel::id::ServiceId;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind};
use serde_json::{Map, Value};
use utoipa::OpenApi;
use uuid::Uuid;

use super::attachments::{serve, with_files};
use super::{Api, State, ok};
use crate::domain::attachment::{Attachment, HasAttachments};
use crate::domain::filter::ServiceFilter;
use crate::domain::service::{Service, ServiceFields};
use crate::store;
use crate::view::ServiceView;

#[derive(OpenApi)]
#[openapi(
    paths(list, one, form, attachment, create, replace, patch, delete),
    components(schemas(ServiceView, ServiceFields, ProblemBody)),
    tags(
        (name = "services", description = "What the body offers, and its catalogue"),
        (name = "services-groups", description = "Services that belong together"),
        (name = "forms", description = "Form.io forms, in all their versions"),
        (name = "categories", description = "What services are about: a tree"),
        (name = "recipients", description = "Whom services are for"),
        (name = "geographic-areas", description = "Where services are valid"),
        (name = "places", description = "Where the body can be visited"),
    )
)]
pub(super) struct Document;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/{tenant}/api/services")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(web::resource("/{tenant}/api/services/{id}/form").route(web::get().to(form)))
        .service(
            web::resource("/{tenant}/api/services/{id}/attachments/{list}/{filename}")
                .route(web::get().to(attachment)),
        )
        .service(
            web::resource("/{tenant}/api/services/{id}")
                .route(web::get().to(one))
                .route(web::put().to(replace))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        );
}

fn is_administrator(caller: &Public) -> bool {
    caller
        .0
        .as_ref()
        .is_some_and(opencity_kernel::auth::Caller::is_administrator)
}

/// Only hidden services are refused, and not to administrators.
fn visible(service: Service, administrator: bool) -> Result<Service, Problem> {
    if service.fields.status == ServiceStatus::Hidden && !administrator {
        return Err(Problem::forbidden(
            "This service is not published. Ask the body for it.",
        ));
    }
    Ok(service)
}

#[utoipa::path(
    get, path = "/lang/api/services", operation_id = "services.service.list", tag = "services",
    summary = "Lists the services that the public may see",
    description = "All filters hold together; unknown parameters are ignored. Administrators also read how services are paid.",
    params(
        ("q" = Option<String>, Query, description = "Words in the name or the short description"),
        ("status" = Option<String>, Query, description = "1 published, 2 suspended, 4 scheduled; administrators also 0 hidden, 3 private; other values are ignored"),
        ("identifier" = Option<String>, Query, description = "The name given by a system outside"),
        ("topics_id" = Option<String>, Query, description = "Categories, joined by commas", max_length = 4000),
        ("recipient_id" = Option<String>, Query, description = "Recipients, joined by commas", max_length = 4000),
        ("geographic_area_id" = Option<String>, Query, description = "Geographic areas, joined by commas", max_length = 4000),
        ("service_group_id" = Option<uuid::Uuid>, Query, description = "A group of services"),
        ("user_group_ids" = Option<String>, Query, description = "Offices, joined by commas", max_length = 4000),
        ("grouped" = Option<bool>, Query, description = "false: only services outside of groups"),
        ("order_by" = Option<String>, Query, description = "name (default), created_at, updated_at, status, sticky", max_length = 20),
        ("ascending" = Option<bool>, Query, description = "false: from high to low"),
        ("sticky" = Option<bool>, Query, description = "Only those shown first, or only the others"),
        ("offset" = Option<u32>, Query, description = "Services to pass over", minimum = 0, maximum = 100000),
        ("limit" = Option<u32>, Query, description = "At most so many", minimum = 1, maximum = 100000),
    ),
    responses(
        (status = 200, description = "The services", body = Vec<ServiceView>,
            example = json!([{"id": "b21c4429-95e4-45d5-930f-44eb74136625", "name": "Occupazione di suolo pubblico", "slug": "occupazione-suolo-pubblico", "status": 1, "payment_parameters": {}}])),
        (status = 400, description = "A parameter has a value that it does not take", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "The token that was sent is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No body answers at this host", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn list(
    api: State,
    scope: Scope,
    caller: Public,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let administrator = is_administrator(&caller);
    let filter = ServiceFilter::of(&Query::of(&request)?, administrator, api.list_limit)?;
    let shown: Vec<Value> = api
        .ctx
        .db
        .read::<_, Problem>(scope.tenancy(), move |scope| {
            let services = store::services::list(scope, &filter.statuses)?;
            let names = store::names(scope)?;
            let tenant = scope.tenant_id();
            let shown = filter.apply(services);
            let views = shown
                .iter()
                .map(|service| ServiceView::of(tenant, service, &names).shown(administrator));
            Ok(views.collect::<Result<_, _>>()?)
        })
        .await?;
    Ok(ok(&shown))
}

#[utoipa::path(
    get, path = "/lang/api/services/{id}", operation_id = "services.service.read", tag = "services",
    summary = "Reads a service",
    description = "By id, identifier or slug. Parameters of the payment are shown to administrators only.",
    params(("id" = String, Path, description = "Its id, identifier or slug", max_length = 255)),
    responses(
        (status = 200, description = "The service", body = ServiceView,
            example = json!({"id": "b21c4429-95e4-45d5-930f-44eb74136625", "name": "Occupazione di suolo pubblico", "slug": "occupazione-suolo-pubblico", "status": 1, "payment_parameters": {}})),
        (status = 401, description = "The token that was sent is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The service is hidden (status 0)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn one(
    api: State,
    scope: Scope,
    caller: Public,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let administrator = is_administrator(&caller);
    let (_, reference) = path.into_inner();
    let shown = api
        .ctx
        .db
        .read::<_, Problem>(scope.tenancy(), move |scope| {
            let service = visible(
                store::services::by_reference(scope, &reference)?,
                administrator,
            )?;
            let names = store::names(scope)?;
            Ok(ServiceView::of(scope.tenant_id(), &service, &names).shown(administrator)?)
        })
        .await?;
    Ok(ok(&shown))
}

#[utoipa::path(
    get, path = "/lang/api/services/{id}/form", operation_id = "services.service.form", tag = "services",
    summary = "Reads the form of a service",
    description = "The Form.io schema in its newest version, with the forms that it nests inside, and its translations.",
    params(("id" = String, Path, description = "Id, identifier or slug of the service", max_length = 255)),
    responses(
        (status = 200, description = "The form", body = Object,
            example = json!({"_id": "f0000000-0000-4000-8000-000000000001", "title": "Occupazione di suolo pubblico", "display": "wizard", "components": [], "version": 1, "translations": {}})),
        (status = 401, description = "The token that was sent is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The service is hidden (status 0)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service, or it has no form", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn form(
    api: State,
    scope: Scope,
    caller: Public,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let administrator = is_administrator(&caller);
    let (_, reference) = path.into_inner();
    let form = api
        .ctx
        .db
        .read::<_, Problem>(scope.tenancy(), move |scope| {
            let service = visible(
                store::services::by_reference(scope, &reference)?,
                administrator,
            )?;
            let form = match service.fields.form() {
                Some(id) => store::forms::by_id(scope, id)?,
                None => None,
            };
            form.ok_or_else(|| Problem::new(ProblemKind::NotFound, "This service has no form."))
        })
        .await?;
    Ok(ok(&super::forms::shown(&form, true)))
}

#[utoipa::path(
    get, path = "/lang/api/services/{id}/attachments/{list}/{filename}", operation_id = "services.service.attachment", tag = "services",
    summary = "Reads a file of a service's texts",
    description = "`list` is `costs` or `conditions`; the names stand in `costs_attachments` and `conditions_attachments` of the service. Public, as the service is.",
    params(
        ("id" = String, Path, description = "Id, identifier or slug of the service", max_length = 255),
        ("list" = String, Path, description = "costs or conditions", max_length = 10),
        ("filename" = String, Path, description = "The name in the list", max_length = 255),
    ),
    responses(
        (status = 200, description = "The bytes", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 401, description = "The token that was sent is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The service is hidden (status 0)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service, or it has no such file here", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn attachment(
    api: State,
    scope: Scope,
    caller: Public,
    path: web::Path<(String, String, String, String)>,
) -> Result<HttpResponse, Problem> {
    let (_, reference, list, filename) = path.into_inner();
    let service = found(&api, &scope, reference).await?;
    let service = visible(service, is_administrator(&caller))?;
    let at = (list.as_str(), filename.as_str());
    serve(
        &api,
        scope.tenancy(),
        service.id.uuid(),
        &service.fields,
        at,
    )
    .await
}

#[utoipa::path(
    post, path = "/lang/api/services", operation_id = "services.service.create", tag = "services",
    summary = "Adds a service",
    description = "It becomes visible with its status. The data of its applications are checked against its form; without one, they are taken as they come.",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255)),
    request_body = ServiceFields,
    responses(
        (status = 201, description = "The new service", body = ServiceView,
            example = json!({"id": "b21c4429-95e4-45d5-930f-44eb74136625", "name": "Occupazione di suolo pubblico", "slug": "occupazione-suolo-pubblico", "status": 1})),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Identifier or slug is taken", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid; an unknown registry, category, group or form", body = ProblemBody, content_type = "application/problem+json"),
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
    let id = ServiceId::random();
    let at = scope.api(&format!("services/{id}"));
    let (tenancy, caller, hash) = (caller.tenancy(), caller.into_caller(), body.hash);
    with_files(
        &api,
        tenancy,
        id.uuid(),
        body.value.read()?,
        named,
        async |mut given, new| {
            key.once(&api.ctx.db, &caller, hash, move |scope| {
                store::services::name_category(scope, &mut given)?;
                let mut fields = ServiceFields::read(given)?;
                fields.settle(&at, None, &new)?;
                let service = store::services::create(scope, id, fields)?;
                let names = store::names(scope)?;
                let shown = ServiceView::of(scope.tenant_id(), &service, &names).shown(true)?;
                Created::new(at, &shown)
            })
            .await
        },
    )
    .await
}

async fn found(api: &Api, scope: &Scope, reference: String) -> Result<Service, Problem> {
    let read = move |scope: &mut TenantScope<'_>| store::services::by_reference(scope, &reference);
    api.ctx.db.read(scope.tenancy(), read).await
}

fn named(scope: &mut TenantScope<'_>, id: Uuid) -> Result<Vec<Attachment>, Problem> {
    let service = store::services::by_id(scope, id.into())?;
    Ok(service.map_or_else(Vec::new, |service| service.fields.all_attachments()))
}

/// Gives a service other fields: `next` makes them of the service and the body.
async fn change(
    api: &Api,
    scope: &Scope,
    caller: &Caller,
    reference: String,
    body: Given<Map<String, Value>>,
    next: fn(&Service, Map<String, Value>) -> Result<ServiceFields, Problem>,
) -> Result<(), Problem> {
    let id = found(api, scope, reference).await?.id;
    let body = body.read()?;
    let (tenancy, at) = (caller.tenancy(), scope.api(&format!("services/{id}")));
    with_files(
        api,
        tenancy,
        id.uuid(),
        body,
        named,
        async |mut given, new| {
            let write = move |scope: &mut WriteScope<'_>| {
                let service = store::services::by_reference(scope, &id.to_string())?;
                store::services::name_category(scope, &mut given)?;
                let mut fields = next(&service, given)?;
                fields.settle(&at, Some(&service.fields), &new)?;
                store::services::replace(scope, service, fields)
            };
            api.ctx.db.write(tenancy, write).await
        },
    )
    .await
}

#[utoipa::path(
    put, path = "/lang/api/services/{id}", operation_id = "services.service.replace", tag = "services",
    summary = "Replaces a service",
    description = "Fields that are not given get their default; the slug stays. What GET answers is accepted.",
    params(("id" = String, Path, description = "Its id, identifier or slug", max_length = 255)),
    request_body = ServiceFields,
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Modified Successfully"])),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Identifier or slug is taken, or somebody else changed the service", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid; an unknown registry, category, group or form", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn replace(
    api: State,
    scope: Scope,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, String)>,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    let (_, reference) = path.into_inner();
    change(&api, &scope, &caller, reference, body.value, |_, given| {
        ServiceFields::read(given)
    })
    .await?;
    Ok(modified())
}

#[utoipa::path(
    patch, path = "/lang/api/services/{id}", operation_id = "services.service.patch", tag = "services",
    summary = "Changes some fields of a service",
    description = "A JSON Merge Patch (RFC 7396): objects are merged, null gives the default.",
    params(("id" = String, Path, description = "Its id, identifier or slug", max_length = 255)),
    request_body(content = Object, example = json!({"status": 2, "feedback_messages": {"status_pending": {"is_active": false}}})),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Patched Successfully"])),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Identifier or slug is taken, or somebody else changed the service", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid; an unknown registry, category, group or form", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn patch(
    api: State,
    scope: Scope,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, String)>,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    let (_, reference) = path.into_inner();
    change(
        &api,
        &scope,
        &caller,
        reference,
        body.value,
        |service, given| service.fields.patched(given),
    )
    .await?;
    Ok(patched())
}

#[utoipa::path(
    delete, path = "/lang/api/services/{id}", operation_id = "services.service.delete", tag = "services",
    summary = "Removes a service",
    description = "Applications that were sent for it stay. To close a service that has some, suspend or hide it.",
    params(("id" = String, Path, description = "Its id, identifier or slug", max_length = 255)),
    responses(
        (status = 204, description = "Done"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else changed the service", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn delete(
    api: State,
    scope: Scope,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (_, reference) = path.into_inner();
    let (id, tenancy) = (found(&api, &scope, reference).await?.id, caller.tenancy());
    with_files(&api, tenancy, id.uuid(), Map::new(), named, async |_, _| {
        let write = move |scope: &mut WriteScope<'_>| {
            let service = store::services::by_reference(scope, &id.to_string())?;
            store::services::delete(scope, &service)
        };
        api.ctx.db.write(tenancy, write).await
    })
    .await?;
    Ok(deleted())
}
