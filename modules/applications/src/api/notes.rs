//! The citizen's own notes while he writes an application.

use actix_web::{HttpResponse, web};
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::http::{Scope, read_limited};
use opencity_kernel::id::ApplicationId;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind};

use super::change::{Work, change};
use super::{State, met};
use crate::domain::Caller;
use crate::engine;

/// The most bytes of notes.
const MAX_BYTES: usize = 100_000;

type Path = web::Path<(String, ApplicationId)>;

/// For everybody else they are not there.
fn owner_only(relation: &Caller) -> Result<(), Problem> {
    if relation.is_owner {
        Ok(())
    } else {
        Err(Problem::not_found("application"))
    }
}

/// The citizen's notes.
#[utoipa::path(
    get, path = "/lang/api/v1.0/user/{id}/notes", operation_id = "applications.notes.get",
    tag = "applications", summary = "The citizen's own notes",
    description = "The citizen's own notes on an application; nobody else reads them.",
    params(("id" = ApplicationId, Path, description = "The application")),
    responses(
        (status = 200, description = "The text", body = String, content_type = "text/plain"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "None of the caller's applications", body = ProblemBody, content_type = "application/problem+json"),
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
    let notes = state
        .ctx
        .db
        .read::<_, Problem>(caller.tenancy(), move |scope| {
            let (aggregate, relation) = met(scope, &base, &caller, id)?;
            owner_only(&relation)?;
            Ok(aggregate.details.user_compilation_notes)
        })
        .await?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(notes.unwrap_or_default()))
}

/// Writes the citizen's notes.
#[utoipa::path(
    post, path = "/lang/api/v1.0/user/{id}/notes", operation_id = "applications.notes.write",
    tag = "applications", summary = "Write the citizen's own notes",
    description = "Replaces the text. Nobody but the citizen reads it.",
    params(("id" = ApplicationId, Path, description = "The application")),
    request_body(content = String, content_type = "text/plain", description = "The text as it is"),
    responses(
        (status = 200, description = "The text", body = String, content_type = "text/plain"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "None of the caller's applications", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Not a text", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn post(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<AnyUser>,
    path: Path,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let bytes = read_limited(payload, MAX_BYTES).await?;
    let id = path.into_inner().1;
    let text = String::from_utf8(bytes.to_vec())
        .map_err(|_| Problem::field("body", "type", "Send the notes as UTF-8 text."))?;
    if text.contains('\0') {
        return Err(Problem::new(
            ProblemKind::NulCharacter,
            "The text holds the character U+0000. Remove it.",
        ));
    }
    let notes = text.clone();
    change(
        &state,
        &scope,
        caller.into_caller(),
        id,
        move |work: &mut Work<'_, '_>| {
            owner_only(&work.relation)?;
            work.aggregate.details.user_compilation_notes =
                Some(notes).filter(|text| !text.is_empty());
            Ok(engine::save(work.scope, &work.site, &mut work.aggregate)?)
        },
    )
    .await?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(text))
}
