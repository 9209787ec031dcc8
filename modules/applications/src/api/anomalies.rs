//! GET `applications/{id}/anomalies`: money and numbers that moved nothing.

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::auth::{Auth, Staff};
use opencity_kernel::http::Scope;
use opencity_kernel::id::{ApplicationId, EventId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use serde::Serialize;
use utoipa::ToSchema;

use super::{State, beside};
use crate::store::application::{self, Anomaly};

/// Something that came and moved nothing, for an operator to settle.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Anomaly)]
pub struct Entry {
    /// Which kind, e.g. `paid-twice`.
    #[schema(max_length = 50, example = "paid-twice")]
    pub kind: String,
    /// In a sentence.
    #[schema(max_length = 1000)]
    pub detail: String,
    /// The event that it came with.
    pub event_id: Option<EventId>,
    /// When it came.
    pub date: Instant,
}

impl Entry {
    fn of(row: Anomaly) -> Self {
        Self {
            kind: row.kind,
            detail: row.detail,
            event_id: row.event_id,
            date: row.at,
        }
    }
}

/// Payments and protocol numbers of an application that came where none was expected.
#[utoipa::path(
    get, path = "/lang/api/applications/{id}/anomalies", operation_id = "applications.anomaly.list",
    tag = "applications", summary = "Payments and numbers that moved nothing, oldest first",
    description = "For operators and administrators: an item paid twice, a payment or a protocol number that came too late. The history does not name them, because the application did not change.",
    params(("id" = ApplicationId, Path, description = "The application")),
    responses(
        (status = 200, description = "The anomalies", body = Vec<Entry>,
            example = json!([{"kind": "paid-twice", "detail": "an item was paid in two attempts", "event_id": "01957f1f-2370-770e-9132-1729a8e91501", "date": "2026-03-01T10:00:00+01:00"}])),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not for citizens, or the application may not be seen", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn list(
    state: web::Data<State>,
    scope: Scope,
    caller: Auth<Staff>,
    path: web::Path<(String, ApplicationId)>,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    beside(
        &state,
        scope,
        caller.into_caller(),
        id,
        application::anomalies,
        Entry::of,
    )
    .await
}
