//! Puts the OpenAPI documents of the modules together.

use std::sync::Arc;

use opencity_contracts::Topic;
use serde_json::{Map, Value, json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr};

use super::common::{self, BodyLimits};
use crate::module::Module;

const PROJECT: &str = "https://github.com/opencity-italia/opencity";
const DESCRIPTION: &str = "Digital services of Italian municipalities. Errors are RFC 9457 problems; each has a page at \
     /docs/problems. Below /lang/api, `version=2` in the query, or the header `X-Accept-Version: 2`, asks for version 2 of what is \
     shown, else it is version 1: nested `data` of applications instead of flat ones, English words of users instead of Italian \
     ones, and addresses of files and transitions with the same version. What does not differ takes no notice.";

/// The OpenAPI document of one module.
#[must_use]
pub fn module_openapi(module: &dyn Module, limits: BodyLimits) -> Value {
    let about = module.info();
    let info = info(
        about.title,
        about.version,
        &format!("opencity-{}", about.name),
    );
    complete(module.openapi(), info, limits)
}

/// The OpenAPI document of all modules of this process.
#[must_use]
pub fn merged_openapi(modules: &[Arc<dyn Module>], limits: BodyLimits) -> Value {
    let mut merged = OpenApi::default();
    for module in modules {
        merged.merge(module.openapi());
    }
    let info = info("Opencity", env!("CARGO_PKG_VERSION"), "opencity");
    complete(merged, info, limits)
}

/// `info`, with what the Italian guidelines on interoperability (*Linee guida sull'interoperabilità tecnica*) add to it.
fn info(title: &str, version: &str, api_id: &str) -> Value {
    let summary = "Digital services of Italian municipalities";
    json!({
        "title": title,
        "version": version,
        "summary": summary,
        "x-summary": summary,
        "description": DESCRIPTION,
        "termsOfService": format!("{PROJECT}/blob/main/docs/terms.md"),
        "contact": {"name": "Opencity", "url": PROJECT},
        "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
        "x-api-id": api_id,
    })
}

fn complete(mut document: OpenApi, info: Value, limits: BodyLimits) -> Value {
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.bearer_format = Some("JWT".to_owned());
    document
        .components
        .get_or_insert_with(Default::default)
        .add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let mut document = serde_json::to_value(&document).unwrap_or_default();
    drop_empty_defaults(&mut document);
    if let Some(document) = document.as_object_mut() {
        let here =
            json!([{"url": "/", "description": "The installation that gives this document"}]);
        document.insert("info".to_owned(), info);
        document.insert("servers".to_owned(), here);
    }
    describe_by_events(&mut document);
    common::complete(&mut document, limits);
    document
}

/// The schema of an object that the API shows as the events of a topic do, but for the fields that are named.
#[must_use]
pub fn event_schema(topic: Topic, without: &[&str]) -> RefOr<Schema> {
    let marks = ExtensionsBuilder::new()
        .add("x-event", topic.as_str())
        .add("x-without", without)
        .build();
    ObjectBuilder::new().extensions(Some(marks)).into()
}

/// Gives such schemas the fields that `/asyncapi.json` tells.
fn describe_by_events(document: &mut Value) {
    let schemas = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut);
    for (_, schema) in schemas.into_iter().flatten() {
        let Some(topic) = Topic::ALL
            .iter()
            .find(|topic| schema["x-event"] == topic.as_str())
        else {
            continue;
        };
        let Some(schema) = schema.as_object_mut() else {
            continue;
        };
        schema.shift_remove("x-event");
        let without = schema.shift_remove("x-without").unwrap_or_default();
        let left_out = |name: &Value| without.as_array().is_some_and(|names| names.contains(name));
        let event = opencity_contracts::schema::schema(*topic);
        let properties: Map<String, Value> = event
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter(|(name, _)| !left_out(&json!(name)))
            .map(|(name, property)| (name.clone(), property.clone()))
            .collect();
        let required: Vec<Value> = event
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|name| !left_out(name))
            .cloned()
            .collect();
        schema.insert("properties".to_owned(), properties.into());
        schema.insert("required".to_owned(), required.into());
    }
}

/// A field that may be absent is described with its Rust default, `""` or `null`, which its own schema
/// may forbid and which tells a client nothing.
fn drop_empty_defaults(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map
                .get("default")
                .is_some_and(|default| default.is_null() || default == "")
            {
                map.remove("default");
            }
            map.values_mut().for_each(drop_empty_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_empty_defaults),
        _ => {}
    }
}
