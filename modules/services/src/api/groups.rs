//! `services-groups`: groups of services.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_contracts::service::ServiceStatus;
use opencity_kernel::auth::{AdministratorOnly, Auth, Caller};
use opencity_kernel::db::{TenantScope, WriteScope};
use opencity_kernel::http::{
    Body, Created, Given, IdempotencyKey, Public, Query, Scope, deleted, modified, patched,
};
use opencity_kernel::id::{FormId, TermId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::merged;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::attachments::{serve, with_files};
use super::{Api, State, ok};
use crate::domain::attachment::{Attachment, HasAttachments};
use crate::domain::service::GroupId;
use crate::domain::vocabulary::{GroupFields, ServiceGroup, TermKind};
use crate::store::{self, groups};
use crate::view::Names;

#[derive(OpenApi)]
#[openapi(
    paths(list, one, form, attachment, create, replace, patch, delete),
    components(schemas(GroupView, GroupFields, ProblemBody))
)]
pub(super) struct Document;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/{tenant}/api/services-groups")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource("/{tenant}/api/services-groups/{id}/form").route(web::get().to(form)),
        )
        .service(
            web::resource("/{tenant}/api/services-groups/{id}/attachments/{list}/{filename}")
                .route(web::get().to(attachment)),
        )
        .service(
            web::resource("/{tenant}/api/services-groups/{id}")
                .route(web::get().to(one))
                .route(web::put().to(replace))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        );
}

/// A group of services.
#[derive(Debug, Serialize, ToSchema)]
struct GroupView {
    /// The group.
    #[schema(value_type = uuid::Uuid)]
    id: GroupId,
    /// The category's slug.
    #[schema(max_length = 255)]
    topics: Option<String>,
    /// Names of the recipients.
    #[schema(max_items = 1000)]
    recipients: Vec<String>,
    /// Names of the geographic areas.
    #[schema(max_items = 1000)]
    geographic_areas: Vec<String>,
    /// How many services it has.
    #[schema(minimum = 0, maximum = 100_000)]
    services_count: usize,
    /// When it was made.
    created_at: Instant,
    /// When it last changed.
    updated_at: Instant,
    /// What administrators write of it.
    #[serde(flatten)]
    fields: GroupFields,
}

impl GroupView {
    fn of(group: ServiceGroup, names: &Names, members: &[GroupId]) -> Self {
        let fields = group.fields;
        Self {
            id: group.id,
            topics: fields
                .topics_id
                .and_then(|id| names.terms.get(&id))
                .map(|category| category.slug.clone()),
            recipients: names.of(&fields.recipients_id),
            geographic_areas: names.of(&fields.geographic_areas_id),
            services_count: members.iter().filter(|member| **member == group.id).count(),
            created_at: group.created_at,
            updated_at: group.updated_at,
            fields,
        }
    }
}

/// The terms that a filter names must exist.
fn known(scope: &mut TenantScope<'_>, kind: TermKind, ids: &[TermId]) -> Result<(), Problem> {
    if store::terms::exist(scope, kind, ids)? {
        Ok(())
    } else {
        Err(Problem::not_found(kind.label()))
    }
}

