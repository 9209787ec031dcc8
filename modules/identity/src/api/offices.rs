//! `user-groups`: offices.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::auth::{AdministratorOnly, Auth};
use opencity_kernel::clock;
use opencity_kernel::db::{DbError, DbResult, Tenancy, TenantScope};
use opencity_kernel::http::{
    Body, Created, IdempotencyKey, Public, Query, Scope, deleted, modified, patched,
};
use opencity_kernel::id::{OfficeId, ServiceId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::office_input::{ContactPointDto, OfficeIn};
use crate::Core;
use crate::domain::Office;
use crate::store::office;
use crate::store::service::{self, Links};

/// How many members and services each office has; one without is not named.
#[derive(Default)]
struct Counts {
    users: BTreeMap<OfficeId, u64>,
    services: BTreeMap<OfficeId, u64>,
}

impl Counts {
    fn of(scope: &mut TenantScope<'_>, links: &[Links]) -> DbResult<Self> {
        let linked = links.iter().flat_map(|service| &service.offices).copied();
        Ok(Self {
            users: office::member_counts(scope)?,
            services: office::counted(linked),
        })
    }
}

/// An office.
#[derive(Serialize, ToSchema)]
pub(super) struct OfficeOut {
    id: OfficeId,
    #[schema(max_length = 255, example = "Ufficio relazioni con il pubblico")]
    name: String,
    topic_id: Option<Uuid>,
    #[schema(max_length = 10000)]
    short_description: Option<String>,
    #[schema(max_length = 10000)]
    main_function: Option<String>,
    #[schema(max_length = 10000)]
    more_info: Option<String>,
    manager_id: Option<UserId>,
    #[schema(minimum = 0)]
    users_count: u64,
    #[schema(minimum = 0)]
    services_count: u64,
    core_contact_point: Option<ContactPointDto>,
    core_location_id: Option<Uuid>,
    calendar_id: Option<Uuid>,
    created_at: Instant,
    updated_at: Instant,
}

impl OfficeOut {
    fn of(office: &Office, counts: &Counts) -> Self {
        let count = |of: &BTreeMap<OfficeId, u64>| of.get(&office.id).copied().unwrap_or_default();
        Self {
            id: office.id,
            name: office.name.clone(),
            topic_id: office.topic_id,
            short_description: office.short_description.clone(),
            main_function: office.main_function.clone(),
            more_info: office.more_info.clone(),
            manager_id: office.manager_id,
            users_count: count(&counts.users),
            services_count: count(&counts.services),
            core_contact_point: office.contact_point.clone().map(ContactPointDto::of),
            core_location_id: office.location_id,
            calendar_id: office.calendar_id,
            created_at: office.created_at,
            updated_at: office.updated_at,
        }
    }
}

#[utoipa::path(
    get, path = "/lang/api/user-groups", operation_id = "identity.office.list", tag = "user-groups",
    summary = "The offices by name",
    description = "Public, with how many members and services each has.",
    params(
        ("has_calendar" = Option<bool>, Query, description = "Only those with, or without, a calendar"),
        ("service_id" = Option<uuid::Uuid>, Query, description = "Only those linked to this service"),
    ),
    responses(
        (status = 200, body = [OfficeOut], description = "The offices"),
        (status = 400, body = ProblemBody, description = "bad-parameter", content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, description = "unknown-tenant", content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
pub(super) async fn list_offices(
    core: web::Data<Core>,
    scope: Scope,
    _public: Public,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query = Query::of(&request)?;
    let has_calendar = query.flag("has_calendar")?;
    let service: Option<ServiceId> = query.id("service_id")?;
    let shown = core
        .ctx
        .find_replica(scope.tenancy(), move |scope| {
            let links = service::links(scope)?;
            let counts = Counts::of(scope, &links)?;
            let wanted = |office: &Office| {
                let serves =
                    |it: &Links| Some(it.service) == service && it.offices.contains(&office.id);
                service.is_none() || links.iter().any(serves)
            };
            let offices = office::list(scope, has_calendar)?
                .into_iter()
                .filter(wanted);
            let shown: Vec<OfficeOut> = offices.map(|it| OfficeOut::of(&it, &counts)).collect();
            // A service that was just linked may not be known yet.
            Ok((service.is_none() || !shown.is_empty()).then_some(shown))
        })
        .await?;
    Ok(HttpResponse::Ok().json(shown.unwrap_or_default()))
}

#[utoipa::path(
    get, path = "/lang/api/user-groups/{id}", operation_id = "identity.office.get", tag = "user-groups",
    summary = "An office",
    description = "Public, with how many members it has.",
    params(("id" = OfficeId, Path, description = "The office")),
    responses(
        (status = 200, body = OfficeOut, description = "The office"),
        (status = 404, body = ProblemBody, description = "not-found", content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
pub(super) async fn get_office(
    core: web::Data<Core>,
    scope: Scope,
    _public: Public,
    path: web::Path<(String, OfficeId)>,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    let shown = core
        .ctx
        .db
        .read::<_, DbError>(scope.tenancy(), move |scope| {
            let links = service::links(scope)?;
            let counts = Counts::of(scope, &links)?;
            Ok(office::find(scope, id)?.map(|found| OfficeOut::of(&found, &counts)))
        })
        .await?
        .ok_or_else(|| Problem::not_found("office"))?;
    Ok(HttpResponse::Ok().json(shown))
}

#[utoipa::path(
    post, path = "/lang/api/user-groups", operation_id = "identity.office.create", tag = "user-groups",
    summary = "Makes an office (administrator)",
    description = "An office (*ufficio*) works applications; operators are its members, services may be linked to it.",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body give the same answer")),
    request_body = OfficeIn,
    responses(
        (status = 201, body = OfficeOut, description = "The new office"),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden", content_type = "application/problem+json"),
        (status = 422, body = ProblemBody, description = "validation, unknown-reference", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn create_office(
    core: web::Data<Core>,
    scope: Scope,
    caller: Auth<AdministratorOnly>,
    key: IdempotencyKey,
    body: Body<OfficeIn>,
) -> Result<HttpResponse, Problem> {
    let input = body.value.read()?;
    let mut new = Office::new(OfficeId::new(), input.name()?, clock::now());
    input.apply(&mut new)?;
    let location = scope.api(&format!("user-groups/{}", new.id));
    key.once(&core.ctx.db, &caller, body.hash, move |scope| {
        office::insert(scope, &new)?;
        Created::new(location, &OfficeOut::of(&new, &Counts::default()))
    })
    .await
}

#[utoipa::path(
    put, path = "/lang/api/user-groups/{id}", operation_id = "identity.office.replace", tag = "user-groups",
    summary = "Replaces an office (administrator)",
    description = "What is absent is taken away; the name is needed.",
    params(("id" = OfficeId, Path, description = "The office")),
    request_body = OfficeIn,
    responses(
        (status = 200, body = [String], description = "Done", example = json!(["Object Modified Successfully"])),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden", content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, description = "not-found", content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, description = "conflict", content_type = "application/problem+json"),
        (status = 422, body = ProblemBody, description = "validation, unknown-reference", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn put_office(
    core: web::Data<Core>,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, OfficeId)>,
    body: Body<OfficeIn>,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    let before = found(&core, caller.tenancy(), id);
    let input = body.value.read_after(before).await?.completed()?;
    change(&core, caller.tenancy(), id, input).await?;
    Ok(modified())
}

#[utoipa::path(
    patch, path = "/lang/api/user-groups/{id}", operation_id = "identity.office.update", tag = "user-groups",
    summary = "Changes fields of an office (administrator)",
    description = "Keys that are absent stay as they are.",
    params(("id" = OfficeId, Path, description = "The office")),
    request_body = OfficeIn,
    responses(
        (status = 200, body = [String], description = "Done", example = json!(["Object Patched Successfully"])),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden", content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, description = "not-found", content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, description = "conflict", content_type = "application/problem+json"),
        (status = 422, body = ProblemBody, description = "validation, unknown-reference", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn patch_office(
    core: web::Data<Core>,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, OfficeId)>,
    body: Body<OfficeIn>,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    let before = found(&core, caller.tenancy(), id);
    let input = body.value.read_after(before).await?;
    change(&core, caller.tenancy(), id, input).await?;
    Ok(patched())
}

async fn found(core: &Core, tenancy: Tenancy, id: OfficeId) -> Result<Office, Problem> {
    let read = move |scope: &mut TenantScope<'_>| {
        office::find(scope, id)?.ok_or_else(|| Problem::not_found("office"))
    };
    core.ctx.db.read(tenancy, read).await
}

async fn change(
    core: &Core,
    tenancy: Tenancy,
    id: OfficeId,
    input: OfficeIn,
) -> Result<(), Problem> {
    core.ctx
        .db
        .write(tenancy, move |scope| {
            let before = office::find(scope, id)?.ok_or_else(|| Problem::not_found("office"))?;
            let mut after = before.clone();
            input.apply(&mut after)?;
            if after == before {
                return Ok(());
            }
            after.updated_at = clock::now();
            office::update(scope, &before, after)
        })
        .await
}

#[utoipa::path(
    delete, path = "/lang/api/user-groups/{id}", operation_id = "identity.office.delete", tag = "user-groups",
    summary = "Deletes an office that nothing uses (administrator)",
    description = "Refused while it has members, or services that are linked to it or assign applications to it.",
    params(("id" = OfficeId, Path, description = "The office")),
    responses(
        (status = 204, description = "Done"),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden", content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, description = "not-found", content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, description = "still-in-use: it has members, services name it, or open applications are assigned to it", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn delete_office(
    core: web::Data<Core>,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, OfficeId)>,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    // A service that was just linked counts, and an application that was just assigned.
    core.ctx.platform.caught_up(core.ctx.info.name).await?;
    core.ctx
        .db
        .write::<_, Problem>(caller.tenancy(), move |scope| {
            let found = office::find(scope, id)?.ok_or_else(|| Problem::not_found("office"))?;
            office::delete(scope, &found)
        })
        .await?;
    Ok(deleted())
}
