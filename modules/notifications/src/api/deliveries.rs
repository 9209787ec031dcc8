//! `notifications/deliveries`

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::auth::{AdministratorOnly, Auth};
use opencity_kernel::db::DbError;
use opencity_kernel::http::{Collection, PageQuery, Scope};
use opencity_kernel::id::{ApplicationId, DeliveryId, MessageId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::{Problem, ProblemBody};
use serde::Serialize;
use utoipa::ToSchema;

use super::State;
use crate::domain;
use crate::store::delivery;

/// A delivery. The address is not shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryOut {
    id: DeliveryId,
    application_id: ApplicationId,
    message_id: Option<MessageId>,
    /// `applicant` or `operator`.
    #[schema(example = "applicant", max_length = 16)]
    recipient: String,
    recipient_id: Option<UserId>,
    /// `pending`, `sent`, `failed`.
    #[schema(example = "sent", max_length = 16)]
    status: String,
    #[schema(minimum = 0)]
    attempts: i64,
    next_attempt_at: Option<Instant>,
    sent_at: Option<Instant>,
    /// A code, if it could not be sent.
    #[schema(max_length = 32)]
    error: Option<String>,
    created_at: Instant,
    updated_at: Instant,
}

impl From<delivery::Delivery> for DeliveryOut {
    fn from(row: delivery::Delivery) -> Self {
        let pending = row.state == domain::State::Pending.as_str();
        Self {
            id: row.id,
            application_id: row.application_id,
            message_id: row.message_id,
            recipient: row.recipient,
            recipient_id: row.recipient_id,
            status: row.state,
            attempts: row.attempts,
            next_attempt_at: pending.then_some(row.next_at),
            sent_at: row.sent_at,
            error: row.error,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// List deliveries.
#[utoipa::path(get, path = "/lang/api/notifications/deliveries", operation_id = "notifications.delivery.list",
    tag = "notifications", summary = "List what was sent to people, and what waits",
    description = "With the number of attempts and, where it failed, why. Filters are combined.",
    params(
        ("application_id" = Option<ApplicationId>, Query, description = "Only on this application"),
        ("status" = Option<String>, Query, description = "pending, sent or failed", max_length = 16),
        ("offset" = Option<i64>, Query, description = "Entries to pass over", minimum = 0, maximum = 100000),
        ("limit" = Option<i64>, Query, description = "Entries of a page", minimum = 1, maximum = 100),
        ("sort" = Option<String>, Query, description = "ASC or DESC by creation", max_length = 4)),
    responses(
        (status = 200, description = "A page", body = Collection<DeliveryOut>),
        (status = 400, description = "A parameter is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No administrator", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
pub async fn list_deliveries(
    state: web::Data<State>,
    caller: Auth<AdministratorOnly>,
    scope: Scope,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let page = PageQuery::of(&request)?;
    let application = page
        .parameter("application_id")
        .map(|id| {
            id.parse()
                .map_err(|_| Problem::bad_parameter("application_id", "the id of an application"))
        })
        .transpose()?;
    let status = page
        .parameter("status")
        .map(|name| {
            domain::State::parse(name)
                .ok_or_else(|| Problem::bad_parameter("status", "pending, sent or failed"))
        })
        .transpose()?;
    let query = page.clone();
    let (rows, count) = state
        .context
        .db
        .read::<_, DbError>(caller.tenancy(), move |scope| {
            delivery::list(
                scope,
                &delivery::Filter {
                    application,
                    state: status,
                },
                &query,
            )
        })
        .await?;
    let data: Vec<DeliveryOut> = rows.into_iter().map(DeliveryOut::from).collect();
    Ok(HttpResponse::Ok().json(Collection::new(
        &page,
        &scope.api("notifications/deliveries"),
        count,
        data,
        None,
    )))
}
