//! What the module answers.

mod attachments;
mod facets;
mod forms;
mod groups;
mod places;
mod services;
mod vocabularies;

use actix_web::{HttpResponse, web};
use opencity_kernel::context::ModuleContext;
use serde::Serialize;
use utoipa::OpenApi as _;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

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
    let schemas = document.components.get_or_insert_default();
    for name in ["ServiceFields", "GroupFields", "TermFields", "PlaceFields"] {
        if let Some(RefOr::T(schema)) = schemas.schemas.get_mut(name) {
            take_nulls(schema);
            need_name(schema);
        }
    }
    document
}

/// Its own fields and those that it shares with others.
fn take_nulls(schema: &mut Schema) {
    match schema {
        Schema::Object(fields) => fields.properties.values_mut().for_each(take_null),
        Schema::AllOf(parts) => {
            for part in &mut parts.items {
                if let RefOr::T(part) = part {
                    take_nulls(part);
                }
            }
        }
        _ => {}
    }
}

/// A name is all that is needed, and it is no `null`.
fn need_name(schema: &mut Schema) {
    match schema {
        Schema::Object(fields) => {
            if let Some(RefOr::T(Schema::OneOf(name))) = fields.properties.get("name")
                && let Some(text) = name.items.first().cloned()
            {
                fields.properties.insert("name".to_owned(), text);
                fields.required.push("name".to_owned());
            }
        }
        Schema::AllOf(parts) => {
            for part in &mut parts.items {
                if let RefOr::T(part) = part {
                    need_name(part);
                }
            }
        }
        _ => {}
    }
}

/// `null` stands for the default of a field.
fn take_null(field: &mut RefOr<Schema>) {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    *field = OneOfBuilder::new().item(field.clone()).item(null).into();
}

fn ok<T: Serialize>(body: &T) -> HttpResponse {
    HttpResponse::Ok().json(body)
}
