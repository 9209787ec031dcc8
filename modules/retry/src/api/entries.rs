//! Events that wait for their next attempt.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::auth::{Auth, PlatformOnly};
use opencity_kernel::http::{Collection, PageQuery};
use opencity_kernel::id::{EventId, TenantId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::{Problem, ProblemBody};
use serde::Serialize;
use utoipa::ToSchema;

use super::{State, cut, tenant, window};
use crate::dead_letters::LetterError;
use crate::store::EntityId;
use crate::store::entry::{self, EntryFilter, EntryRow};

/// An event that waits for its next attempt, without its contents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaitingEvent {
    /// The queue's entry.
    pub id: EventId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The consumer that could not take the event.
    #[schema(max_length = 200, example = "documents.dispatcher")]
    pub consumer: String,
    /// Where the event came from, and goes to.
    #[schema(max_length = 200, example = "applications")]
    pub topic: String,
    /// The event as it was first written.
    pub original_event_id: EventId,
    /// What the event is about.
    pub entity_id: EntityId,
    /// The attempt that it waits for, from 1.
    #[schema(minimum = 1, maximum = 1000)]
    pub attempt: i64,
    /// The attempts that it has.
    #[schema(minimum = 1, maximum = 1000)]
    pub max_attempts: i64,
    /// When it failed first.
    pub first_failed_at: Instant,
    /// When it is delivered again.
    pub next_attempt_at: Instant,
    /// Why it failed last.
    pub error: LetterError,
}

impl From<EntryRow> for WaitingEvent {
    fn from(row: EntryRow) -> Self {
        Self {
            id: row.id,
            tenant_id: row.tenant_id,
            consumer: row.consumer,
            topic: row.topic,
            original_event_id: row.original_event_id,
            entity_id: row.entity_id,
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            first_failed_at: row.first_failed_at,
            next_attempt_at: row.next_attempt_at,
            error: LetterError {
                r#type: row.error_type,
                detail: row.error_detail,
            },
        }
    }
}

/// Lists waiting events.
#[utoipa::path(
    get, path = "/retry/entries", operation_id = "retry.entry.list", tag = "retry",
    summary = "Lists events that wait for their next attempt",
    description = "Events that a consumer could not take and that go to their topic again at `next_attempt_at`.",
    params(
        ("topic" = Option<String>, Query, description = "Only events of this topic", max_length = 200, example = "applications"),
        ("consumer" = Option<String>, Query, description = "Only those that this consumer could not take", max_length = 200),
        ("tenant" = Option<uuid::Uuid>, Query, description = "Only those of this tenant"),
        ("limit" = Option<i64>, Query, description = "Entries per page", minimum = 1, maximum = 100),
        ("offset" = Option<i64>, Query, description = "Entries to pass over", minimum = 0, maximum = 100_000),
        ("sort" = Option<String>, Query, description = "ASC (oldest first) or DESC", max_length = 4),
        ("cursor" = Option<String>, Query, description = "From the link `next`", max_length = 64),
    ),
    responses(
        (status = 200, body = Collection<WaitingEvent>, description = "A page"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is not valid"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator of the platform"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn list(
    _caller: Auth<PlatformOnly>,
    state: web::Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query = PageQuery::of(&request)?;
    let filter = EntryFilter {
        tenant: tenant(&query)?,
        topic: query.parameter("topic").map(str::to_owned),
        consumer: query.parameter("consumer").map(str::to_owned),
    };
    let window = window(&query)?;
    let (count, rows) = state
        .db
        .read_across("the platform administrator's list", move |scope| {
            Ok::<_, Problem>((
                entry::count(scope, &filter)?,
                entry::page(scope, &filter, &window)?,
            ))
        })
        .await?;
    let entries: Vec<WaitingEvent> = rows.into_iter().map(WaitingEvent::from).collect();
    let (entries, next) = cut(entries, &query, |entry| entry.id.to_string());
    Ok(HttpResponse::Ok().json(Collection::new(
        &query,
        "/retry/entries",
        count,
        entries,
        next,
    )))
}
