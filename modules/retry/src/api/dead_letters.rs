//! Dead letters.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::auth::{Auth, PlatformOnly};
use opencity_kernel::http::{Body, Collection, PageQuery};
use opencity_kernel::id::DeadLetterId;
use opencity_kernel::problem::{Problem, ProblemBody};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{State, cut, tenant, window};
use crate::dead_letters::{DeadLetter, DeadLetterDetail};
use crate::domain::State as LetterState;
use crate::store::dead_letter::Filter;

/// Lists dead letters.
#[utoipa::path(
    get, path = "/retry/dead-letters", operation_id = "retry.dead-letter.list", tag = "retry",
    summary = "Lists dead letters",
    description = "Events that nobody tries again by itself, of all tenants, without their contents.",
    params(
        ("topic" = Option<String>, Query, description = "Only events of this topic", max_length = 200, example = "applications"),
        ("consumer" = Option<String>, Query, description = "Only those that this consumer could not take", max_length = 200),
        ("tenant" = Option<uuid::Uuid>, Query, description = "Only those of this tenant"),
        ("state" = Option<LetterState>, Query, description = "Only those in this state"),
        ("limit" = Option<i64>, Query, description = "Entries per page", minimum = 1, maximum = 100),
        ("offset" = Option<i64>, Query, description = "Entries to pass over", minimum = 0, maximum = 100_000),
        ("sort" = Option<String>, Query, description = "ASC (oldest first) or DESC", max_length = 4),
        ("cursor" = Option<String>, Query, description = "From the link `next`", max_length = 64),
    ),
    responses(
        (status = 200, body = Collection<DeadLetter>, description = "A page"),
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
    let filter = Filter {
        tenant: tenant(&query)?,
        topic: query.parameter("topic").map(str::to_owned),
        consumer: query.parameter("consumer").map(str::to_owned),
        state: query
            .parameter("state")
            .map(|name| {
                LetterState::parse(name)
                    .ok_or_else(|| Problem::bad_parameter("state", "dead, redriven or discarded"))
            })
            .transpose()?,
    };
    let (count, letters) = state.letters.list(filter, window(&query)?).await?;
    let (letters, next) = cut(letters, &query, |letter| letter.id.to_string());
    Ok(HttpResponse::Ok().json(Collection::new(
        &query,
        "/retry/dead-letters",
        count,
        letters,
        next,
    )))
}

/// Shows a dead letter.
#[utoipa::path(
    get, path = "/retry/dead-letters/{id}", operation_id = "retry.dead-letter.get", tag = "retry",
    summary = "Shows a dead letter with its event",
    description = "The event may hold personal data.",
    params(("id" = DeadLetterId, Path, description = "The letter")),
    responses(
        (status = 200, body = DeadLetterDetail, description = "The letter"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator of the platform"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such letter"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn get(
    _caller: Auth<PlatformOnly>,
    state: web::Data<State>,
    id: web::Path<DeadLetterId>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.letters.get(*id).await?))
}

/// Sends a dead letter back.
#[utoipa::path(
    post, path = "/retry/dead-letters/{id}/redrive", operation_id = "retry.dead-letter.redrive", tag = "retry",
    summary = "Sends a dead letter back to its topic",
    description = "The consumer that failed gets the event again; its attempts are counted from the beginning. Who did it is recorded.",
    params(("id" = DeadLetterId, Path, description = "The letter")),
    responses(
        (status = 204, description = "Sent back"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator of the platform"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such letter"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "Decided already, or it cannot go back"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn redrive(
    caller: Auth<PlatformOnly>,
    state: web::Data<State>,
    id: web::Path<DeadLetterId>,
) -> Result<HttpResponse, Problem> {
    state.letters.redrive(*id, &caller.key()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Why an event is given up.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"reason": "The application was withdrawn in the meantime."}))]
pub(crate) struct Discard {
    /// Why.
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: String,
}

/// Gives a dead letter up.
#[utoipa::path(
    post, path = "/retry/dead-letters/{id}/discard", operation_id = "retry.dead-letter.discard", tag = "retry",
    summary = "Gives a dead letter up",
    description = "The consumer records that the event was given up and goes on with what waits behind it. Who did it and why is recorded.",
    params(("id" = DeadLetterId, Path, description = "The letter")),
    request_body = Discard,
    responses(
        (status = 204, description = "Given up"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "Malformed JSON"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No valid token"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "Not an administrator of the platform"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such letter"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "Decided already"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "No reason"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn discard(
    caller: Auth<PlatformOnly>,
    state: web::Data<State>,
    id: web::Path<DeadLetterId>,
    body: Body<Discard>,
) -> Result<HttpResponse, Problem> {
    state.letters.require(*id).await?;
    state
        .letters
        .discard(*id, &body.value.read()?.reason, &caller.key())
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
