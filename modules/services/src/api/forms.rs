//! `form`, `forms`: the form server.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::auth::{AdministratorOnly, Auth, Staff};
use opencity_kernel::http::{
    Body, Collection, Created, IdempotencyKey, PageQuery, Public, Query, Scope, deleted, modified,
};
use opencity_kernel::id::FormId;
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{OpenApi, ToSchema};

use super::{State, ok};
use crate::domain::form::FormSource;
use crate::store::forms::{self, FormSummary, StoredForm};

#[derive(OpenApi)]
#[openapi(
    paths(list, create, one, replace, delete, by_path, replace_by_path, version),
    components(schemas(FormEntry, ProblemBody))
)]
pub(super) struct Document;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/{tenant}/api/forms").route(web::get().to(list)))
        .service(
            web::resource("/{tenant}/api/forms/{id}/versions/{number}")
                .route(web::get().to(version)),
        )
        .service(web::resource("/{tenant}/api/form").route(web::post().to(create)))
        .service(
            web::resource("/{tenant}/api/form/by-path/{path:.+}")
                .route(web::get().to(by_path))
                .route(web::put().to(replace_by_path)),
        )
        .service(
            web::resource("/{tenant}/api/form/{id}")
                .route(web::get().to(one))
                .route(web::put().to(replace))
                .route(web::delete().to(delete)),
        );
}

/// A form as the form server shows it: its schema and, beside it, id, version, times and translations.
pub(super) fn shown(form: &StoredForm, full: bool) -> Value {
    let (schema, translations) = if full {
        (&form.resolved.schema, &form.resolved.translations)
    } else {
        (&form.source.schema, &form.source.translations)
    };
    let mut shown = Map::new();
    shown.insert("_id".to_owned(), json!(form.id));
    shown.extend(schema.clone());
    shown.insert("version".to_owned(), json!(form.version));
    shown.insert("translations".to_owned(), json!(translations));
    shown.insert("created".to_owned(), json!(form.created_at));
    shown.insert("modified".to_owned(), json!(form.updated_at));
    Value::Object(shown)
}

fn full(request: &HttpRequest) -> Result<bool, Problem> {
    Ok(Query::of(request)?.flag("full")?.unwrap_or(false))
}

/// An entry of the list of forms.
#[derive(Debug, Serialize, ToSchema)]
struct FormEntry {
    /// The form.
    id: FormId,
    /// Its name.
    #[schema(max_length = 255)]
    title: Option<String>,
    /// Its path.
    #[schema(max_length = 255)]
    path: Option<String>,
    /// Its newest version.
    #[schema(minimum = 1)]
    version: i64,
    /// When it was made.
    created_at: Instant,
}

impl From<FormSummary> for FormEntry {
    fn from(form: FormSummary) -> Self {
        let FormSummary {
            id,
            title,
            path,
            version,
            created_at,
        } = form;
        Self {
            id,
            title,
            path,
            version,
            created_at,
        }
    }
}

#[utoipa::path(
    get, path = "/lang/api/forms", operation_id = "services.form.list", tag = "forms",
    summary = "Lists the forms",
    description = "In pages, oldest first; each in its newest version.",
    params(
        ("offset" = Option<i64>, Query, description = "Entries to pass over", minimum = 0, maximum = 100000),
        ("limit" = Option<i64>, Query, description = "Entries to give", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "Where the page before ended", max_length = 64),
    ),
    responses(
        (status = 200, description = "A page of forms", body = Collection<FormEntry>,
            example = json!({"meta": {"count": 1, "parameter": {}}, "links": {"self": "https://comune.example/lang/api/forms", "prev": null, "next": null},
                "data": [{"id": "f0000000-0000-4000-8000-000000000001", "title": "Occupazione di suolo pubblico", "path": "public-ground-occupation", "version": 1, "created_at": "2026-11-24T10:00:00+01:00"}]})),
        (status = 400, description = "A parameter has a value that it does not take", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither an operator nor an administrator", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn list(
    api: State,
    scope: Scope,
    caller: Auth<Staff>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query = PageQuery::of(&request)?;
    let cursor: Option<FormId> = query
        .cursor
        .as_deref()
        .map(|cursor| {
            cursor
                .parse()
                .map_err(|_| Problem::bad_parameter("cursor", "what links.next has"))
        })
        .transpose()?;
    let (offset, limit) = (query.offset, query.limit);
    let (count, mut rows) = api
        .ctx
        .db
        .read::<_, Problem>(caller.tenancy(), move |scope| {
            Ok(forms::page(scope, cursor, offset, limit)?)
        })
        .await?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| more).map(|form| form.id.to_string());
    let data: Vec<FormEntry> = rows.into_iter().map(FormEntry::from).collect();
    Ok(ok(&Collection::new(
        &query,
        &scope.api("forms"),
        count,
        data,
        next,
    )))
}

