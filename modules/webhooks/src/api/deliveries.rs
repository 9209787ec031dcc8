//! Deliveries of a webhook.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::auth::{AdministratorOnly, Auth};
use opencity_kernel::http::{Collection, Created, IdempotencyKey, PageQuery, Scope, Sort};
use opencity_kernel::id::{DeliveryId, EventId, WebhookId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::{Problem, ProblemBody};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::DeliveryState;
use crate::hooks::{Hooks, found};
use crate::store::delivery::{self, DeliveryRow, EntityId, Window};
use crate::store::webhook;

/// A delivery, without its body.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct Delivery {
    /// The delivery: `webhook-id` of each of its attempts.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook_id: WebhookId,
    /// The event that it tells.
    pub event_id: EventId,
    /// The application, message, payment or document.
    pub entity_id: EntityId,
    /// What fired it: a state, `message_created`, `payment_completed`, `document_registered` or `test`.
    #[schema(max_length = 40, example = "2000")]
    pub trigger: String,
    /// How it stands.
    pub state: DeliveryState,
    /// Attempts made.
    #[schema(minimum = 0, maximum = 100)]
    pub attempts: i64,
    /// Status of the last answer.
    #[schema(minimum = 100, maximum = 999)]
    pub response_status: Option<i64>,
    /// Why the last attempt failed.
    #[schema(max_length = 500)]
    pub error: Option<String>,
    /// When it was last tried.
    pub last_attempt_at: Option<Instant>,
    /// When it is tried next.
    pub next_attempt_at: Option<Instant>,
    /// When the event was taken.
    pub created_at: Instant,
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.id,
            webhook_id: row.webhook_id,
            event_id: row.event_id,
            entity_id: row.entity_id,
            trigger: row.trigger_name,
            state: DeliveryState::parse(&row.state).unwrap_or(DeliveryState::Failed),
            attempts: row.attempts,
            response_status: row.response_status,
            error: row.error,
            last_attempt_at: row.last_attempt_at,
            next_attempt_at: row.next_attempt_at,
            created_at: row.created_at,
        }
    }
}

/// Sends a test.
#[utoipa::path(
    post, path = "/lang/api/webhooks/{id}/test", operation_id = "webhooks.webhook.test", tag = "webhooks",
    summary = "Sends a test to a webhook's endpoint",
    description = "One attempt, at once, also while the webhook is off. Its outcome is among the deliveries.",
    params(
        ("id" = WebhookId, Path, description = "The webhook"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating with the same key makes nothing twice", max_length = 255),
    ),
    responses(
        (status = 201, body = Delivery, description = "The delivery, on its way"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such webhook"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn test(
    caller: Auth<AdministratorOnly>,
    hooks: web::Data<Hooks>,
    key: IdempotencyKey,
    path: web::Path<(String, WebhookId)>,
) -> Result<HttpResponse, Problem> {
    let (maker, id) = (hooks.clone(), path.1);
    let answer = key
        .once(&hooks.ctx.db, &caller, String::new(), move |scope| {
            Created::new(None, &Delivery::from(maker.test(scope, id)?))
        })
        .await?;
    hooks.wake();
    Ok(answer)
}

/// Lists deliveries.
#[utoipa::path(
    get, path = "/lang/api/webhooks/{id}/deliveries", operation_id = "webhooks.delivery.list", tag = "webhooks",
    summary = "Lists the deliveries of a webhook",
    description = "Newest first, with each attempt's status and the time of the next.",
    params(
        ("id" = WebhookId, Path, description = "The webhook"),
        ("state" = Option<DeliveryState>, Query, description = "Only those in this state"),
        ("limit" = Option<i64>, Query, description = "Entries per page", minimum = 1, maximum = 100),
        ("offset" = Option<i64>, Query, description = "Entries to pass over", minimum = 0, maximum = 100_000),
        ("sort" = Option<String>, Query, description = "ASC (oldest first) or DESC", max_length = 4),
        ("cursor" = Option<String>, Query, description = "From the link `next`", max_length = 80),
    ),
    responses(
        (status = 200, body = Collection<Delivery>, description = "A page"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is not valid"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such webhook"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn list(
    caller: Auth<AdministratorOnly>,
    scope: Scope,
    hooks: web::Data<Hooks>,
    path: web::Path<(String, WebhookId)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query = PageQuery::of(&request)?;
    let id = path.1;
    let state = query
        .parameter("state")
        .map(|name| {
            DeliveryState::parse(name).ok_or_else(|| {
                Problem::bad_parameter("state", "pending, delivered, failed or held")
            })
        })
        .transpose()?;
    let after = query
        .cursor
        .as_deref()
        .map(|cursor| {
            read_cursor(cursor)
                .ok_or_else(|| Problem::bad_parameter("cursor", "what a link next gave"))
        })
        .transpose()?;
    let window = Window {
        after,
        offset: query.offset,
        limit: query.limit + 1,
        newest_first: query.sort == Sort::Descending,
    };
    let (count, mut rows) = hooks
        .ctx
        .db
        .read(caller.tenancy(), move |scope| {
            found(webhook::find(scope, id)?)?;
            Ok::<_, Problem>((
                delivery::count(scope, id, state)?,
                delivery::page(scope, id, state, &window)?,
            ))
        })
        .await?;
    let size = usize::try_from(query.limit).unwrap_or(rows.len());
    let more = rows.len() > size;
    rows.truncate(size);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|row| format!("{}_{}", row.created_at.micros(), row.id));
    let data: Vec<Delivery> = rows.into_iter().map(Delivery::from).collect();
    let base = scope.api(&format!("webhooks/{id}/deliveries"));
    Ok(HttpResponse::Ok().json(Collection::new(&query, &base, count, data, next)))
}

fn read_cursor(cursor: &str) -> Option<(Instant, DeliveryId)> {
    let (micros, id) = cursor.split_once('_')?;
    Some((Instant::from_micros(micros.parse().ok()?), id.parse().ok()?))
}

/// Sends a delivery again.
#[utoipa::path(
    post, path = "/lang/api/webhooks/{id}/deliveries/{delivery_id}/redeliver",
    operation_id = "webhooks.delivery.redeliver", tag = "webhooks",
    summary = "Sends a delivery again, with all its attempts",
    description = "Under the same `webhook-id` and with the same body.",
    params(
        ("id" = WebhookId, Path, description = "The webhook"),
        ("delivery_id" = DeliveryId, Path, description = "The delivery"),
    ),
    responses(
        (status = 200, body = Delivery, description = "The delivery, on its way"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such webhook or delivery"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "The webhook is off, or the delivery is being sent"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn redeliver(
    caller: Auth<AdministratorOnly>,
    hooks: web::Data<Hooks>,
    path: web::Path<(String, WebhookId, DeliveryId)>,
) -> Result<HttpResponse, Problem> {
    let row = hooks.redeliver(caller.tenancy(), path.1, path.2).await?;
    Ok(HttpResponse::Ok().json(Delivery::from(row)))
}