#[utoipa::path(
    get, path = "/lang/api/services-groups", operation_id = "services.group.list", tag = "services-groups",
    summary = "Lists the groups of services by name",
    description = "Public. The filters are combined.",
    params(
        ("topics_id" = Option<String>, Query, description = "Categories, joined by commas", max_length = 4000),
        ("recipient_id" = Option<String>, Query, description = "Recipients, joined by commas", max_length = 4000),
        ("geographic_area_id" = Option<String>, Query, description = "Geographic areas, joined by commas", max_length = 4000),
    ),
    responses(
        (status = 200, description = "The groups", body = Vec<GroupView>, example = json!([{"id": "b21c4429-95e4-45d5-930f-44eb74136700", "name": "Sostegno alle famiglie", "services_count": 2}])),
        (status = 400, description = "A parameter has a value that it does not take", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "An unknown category, recipient or area", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn list(
    api: State,
    scope: Scope,
    _caller: Public,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query = Query::of(&request)?;
    let topics: Vec<TermId> = query.ids("topics_id")?;
    let recipients: Vec<TermId> = query.ids("recipient_id")?;
    let areas: Vec<TermId> = query.ids("geographic_area_id")?;
    let shown: Vec<GroupView> = api
        .ctx
        .db
        .read::<_, Problem>(scope.tenancy(), move |scope| {
            known(scope, TermKind::Category, &topics)?;
            known(scope, TermKind::Recipient, &recipients)?;
            known(scope, TermKind::Area, &areas)?;
            let names = store::names(scope)?;
            let members = store::services::group_of_each(scope)?;
            let any = |wanted: &[TermId], held: &[TermId]| {
                wanted.is_empty() || wanted.iter().any(|id| held.contains(id))
            };
            let wanted = |group: &ServiceGroup| {
                any(&topics, group.fields.topics_id.as_slice())
                    && any(&recipients, &group.fields.recipients_id)
                    && any(&areas, &group.fields.geographic_areas_id)
            };
            let groups = groups::list(scope)?.into_iter().filter(wanted);
            Ok(groups
                .map(|group| GroupView::of(group, &names, &members))
                .collect())
        })
        .await?;
    Ok(ok(&shown))
}

#[utoipa::path(
    get, path = "/lang/api/services-groups/{id}", operation_id = "services.group.read", tag = "services-groups",
    summary = "Reads a group of services",
    description = "By id or slug.",
    params(("id" = String, Path, description = "Its id or slug", max_length = 255)),
    responses(
        (status = 200, description = "The group", body = GroupView, example = json!({"id": "b21c4429-95e4-45d5-930f-44eb74136700", "name": "Sostegno alle famiglie", "services_count": 2})),
        (status = 404, description = "There is no such thing", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn one(
    api: State,
    scope: Scope,
    _caller: Public,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (_, reference) = path.into_inner();
    let shown = api
        .ctx
        .db
        .read::<_, Problem>(scope.tenancy(), move |scope| {
            let group = groups::by_reference(scope, &reference)?;
            let names = store::names(scope)?;
            let members = store::services::group_of_each(scope)?;
            Ok(GroupView::of(group, &names, &members))
        })
        .await?;
    Ok(ok(&shown))
}

#[utoipa::path(
    get, path = "/lang/api/services-groups/{id}/form", operation_id = "services.group.form", tag = "services-groups",
    summary = "Reads the form that the services of a group share",
    description = "As GET `services/{id}/form` gives it, where all services of the group that have a form have the same. Hidden services do not count.",
    params(("id" = String, Path, description = "Id or slug of the group", max_length = 255)),
    responses(
        (status = 200, description = "The form", body = Object,
            example = json!({"_id": "f0000000-0000-4000-8000-000000000001", "title": "Iscrizione", "display": "wizard", "components": [], "version": 1, "translations": {}})),
        (status = 404, description = "There is no such group, or its services have no form in common", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn form(
    api: State,
    scope: Scope,
    _caller: Public,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (_, reference) = path.into_inner();
    let form = api
        .ctx
        .db
        .read::<_, Problem>(scope.tenancy(), move |scope| {
            let group = groups::by_reference(scope, &reference)?;
            let services = store::services::of_group(scope, group.id)?;
            let forms: BTreeSet<FormId> = services
                .iter()
                .filter(|service| service.fields.status != ServiceStatus::Hidden)
                .filter_map(|service| service.fields.form())
                .collect();
            let shared = forms.first().filter(|_| forms.len() == 1);
            let form = match shared {
                Some(id) => store::forms::by_id(scope, *id)?,
                None => None,
            };
            form.ok_or_else(|| {
                Problem::new(
                    ProblemKind::NotFound,
                    "The services of this group have no form in common. Ask for the form of one of them.",
                )
            })
        })
        .await?;
    Ok(ok(&super::forms::shown(&form, true)))
}

#[utoipa::path(
    get, path = "/lang/api/services-groups/{id}/attachments/{list}/{filename}", operation_id = "services.group.attachment", tag = "services-groups",
    summary = "Reads a file of a group's texts",
    description = "`list` is `costs` or `conditions`; the names stand in `costs_attachments` and `conditions_attachments` of the group. Public, as the group is.",
    params(
        ("id" = String, Path, description = "Id or slug of the group", max_length = 255),
        ("list" = String, Path, description = "costs or conditions", max_length = 10),
        ("filename" = String, Path, description = "The name in the list", max_length = 255),
    ),
    responses(
        (status = 200, description = "The bytes", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "There is no such group, or it has no such file here", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn attachment(
    api: State,
    scope: Scope,
    _caller: Public,
    path: web::Path<(String, String, String, String)>,
) -> Result<HttpResponse, Problem> {
    let (_, reference, list, filename) = path.into_inner();
    let group = found(&api, &scope, reference).await?;
    let at = (list.as_str(), filename.as_str());
    serve(&api, scope.tenancy(), group.id.uuid(), &group.fields, at).await
}

#[utoipa::path(
    post, path = "/lang/api/services-groups", operation_id = "services.group.create", tag = "services-groups",
    summary = "Adds a group of services",
    description = "A group shows services together in the catalogue.",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255)),
    request_body = GroupFields,
    responses(
        (status = 201, description = "The new group", body = GroupView, example = json!({"id": "b21c4429-95e4-45d5-930f-44eb74136700", "name": "Sostegno alle famiglie", "services_count": 0})),
        (status = 409, description = "The slug is taken", body = ProblemBody, content_type = "application/problem+json"),
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
    let id = GroupId::random();
    let at = scope.api(&format!("services-groups/{id}"));
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
                let mut fields = GroupFields::read(given)?;
                fields.settle(&at, None, &new)?;
                let group = groups::create(scope, id, fields)?;
                let names = store::names(scope)?;
                Created::new(at, &GroupView::of(group, &names, &[]))
            })
            .await
        },
    )
    .await
}

async fn found(api: &Api, scope: &Scope, reference: String) -> Result<ServiceGroup, Problem> {
    let read = move |scope: &mut TenantScope<'_>| groups::by_reference(scope, &reference);
    api.ctx.db.read(scope.tenancy(), read).await
}

fn named(scope: &mut TenantScope<'_>, id: Uuid) -> Result<Vec<Attachment>, Problem> {
    let group = groups::by_id(scope, id.into())?;
    Ok(group.map_or_else(Vec::new, |group| group.fields.all_attachments()))
}

/// Gives a group other fields: `next` makes them of the group and the body.
async fn change(
    api: &Api,
    scope: &Scope,
    caller: &Caller,
    reference: String,
    body: Given<Map<String, Value>>,
    next: fn(&ServiceGroup, Map<String, Value>) -> Result<GroupFields, Problem>,
) -> Result<(), Problem> {
    let id = found(api, scope, reference).await?.id;
    let body = body.read()?;
    let (tenancy, at) = (
        caller.tenancy(),
        scope.api(&format!("services-groups/{id}")),
    );
    with_files(
        api,
        tenancy,
        id.uuid(),
        body,
        named,
        async |mut given, new| {
            let write = move |scope: &mut WriteScope<'_>| {
                let group = groups::by_reference(scope, &id.to_string())?;
                store::services::name_category(scope, &mut given)?;
                let mut fields = next(&group, given)?;
                fields.settle(&at, Some(&group.fields), &new)?;
                groups::replace(scope, group, fields)
            };
            api.ctx.db.write(tenancy, write).await
        },
    )
    .await
}

#[utoipa::path(
    put, path = "/lang/api/services-groups/{id}", operation_id = "services.group.replace", tag = "services-groups",
    summary = "Replaces a group of services",
    description = "All fields are replaced; those that are absent take their defaults.",
    params(("id" = String, Path, description = "Its id or slug", max_length = 255)),
    request_body = GroupFields,
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Modified Successfully"])),
        (status = 409, description = "The slug is taken, or somebody else changed the group", body = ProblemBody, content_type = "application/problem+json"),
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
    scope: Scope,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, String)>,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    let (_, reference) = path.into_inner();
    change(&api, &scope, &caller, reference, body.value, |_, given| {
        GroupFields::read(given)
    })
    .await?;
    Ok(modified())
}

