//! The office's own data on an application.

use actix_web::{HttpResponse, web};
use opencity_contracts::service::Service;
use opencity_formio::Mode;
use opencity_kernel::Problem;
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::db::TenantScope;
use opencity_kernel::http::{ApiVersion, Body, Scope};
use opencity_kernel::id::{ApplicationId, FormId};
use opencity_kernel::problem::ProblemBody;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::change::{Work, change, may};
use super::{ApplicationOut, Shown, State, viewed};
use crate::aggregate::Circumstances;
use crate::domain::{Action, Reason};
use crate::engine::Inputs;
use crate::forms::Forms;
use crate::submission;

/// What the office wrote on its own form.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = BackofficeData, example = json!({"backoffice_data": {"sopralluogo": "2025-05-02"}}))]
pub struct Backoffice {
    /// The data of the back-office form.
    #[schema(value_type = Option<Object>)]
    pub backoffice_data: Option<Value>,
}

type Path = web::Path<(String, ApplicationId)>;

/// The office's own data.
#[utoipa::path(
    get, path = "/lang/api/applications/{id}/backoffice", operation_id = "applications.backoffice.get",
    tag = "applications", summary = "The office's own data",
    description = "What the office wrote on the back-office form of the service. Never shown to the citizen.",
    params(("id" = ApplicationId, Path, description = "The application")),
    responses(
        (status = 200, description = "The data", body = Backoffice),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not for this caller", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn get(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<AnyUser>,
    path: Path,
) -> Result<HttpResponse, Problem> {
    let caller = caller.into_caller();
    let id = path.into_inner().1;
    let base = scope.base_url;
    let data = state
        .ctx
        .db
        .read::<_, Problem>(caller.tenancy(), move |scope| {
            let (aggregate, relation) = viewed(scope, &base, &caller, id)?;
            if !relation.may_see_backoffice_data() {
                return Err(Problem::forbidden(Reason::Forbidden.sentence()));
            }
            Ok(aggregate.details.backoffice_data)
        })
        .await?;
    Ok(HttpResponse::Ok().json(Backoffice {
        backoffice_data: data,
    }))
}

/// Writes the office's own data.
#[utoipa::path(
    put, path = "/lang/api/applications/{id}/backoffice", operation_id = "applications.backoffice.replace",
    tag = "applications", summary = "Write the office's own data",
    description = "Replaces all of it. It is checked against the back-office form of the service, where there is one.",
    params(("id" = ApplicationId, Path, description = "The application"), ApiVersion),
    request_body = Backoffice,
    responses(
        (status = 201, description = "The application", body = ApplicationOut),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not for this caller", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields to correct, or the state does not allow it", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn put(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<AnyUser>,
    path: Path,
    body: Body<Backoffice>,
) -> Result<HttpResponse, Problem> {
    let shown = Shown::of(&scope);
    let (id, caller) = (path.into_inner().1, caller.into_caller());
    let may = may(&state, &scope, &caller, id, Action::Backoffice);
    let data = body.value.read_after(may).await?.backoffice_data;
    let answer = change(&state, &scope, caller, id, move |work| {
        write(work, data)?;
        let state = work.state.clone();
        Ok(state.show(work.scope, &shown, &work.aggregate, &work.relation)?)
    })
    .await?;
    Ok(HttpResponse::Created().json(answer))
}

/// The same by POST, as clients of the platform have it.
#[utoipa::path(
    post, path = "/lang/api/applications/{id}/backoffice", operation_id = "applications.backoffice.write",
    tag = "applications", summary = "Write the office's own data, as PUT does",
    description = "Replaces all of it. It is checked against the back-office form of the service, where there is one.",
    params(("id" = ApplicationId, Path, description = "The application"), ApiVersion),
    request_body = Backoffice,
    responses((status = 201, description = "The application", body = ApplicationOut)),
    security(("bearer" = []))
)]
pub async fn post(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<AnyUser>,
    path: Path,
    body: Body<Backoffice>,
) -> Result<HttpResponse, Problem> {
    put(state, scope, caller, path, body).await
}

/// Keeps the office's own data, checked.
pub(super) fn write(work: &mut Work<'_, '_>, data: Option<Value>) -> Result<(), Problem> {
    work.check(Action::Backoffice, Circumstances::default())?;
    let forms = work.state.forms.clone();
    let data = checked(work.scope, &forms, &work.aggregate.service, data)?;
    work.apply(
        Action::Backoffice,
        Inputs {
            change: Some(Box::new(move |_, details, _| {
                details.backoffice_data = data
            })),
            ..Inputs::default()
        },
    )
}

/// The data as they are kept: what the service's back-office form lets through; without a form, any object.
///
/// # Errors
/// 422 with the fields to correct.
pub(super) fn checked(
    scope: &mut TenantScope<'_>,
    forms: &Forms,
    service: &Service,
    data: Option<Value>,
) -> Result<Option<Value>, Problem> {
    let Some(data) = data.filter(|data| !data.is_null()) else {
        return Ok(None);
    };
    let form = match service.backoffice_form_id {
        Some(id) => forms.newest(scope, FormId::from_uuid(id))?,
        None => None,
    };
    let Some((_, form)) = form else {
        return if data.is_object() {
            Ok(Some(data))
        } else {
            Err(Problem::field(
                "backoffice_data",
                "type",
                "Give the data as a JSON object.",
            ))
        };
    };
    let data = form.clear_hidden(&opencity_formio::normalise_input(&data, &form));
    form.validate(&data, Mode::Submit)
        .map_err(|errors| submission::invalid("backoffice_data", errors))?;
    Ok(Some(data))
}
