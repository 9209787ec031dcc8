//! GET `applications/{id}/history`.

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::http::Scope;
use opencity_kernel::id::{ApplicationId, MessageId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use serde::Serialize;
use utoipa::ToSchema;

use super::{State, beside};
use crate::domain::Status;
use crate::store::history::{self, HistoryRow};

/// A state that the application came into.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HistoryEntry)]
pub struct Entry {
    /// Code of the state.
    #[schema(minimum = 1000, maximum = 50000, example = 4000)]
    pub status_code: i32,
    /// Its name.
    #[schema(max_length = 50, example = "status_pending")]
    pub status_name: String,
    /// What happened, or what was written with it.
    #[schema(max_length = 50000)]
    pub message: Option<String>,
    /// The message that tells it.
    pub message_id: Option<MessageId>,
    /// When.
    pub date: Instant,
}

impl Entry {
    fn of(row: HistoryRow) -> Self {
        let name = Status::try_from(row.status).map_or("", Status::status_name);
        // "Creazione pratica da altro soggetto." names who did it.
        let event = row.event.filter(|_| row.message.is_none());
        let event = event.map(|event| match &row.actor_name {
            Some(actor) => format!("{event} {actor}"),
            None => event,
        });
        Self {
            status_code: row.status,
            status_name: name.to_owned(),
            message: row.message.or(event),
            message_id: row.message_id,
            date: row.at,
        }
    }
}

/// What happened to an application.
#[utoipa::path(
    get, path = "/lang/api/applications/{id}/history", operation_id = "applications.history.list",
    tag = "applications", summary = "What happened to an application, oldest first",
    description = "Every state that was passed, with its instant and who caused it.",
    params(("id" = ApplicationId, Path, description = "The application")),
    responses(
        (status = 200, description = "The history", body = Vec<Entry>),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It may not be seen", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn get(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<AnyUser>,
    path: web::Path<(String, ApplicationId)>,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    beside(
        &state,
        scope,
        caller.into_caller(),
        id,
        history::of,
        Entry::of,
    )
    .await
}