#[utoipa::path(
    post, path = "/lang/api/form", operation_id = "services.form.create", tag = "forms",
    summary = "Adds a form",
    description = "A Form.io schema. A component of the type form that has no components of its own names another form by its id in form. \
        translations gives texts by language, then by the text of the schema.",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255)),
    request_body(content = Object, example = json!({"title": "Modulo", "path": "modulo", "display": "form", "components": [{"type": "textfield", "key": "subject", "label": "Oggetto"}], "translations": {"de": {"Oggetto": "Betreff"}}})),
    responses(
        (status = 201, description = "The new form", body = Object, example = json!({"_id": "f0000000-0000-4000-8000-000000000001", "title": "Modulo", "components": [], "version": 1})),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The path is taken", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Not a form, or a nested form is unknown", body = ProblemBody, content_type = "application/problem+json"),
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
    let source = FormSource::read(body.value.read()?)?;
    let location = scope.api("form/");
    key.once(&api.ctx.db, &caller, body.hash, move |scope| {
        let form = forms::create(scope, FormId::new(), source)?;
        Created::new(format!("{location}{}", form.id), &shown(&form, false))
    })
    .await
}

#[utoipa::path(
    get, path = "/lang/api/form/{id}", operation_id = "services.form.read", tag = "forms",
    summary = "Reads the newest version of a form",
    description = "As it was written, with its `translations`; the forms that it nests are named by their ids, or stand inside with `full=true`.",
    params(
        ("id" = uuid::Uuid, Path, description = "The form"),
        ("full" = Option<bool>, Query, description = "true: with the forms that it nests inside"),
    ),
    responses(
        (status = 200, description = "The form", body = Object, example = json!({"_id": "f0000000-0000-4000-8000-000000000001", "title": "Modulo", "components": [], "version": 1})),
        (status = 400, description = "A parameter has a value that it does not take", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such form", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn one(
    api: State,
    scope: Scope,
    _caller: Public,
    path: web::Path<(String, FormId)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (_, id) = path.into_inner();
    let full = full(&request)?;
    let form = api
        .ctx
        .db
        .read::<_, Problem>(scope.tenancy(), move |scope| {
            found(forms::by_id(scope, id)?)
        })
        .await?;
    Ok(ok(&shown(&form, full)))
}

#[utoipa::path(
    get, path = "/lang/api/form/by-path/{path}", operation_id = "services.form.read_by_path", tag = "forms",
    summary = "Reads the newest version of a form by its path",
    description = "For clients of the form server, which know a form by its path.",
    params(
        ("path" = String, Path, description = "Its path", max_length = 255),
        ("full" = Option<bool>, Query, description = "true: with the forms that it nests inside"),
    ),
    responses(
        (status = 200, description = "The form", body = Object, example = json!({"_id": "f0000000-0000-4000-8000-000000000001", "title": "Modulo", "path": "modulo", "components": [], "version": 1})),
        (status = 400, description = "A parameter has a value that it does not take", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such form", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn by_path(
    api: State,
    scope: Scope,
    _caller: Public,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (_, path) = path.into_inner();
    let full = full(&request)?;
    let form = api
        .ctx
        .db
        .read::<_, Problem>(scope.tenancy(), move |scope| {
            found(forms::by_path(scope, &path)?)
        })
        .await?;
    Ok(ok(&shown(&form, full)))
}

#[utoipa::path(
    get, path = "/lang/api/forms/{id}/versions/{number}", operation_id = "services.form.version", tag = "forms",
    summary = "Reads a version of a form",
    description = "With the forms that it nested at that time inside. A version never changes.",
    params(
        ("id" = uuid::Uuid, Path, description = "The form"),
        ("number" = i64, Path, description = "The version, from 1", minimum = 1),
    ),
    responses(
        (status = 400, description = "The id is no UUID", body = ProblemBody, content_type = "application/problem+json"),
        (status = 200, description = "The version", body = Object, example = json!({"_id": "f0000000-0000-4000-8000-000000000001", "title": "Modulo", "components": [], "version": 1})),
        (status = 404, description = "There is no such form or version", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = []))
)]
async fn version(
    api: State,
    scope: Scope,
    _caller: Public,
    path: web::Path<(String, FormId, i64)>,
) -> Result<HttpResponse, Problem> {
    let (_, id, number) = path.into_inner();
    let form = api
        .ctx
        .db
        .read::<_, Problem>(scope.tenancy(), move |scope| {
            found(forms::version(scope, id, number)?)
        })
        .await?;
    Ok(ok(&shown(&form, true)))
}

