//! The API's own documentation: Swagger UI from the binary, OpenAPI and AsyncAPI documents, a page
//! per problem.

mod common;
mod description;
mod example;

use std::sync::{Arc, OnceLock};

use actix_web::{HttpResponse, web};
use serde_json::Value;
use utoipa_swagger_ui::{Config, Url};

pub use self::common::BodyLimits;
pub use self::description::{event_schema, merged_openapi, module_openapi};
use crate::events::Topic;
use crate::module::{Module, ModuleInfo, StartError};
use crate::problem::{Problem, ProblemKind};

/// Documents, each made when somebody first asks for it: most processes are never asked.
pub(super) struct Documents {
    modules: Vec<(Arc<dyn Module>, OnceLock<String>)>,
    limits: BodyLimits,
    merged: OnceLock<String>,
    asyncapi: OnceLock<String>,
}

impl Documents {
    pub(super) fn of(modules: &[Arc<dyn Module>], limits: BodyLimits) -> Self {
        let own = |module: &Arc<dyn Module>| (Arc::clone(module), OnceLock::new());
        Self {
            modules: modules.iter().map(own).collect(),
            limits,
            merged: OnceLock::new(),
            asyncapi: OnceLock::new(),
        }
    }

    fn modules(&self) -> Vec<Arc<dyn Module>> {
        self.modules
            .iter()
            .map(|(module, _)| Arc::clone(module))
            .collect()
    }

    fn infos(&self) -> impl Iterator<Item = ModuleInfo> {
        self.modules.iter().map(|(module, _)| module.info())
    }

    fn one(&self, name: &str) -> Option<&str> {
        let (module, document) = self
            .modules
            .iter()
            .find(|(module, _)| module.info().name == name)?;
        Some(document.get_or_init(|| module_openapi(module.as_ref(), self.limits).to_string()))
    }

    fn merged(&self) -> &str {
        self.merged
            .get_or_init(|| merged_openapi(&self.modules(), self.limits).to_string())
    }

    fn asyncapi(&self) -> &str {
        self.asyncapi
            .get_or_init(|| asyncapi_document(&self.modules()).to_string())
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
            web::get().to(|| async { to("/docs/") }),
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
    json(documents.merged())
}

async fn asyncapi(documents: web::Data<Documents>) -> HttpResponse {
    json(documents.asyncapi())
}

async fn one(
    documents: web::Data<Documents>,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    documents.one(&name).map(json).ok_or_else(|| {
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
        None if documents.infos().any(|info| info.name == path.as_str()) => {
            return Ok(to(&format!("/docs/{path}/")));
        }
        None => (None, path.as_str()),
    };
    let shown: Vec<ModuleInfo> = documents
        .infos()
        .filter(|info| module.is_none_or(|module| module == info.name))
        .collect();
    let unknown = || {
        Problem::new(
            ProblemKind::UnknownRoute,
            "There is no such page. Begin at /docs.",
        )
    };
    if shown.is_empty() {
        return Err(unknown());
    }
    let (bytes, content_type) = swagger_file(file, &shown)
        .map_err(Problem::internal)?
        .ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().content_type(content_type).body(bytes))
}

/// A file of Swagger UI over the documents of these modules, with its type.
fn swagger_file(file: &str, shown: &[ModuleInfo]) -> Result<Option<(Vec<u8>, String)>, String> {
    let addresses: Vec<String> = shown
        .iter()
        .map(|info| format!("/openapi/{}.json", info.name))
        .collect();
    let urls: Vec<Url<'_>> = shown
        .iter()
        .zip(&addresses)
        .map(|(info, address)| Url::new(info.title, address))
        .collect();
    utoipa_swagger_ui::serve(file, Arc::new(Config::new(urls)))
        .map(|file| file.map(|file| (file.bytes.to_vec(), file.content_type)))
        .map_err(|error| error.to_string())
}

fn html(content: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(content)
}

fn page(title: &str, content: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>body{{font:1rem/1.5 system-ui;max-width:45rem;margin:2rem auto;padding:0 1rem}}\
         code{{background:#eee;padding:.1em .3em}}</style></head><body>{content}</body></html>"
    )
}

async fn problems() -> HttpResponse {
    html(problems_page())
}

fn problems_page() -> String {
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
    Ok(html(problem_page(*kind)))
}

fn problem_page(kind: ProblemKind) -> String {
    page(
        kind.title(),
        &format!(
            "<h1>{}</h1><p><code>{}</code>, status {}</p><p>{}</p><p><a href=\"/docs/problems\">All problems</a></p>",
            kind.title(),
            kind.id(),
            kind.status().as_u16(),
            kind.page()
        ),
    )
}

/// A file that a web server can give instead of a process: where, and what.
pub struct StaticFile {
    /// Its path below the root, as `docs/index.html`.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Everything that this page serves, as files: what stands behind a router, where no process knows all modules.
///
/// # Errors
/// If Swagger UI lacks a file.
pub fn static_documents(
    modules: &[Arc<dyn Module>],
    limits: BodyLimits,
) -> Result<Vec<StaticFile>, StartError> {
    let documents = Documents::of(modules, limits);
    let all: Vec<ModuleInfo> = documents.infos().collect();
    let mut files = Vec::new();
    let mut add = |path: String, bytes: Vec<u8>| files.push(StaticFile { path, bytes });
    add("openapi.json".to_owned(), documents.merged().into());
    add("asyncapi.json".to_owned(), documents.asyncapi().into());
    for info in all.iter().copied() {
        let document = documents.one(info.name).unwrap_or_default();
        add(format!("openapi/{}.json", info.name), document.into());
        // One copy of Swagger UI for all: what differs is which document it opens.
        let index = String::from_utf8_lossy(&swagger_part("index.html", &[info])?)
            .replace("=\"./", "=\"../")
            .replace("\"index.css\"", "\"../index.css\"")
            .replace("../swagger-initializer.js", "./swagger-initializer.js");
        add(format!("docs/{}/index.html", info.name), index.into_bytes());
        add(
            format!("docs/{}/swagger-initializer.js", info.name),
            swagger_part("swagger-initializer.js", &[info])?,
        );
    }
    for part in SWAGGER_PARTS {
        add(format!("docs/{part}"), swagger_part(part, &all)?);
    }
    add(
        "docs/problems/index.html".to_owned(),
        problems_page().into_bytes(),
    );
    for kind in ProblemKind::ALL {
        add(
            format!("docs/problems/{}/index.html", kind.id()),
            problem_page(*kind).into_bytes(),
        );
    }
    Ok(files)
}

/// What `index.html` of Swagger UI loads, and itself.
const SWAGGER_PARTS: &[&str] = &[
    "index.html",
    "index.css",
    "swagger-ui.css",
    "favicon-16x16.png",
    "favicon-32x32.png",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-initializer.js",
];

fn swagger_part(file: &str, shown: &[ModuleInfo]) -> Result<Vec<u8>, StartError> {
    swagger_file(file, shown)
        .and_then(|found| found.ok_or_else(|| format!("{file} is not in it")))
        .map(|(bytes, _)| bytes)
        .map_err(|error| StartError::new("Swagger UI cannot be written", error))
}
