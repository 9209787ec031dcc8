//! GET `status/applications/{id}`: whether an application was accepted, for other systems.

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::http::{Public, Scope};
use opencity_kernel::id::ApplicationId;
use opencity_kernel::problem::ProblemBody;
use serde::Serialize;
use utoipa::ToSchema;

use super::State;
use crate::domain::Status;
use crate::store::application;

/// Whether an application was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApplicationResult, example = json!({"result": true, "status": "7000"}))]
pub struct Outcome {
    /// Accepted.
    pub result: bool,
    /// Its state.
    #[schema(value_type = String, max_length = 5)]
    pub status: Status,
}

/// Whether an application was accepted: public for who has its id, and without personal data.
#[utoipa::path(
    get, path = "/lang/api/status/applications/{id}", operation_id = "applications.status.get",
    tag = "applications", summary = "Whether an application was accepted",
    description = "Public for whoever has the id, without personal data.",
    params(("id" = ApplicationId, Path, description = "The application")),
    responses(
        (status = 200, description = "Accepted", body = Outcome),
        (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "Not accepted, or not yet", body = Outcome),
    ),
    security((), ("bearer" = []))
)]
pub async fn get(
    state: web::Data<State>,
    scope: Scope,
    _public: Public,
    path: web::Path<(String, ApplicationId)>,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    let status = state
        .ctx
        .db
        .read::<_, Problem>(scope.tenancy(), move |scope| {
            let row =
                application::find(scope, id)?.ok_or_else(|| Problem::not_found("application"))?;
            Ok(row.state()?)
        })
        .await?;
    let outcome = Outcome {
        result: status == Status::Complete,
        status,
    };
    Ok(if outcome.result {
        HttpResponse::Ok().json(outcome)
    } else {
        HttpResponse::NotAcceptable().json(outcome)
    })
}
