//! The API's own documentation: Swagger UI from the binary, OpenAPI and AsyncAPI documents, a page
//! per problem.

mod common;
mod description;
mod example;

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde_json::Value;
use utoipa_swagger_ui::{Config, Url};

pub use self::common::BodyLimits;
pub use self::description::{event_schema, merged_openapi, module_openapi};
use crate::events::Topic;
use crate::module::{Module, ModuleInfo};
use crate::problem::{Problem, ProblemKind};

/// Documents made once, at start.
pub(super) struct Documents {
    modules: Vec<(ModuleInfo, String)>,
    merged: String,
    asyncapi: String,
}

impl Documents {
    pub(super) fn of(modules: &[Arc<dyn Module>], limits: BodyLimits) -> Self {
        Self {
            modules: modules
                .iter()
                .map(|module| {
                    let document = module_openapi(module.as_ref(), limits);
                    (module.info(), document.to_string())
                })
                .collect(),
            merged: merged_openapi(modules, limits).to_string(),
            asyncapi: asyncapi_document(modules).to_string(),
        }
    }
}

/// The AsyncAPI document of the topics that these modules write.
#[must_use]
pub fn asyncapi_document(modules: &[Arc<dyn Module>]) -> Value {
    let mut topics: Vec<Topic> = modules
        .iter()
        .flat_map(|module| module.writes().iter().copied())
        .collect();
    topics.sort_by_key(|topic| topic.as_str());
    topics.dedup();
    opencity_contracts::asyncapi::asyncapi(&topics, "Opencity events", env!("CARGO_PKG_VERSION"))
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/docs", web::get().to(|| async { to("/docs/") }))
        .route("/docs/problems", web::get().to(problems))
        .route("/docs/problems/{id}", web::get().to(problem))
        .route("/docs/{file:.*}", web::get().to(swagger))
        .route("/openapi.json", web::get().to(merged))
        .route("/openapi/{module}.json", web::get().to(one))
        .route("/asyncapi.json", web::get().to(asyncapi))
        .route(
            "/{tenant}/api/doc",
            web::get().to(|| async { to("/docs/") }),
        )
        .route(
            "/{tenant}/api/doc.json",
            web::get().to(|| async { to("/openapi.json") }),
        );
}

fn to(place: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header(("Location", place))
        .finish()
}

fn json(body: &str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(body.to_owned())
}

async fn merged(documents: web::Data<Documents>) -> HttpResponse {
    json(&documents.merged)
}

async fn asyncapi(documents: web::Data<Documents>) -> HttpResponse {
    json(&documents.asyncapi)
}

async fn one(
    documents: web::Data<Documents>,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    documents
        .modules
        .iter()
        .find(|(module, _)| module.name == name.as_str())
        .map(|(_, document)| json(document))
        .ok_or_else(|| {
            Problem::new(
                ProblemKind::UnknownRoute,
                "No module of this name runs here. See /docs.",
            )
        })
}

/// `/docs/` shows all modules, `/docs/{module}/` one; what follows are Swagger UI's own files.
async fn swagger(
    documents: web::Data<Documents>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (module, file) = match path.split_once('/') {
        Some((module, file)) => (Some(module), file),
        None if documents
            .modules
            .iter()
            .any(|(module, _)| module.name == path.as_str()) =>
        {
            return Ok(to(&format!("/docs/{path}/")));
        }
        None => (None, path.as_str()),
    };
    let shown: Vec<(&str, String)> = documents
        .modules
        .iter()
        .filter(|(info, _)| module.is_none_or(|module| module == info.name))
        .map(|(info, _)| (info.title, format!("/openapi/{}.json", info.name)))
        .collect();
    let urls: Vec<Url<'_>> = shown
        .iter()
        .map(|(title, url)| Url::new(title, url))
        .collect();
    let unknown = || {
        Problem::new(
            ProblemKind::UnknownRoute,
            "There is no such page. Begin at /docs.",
        )
    };
    if urls.is_empty() {
        return Err(unknown());
    }
    let file = utoipa_swagger_ui::serve(file, Arc::new(Config::new(urls)))
        .map_err(|error| Problem::internal(error.to_string()))?
        .ok_or_else(unknown)?;
    Ok(HttpResponse::Ok()
        .content_type(file.content_type)
        .body(file.bytes.to_vec()))
}

fn page(title: &str, content: &str) -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>body{{font:1rem/1.5 system-ui;max-width:45rem;margin:2rem auto;padding:0 1rem}}\
         code{{background:#eee;padding:.1em .3em}}</style></head><body>{content}</body></html>"
    ))
}

async fn problems() -> HttpResponse {
    let items: String = ProblemKind::ALL
        .iter()
        .map(|kind| {
            format!(
                "<li><a href=\"/docs/problems/{0}\"><code>{0}</code></a> {1}: {2}</li>",
                kind.id(),
                kind.status().as_u16(),
                kind.title()
            )
        })
        .collect();
    page(
        "Problems",
        &format!(
            "<h1>Problems</h1><p>Every refusal names one of these in <code>code</code>.</p><ul>{items}</ul>"
        ),
    )
}

async fn problem(id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let kind = ProblemKind::ALL
        .iter()
        .find(|kind| kind.id() == id.as_str())
        .ok_or_else(|| {
            Problem::new(
                ProblemKind::UnknownRoute,
                "There is no problem of this id. See /docs/problems.",
            )
        })?;
    Ok(page(
        kind.title(),
        &format!(
            "<h1>{}</h1><p><code>{}</code>, status {}</p><p>{}</p><p><a href=\"/docs/problems\">All problems</a></p>",
            kind.title(),
            kind.id(),
            kind.status().as_u16(),
            kind.page()
        ),
    ))
}
