//! What the module answers.

mod attachments;
mod facets;
mod forms;
mod groups;
mod places;
mod services;
mod vocabularies;

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::context::ModuleContext;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::OpenApi as _;

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) ctx: ModuleContext,
    /// The most services that one list gives.
    pub(crate) list_limit: usize,
}

pub(crate) type State = web::Data<Api>;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    facets::routes(config);
    services::routes(config);
    forms::routes(config);
    groups::routes(config);
    vocabularies::routes(config);
    places::routes(config);
}

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = services::Document::openapi();
    document.merge(facets::Document::openapi());
    document.merge(forms::Document::openapi());
    document.merge(groups::Document::openapi());
    document.merge(vocabularies::document());
    document.merge(places::Document::openapi());
    document
}

fn ok<T: Serialize>(body: &T) -> HttpResponse {
    HttpResponse::Ok().json(body)
}

/// What is stored, after a JSON Merge Patch.
fn merged<T: Serialize>(
    stored: &T,
    patch: Map<String, Value>,
) -> Result<Map<String, Value>, Problem> {
    let mut whole = serde_json::to_value(stored).map_err(Problem::internal)?;
    crate::domain::merge(&mut whole, Value::Object(patch));
    match whole {
        Value::Object(body) => Ok(body),
        _ => Err(Problem::internal("what is stored is no object")),
    }
}