#[utoipa::path(
    put, path = "/lang/api/form/{id}", operation_id = "services.form.replace", tag = "forms",
    summary = "Changes a form",
    description = "Makes a new version if something differs, of this form and of those that nest it. What GET answers is accepted.",
    params(("id" = uuid::Uuid, Path, description = "The form")),
    request_body(content = Object, example = json!({"title": "Modulo", "components": []})),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Modified Successfully"])),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such form", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The path is taken, or somebody else changed the form", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Not a form, a nested form is unknown, or the form would nest itself", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn replace(
    api: State,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, FormId)>,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    let (_, id) = path.into_inner();
    api.ctx
        .db
        .write(caller.tenancy(), move |scope| {
            let form = found(forms::by_id(scope, id)?)?;
            let source = FormSource::read(body.value.read()?)?;
            forms::change(scope, form, source)
        })
        .await?;
    Ok(modified())
}

#[utoipa::path(
    put, path = "/lang/api/form/by-path/{path}", operation_id = "services.form.replace_by_path", tag = "forms",
    summary = "Changes a form by its path",
    description = "As PUT of the form by its id.",
    params(("path" = String, Path, description = "Its path", max_length = 255)),
    request_body(content = Object, example = json!({"title": "Modulo", "path": "modulo", "components": []})),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Modified Successfully"])),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such form", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The new path is taken, or somebody else changed the form", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Not a form, a nested form is unknown, or the form would nest itself", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn replace_by_path(
    api: State,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, String)>,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    let (_, path) = path.into_inner();
    api.ctx
        .db
        .write(caller.tenancy(), move |scope| {
            let form = found(forms::by_path(scope, &path)?)?;
            let source = FormSource::read(body.value.read()?)?;
            forms::change(scope, form, source)
        })
        .await?;
    Ok(modified())
}

#[utoipa::path(
    delete, path = "/lang/api/form/{id}", operation_id = "services.form.delete", tag = "forms",
    summary = "Removes a form that nothing uses",
    description = "All its versions go. Applications keep the one that they were filled in on.",
    params(("id" = uuid::Uuid, Path, description = "The form")),
    responses(
        (status = 400, description = "The id is no UUID", body = ProblemBody, content_type = "application/problem+json"),
        (status = 204, description = "Done"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such form", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A service or another form uses it", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn delete(
    api: State,
    caller: Auth<AdministratorOnly>,
    path: web::Path<(String, FormId)>,
) -> Result<HttpResponse, Problem> {
    let (_, id) = path.into_inner();
    api.ctx
        .db
        .write(caller.tenancy(), move |scope| {
            let form = found(forms::by_id(scope, id)?)?;
            forms::delete(scope, &form)
        })
        .await?;
    Ok(deleted())
}

fn found(form: Option<StoredForm>) -> Result<StoredForm, Problem> {
    form.ok_or_else(|| Problem::not_found("form"))
}
