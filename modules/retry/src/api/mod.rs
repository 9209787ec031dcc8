//! `/retry`: what waits and what is dead, for administrators of the platform.

mod dead_letters;
mod entries;

use actix_web::web;
use opencity_kernel::Problem;
use opencity_kernel::db::Database;
use opencity_kernel::http::{PageQuery, Sort};
use opencity_kernel::id::TenantId;
use utoipa::OpenApi;

use crate::dead_letters::DeadLetters;
use crate::store::dead_letter::Window;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    pub db: Database,
    pub letters: DeadLetters,
}

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/retry/dead-letters").route(web::get().to(dead_letters::list)))
        .service(web::resource("/retry/dead-letters/{id}").route(web::get().to(dead_letters::get)))
        .service(
            web::resource("/retry/dead-letters/{id}/redrive")
                .route(web::post().to(dead_letters::redrive)),
        )
        .service(
            web::resource("/retry/dead-letters/{id}/discard")
                .route(web::post().to(dead_letters::discard)),
        )
        .service(web::resource("/retry/entries").route(web::get().to(entries::list)));
}

/// The module's operations.
#[derive(OpenApi)]
#[openapi(
    paths(
        dead_letters::list,
        dead_letters::get,
        dead_letters::redrive,
        dead_letters::discard,
        entries::list,
    ),
    tags((name = "retry", description = "Events that failed: what waits for another attempt, and dead letters."))
)]
pub(crate) struct ApiDoc;

/// The part of a list that a request asks for; one row more than a page, which tells whether there is a next one.
fn window(query: &PageQuery) -> Result<Window, Problem> {
    let after = query
        .cursor
        .as_deref()
        .map(|cursor| {
            cursor
                .parse()
                .map_err(|_| Problem::bad_parameter("cursor", "what a link next gave"))
        })
        .transpose()?;
    Ok(Window {
        after,
        offset: query.offset,
        limit: query.limit + 1,
        newest_first: query.sort == Sort::Descending,
    })
}

fn tenant(query: &PageQuery) -> Result<Option<TenantId>, Problem> {
    query
        .parameter("tenant")
        .map(|id| {
            id.parse()
                .map_err(|_| Problem::bad_parameter("tenant", "the id of a tenant"))
        })
        .transpose()
}

/// Cuts the row too many off and gives the cursor that it stands for.
fn cut<T>(
    mut rows: Vec<T>,
    query: &PageQuery,
    id: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(query.limit).unwrap_or(rows.len());
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(id);
    (rows, next)
}