#[utoipa::path(
    patch, path = "/lang/api/services-groups/{id}", operation_id = "services.group.patch", tag = "services-groups",
    summary = "Changes some fields of a group of services",
    description = "A JSON Merge Patch (RFC 7396).",
    params(("id" = String, Path, description = "Its id or slug", max_length = 255)),
    request_body(content = Object, example = json!({"sticky": true})),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Patched Successfully"])),
        (status = 409, description = "The slug is taken, or somebody else changed the group", body = ProblemBody, content_type = "application/problem+json"),
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
        |group, given| GroupFields::read(merged(&group.fields, given)?),
    )
    .await?;
    Ok(patched())
}

#[utoipa::path(
    delete, path = "/lang/api/services-groups/{id}", operation_id = "services.group.delete", tag = "services-groups",
    summary = "Removes a group that has no services",
    description = "Refused while services belong to it.",
    params(("id" = String, Path, description = "Its id or slug", max_length = 255)),
    responses(
        (status = 204, description = "Done"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such thing", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It has services", body = ProblemBody, content_type = "application/problem+json"),
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
            let group = groups::by_reference(scope, &id.to_string())?;
            groups::delete(scope, &group)
        };
        api.ctx.db.write(tenancy, write).await
    })
    .await?;
    Ok(deleted())
}
