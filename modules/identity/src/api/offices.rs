//! `user-groups`: offices.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_contracts::user_group::ContactPoint;
use opencity_kernel::auth::{AdministratorOnly, Auth};
use opencity_kernel::clock;
use opencity_kernel::db::{DbError, Tenancy};
use opencity_kernel::http::{Body, Created, IdempotencyKey, PageQuery, Public, Scope};
use opencity_kernel::id::{OfficeId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{FieldProblem, Problem};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Core;
use crate::domain::Office;
use crate::store::office;

/// How an office is reached.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct ContactPointDto {
    id: Option<Uuid>,
    /// Its name.
    #[schema(max_length = 255)]
    name: Option<String>,
    /// E-mail.
    #[schema(max_length = 255)]
    email: Option<String>,
    /// Page.
    #[schema(max_length = 255)]
    url: Option<String>,
    /// Telephone.
    #[schema(max_length = 255)]
    phone_number: Option<String>,
    /// Certified mail.
    #[schema(max_length = 255)]
    pec: Option<String>,
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
    /// Null: only `services` knows.
    #[schema(minimum = 0)]
    services_count: Option<u64>,
    core_contact_point: Option<ContactPointDto>,
    core_location_id: Option<Uuid>,
    calendar_id: Option<Uuid>,
    created_at: Instant,
    updated_at: Instant,
}

impl OfficeOut {
    fn of(office: &Office, users_count: u64) -> Self {
        Self {
            id: office.id,
            name: office.name.clone(),
            topic_id: office.topic_id,
            short_description: office.short_description.clone(),
            main_function: office.main_function.clone(),
            more_info: office.more_info.clone(),
            manager_id: office.manager_id,
            users_count,
            services_count: None,
            core_contact_point: office.contact_point.clone().map(|it| ContactPointDto {
                id: it.id,
                name: it.name,
                email: it.email,
                url: it.url,
                phone_number: it.phone_number,
                pec: it.pec,
            }),
            core_location_id: office.location_id,
            calendar_id: office.calendar_id,
            created_at: office.created_at,
            updated_at: office.updated_at,
        }
    }
}

/// An office to be made or changed. What is absent stays as it is; `null` takes a value away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[allow(clippy::option_option)]
#[schema(example = json!({"name": "Ufficio tributi"}))]
pub(super) struct OfficeIn {
    /// Its name; all that a new office needs.
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// Its category.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Uuid>)]
    topic_id: Option<Option<Uuid>>,
    /// In a line.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 10000)]
    short_description: Option<Option<String>>,
    /// What it does.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 10000)]
    main_function: Option<Option<String>>,
    /// More.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 10000)]
    more_info: Option<Option<String>>,
    /// Who leads it: an operator or administrator.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<UserId>)]
    manager_id: Option<Option<UserId>>,
    /// How it is reached.
    #[serde(deserialize_with = "contact")]
    #[schema(value_type = Option<ContactPointDto>)]
    core_contact_point: Option<Option<ContactPointDto>>,
    /// Where it is: a place.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Uuid>)]
    core_location_id: Option<Option<Uuid>>,
    /// Its calendar.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Uuid>)]
    calendar_id: Option<Option<Uuid>>,
}

#[allow(clippy::option_option)]
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// An object, or `null`; not the list of its values, which serde would take too.
#[allow(clippy::option_option)]
fn contact<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<ContactPointDto>>, D::Error> {
    Option::<Map<String, Value>>::deserialize(deserializer)?
        .map(|keys| ContactPointDto::deserialize(Value::Object(keys)).map_err(D::Error::custom))
        .transpose()
        .map(Some)
}

fn set<T>(to: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *to = value;
    }
}

impl OfficeIn {
    fn name(&self) -> Result<String, Problem> {
        let name = self
            .name
            .as_deref()
            .ok_or_else(|| Problem::field("name", "required", "Give this field a value."))?;
        if (1..=255).contains(&name.trim().chars().count()) {
            Ok(name.trim().to_owned())
        } else {
            Err(Problem::field(
                "name",
                "length",
                "Give 1 to 255 characters.",
            ))
        }
    }

    /// PUT replaces the whole office: what is absent is taken away.
    fn completed(mut self) -> Result<Self, Problem> {
        self.name()?;
        self.topic_id.get_or_insert_default();
        self.short_description.get_or_insert_default();
        self.main_function.get_or_insert_default();
        self.more_info.get_or_insert_default();
        self.manager_id.get_or_insert_default();
        self.core_contact_point.get_or_insert_default();
        self.core_location_id.get_or_insert_default();
        self.calendar_id.get_or_insert_default();
        Ok(self)
    }

    fn apply(self, office: &mut Office) -> Result<(), Problem> {
        if self.name.is_some() {
            office.name = self.name()?;
        }
        let texts = [
            ("short_description", &self.short_description),
            ("main_function", &self.main_function),
            ("more_info", &self.more_info),
        ];
        let faults: Vec<FieldProblem> = texts
            .into_iter()
            .filter(|(_, text)| {
                text.as_ref()
                    .and_then(Option::as_ref)
                    .is_some_and(|text| text.chars().count() > 10_000)
            })
            .map(|(field, _)| FieldProblem {
                field: field.to_owned(),
                code: "length".to_owned(),
                message: "Give at most 10000 characters.".to_owned(),
            })
            .collect();
        if !faults.is_empty() {
            return Err(Problem::validation(faults));
        }
        set(&mut office.topic_id, self.topic_id);
        set(&mut office.short_description, self.short_description);
        set(&mut office.main_function, self.main_function);
        set(&mut office.more_info, self.more_info);
        set(&mut office.manager_id, self.manager_id);
        set(&mut office.location_id, self.core_location_id);
        set(&mut office.calendar_id, self.calendar_id);
        let contact = self.core_contact_point.map(|contact| {
            contact.map(|it| ContactPoint {
                id: it.id,
                name: it.name,
                email: it.email,
                url: it.url,
                phone_number: it.phone_number,
                pec: it.pec,
            })
        });
        set(&mut office.contact_point, contact);
        Ok(())
    }
}

#[utoipa::path(
    get, path = "/lang/api/user-groups", operation_id = "identity.office.list", tag = "user-groups",
    summary = "The offices by name",
    description = "Public, with how many members each has.",
    params(("has_calendar" = Option<bool>, Query, description = "Only those with, or without, a calendar")),
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
    let query = PageQuery::of(&request)?;
    let has_calendar = match query.parameter("has_calendar") {
        None => None,
        Some("true" | "1") => Some(true),
        Some("false" | "0") => Some(false),
        Some(_) => return Err(Problem::bad_parameter("has_calendar", "true or false")),
    };
    let (offices, counts) = core
        .ctx
        .db
        .read::<_, DbError>(scope.tenancy(), move |scope| {
            Ok((
                office::list(scope, has_calendar)?,
                office::member_counts(scope)?,
            ))
        })
        .await?;
    let shown: Vec<OfficeOut> = offices
        .iter()
        .map(|it| OfficeOut::of(it, counts.get(&it.id).copied().unwrap_or_default()))
        .collect();
    Ok(HttpResponse::Ok().json(shown))
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
    let (found, counts) = core
        .ctx
        .db
        .read::<_, DbError>(scope.tenancy(), move |scope| {
            Ok((office::find(scope, id)?, office::member_counts(scope)?))
        })
        .await?;
    let found = found.ok_or_else(|| Problem::not_found("office"))?;
    Ok(HttpResponse::Ok().json(OfficeOut::of(
        &found,
        counts.get(&id).copied().unwrap_or_default(),
    )))
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
    let input = body.value;
    let mut new = Office::new(OfficeId::new(), input.name()?, clock::now());
    input.apply(&mut new)?;
    let location = scope.api(&format!("user-groups/{}", new.id));
    key.once(&core.ctx.db, &caller, body.hash, move |scope| {
        office::insert(scope, &new)?;
        Created::new(location, &OfficeOut::of(&new, 0))
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
    change(
        &core,
        caller.tenancy(),
        path.into_inner().1,
        body.value.completed()?,
    )
    .await?;
    Ok(HttpResponse::Ok().json(["Object Modified Successfully"]))
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
    change(&core, caller.tenancy(), path.into_inner().1, body.value).await?;
    Ok(HttpResponse::Ok().json(["Object Patched Successfully"]))
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
    summary = "Deletes an office without members (administrator)",
    description = "Refused while it has members.",
    params(("id" = OfficeId, Path, description = "The office")),
    responses(
        (status = 204, description = "Done"),
        (status = 401, body = ProblemBody, description = "unauthenticated", content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, description = "forbidden", content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, description = "not-found", content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, description = "still-in-use", content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn delete_office(
    core: web::Data<Core>,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, OfficeId)>,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    core.ctx
        .db
        .write::<_, Problem>(caller.tenancy(), move |scope| {
            let found = office::find(scope, id)?.ok_or_else(|| Problem::not_found("office"))?;
            office::delete(scope, &found)
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
