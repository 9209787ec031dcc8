//! The administrator's API: configurations of the registries (`documents.md` §5.2).

mod configuration;
mod schema;
mod services;
mod tenants;

use actix_web::web;
use opencity_kernel::Problem;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::problem::ProblemBody;
use utoipa::OpenApi;

use crate::connectors::{Registries, Registry};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    pub ctx: ModuleContext,
    pub registries: Registries,
}

impl State {
    /// The connector of the path.
    fn registry(&self, name: &str) -> Result<&dyn Registry, Problem> {
        self.registries
            .get(name)
            .map(AsRef::as_ref)
            .ok_or_else(|| Problem::not_found("connector"))
    }
}

pub(crate) fn routes(config: &mut web::ServiceConfig, ctx: ModuleContext, registries: Registries) {
    config
        .app_data(web::Data::new(State { ctx, registries }))
        .service(
            web::resource("/protocol-proxy/{connector}/v1/schema")
                .route(web::get().to(schema::schema)),
        )
        .service(
            web::resource("/protocol-proxy/{connector}/services")
                .route(web::post().to(services::create)),
        )
        .service(
            web::resource("/protocol-proxy/{connector}/services/{service_id}")
                .route(web::get().to(services::read))
                .route(web::put().to(services::replace))
                .route(web::patch().to(services::patch))
                .route(web::delete().to(services::remove)),
        )
        .service(
            web::resource("/protocol-proxy/{connector}/tenants")
                .route(web::post().to(tenants::create)),
        )
        .service(
            web::resource("/protocol-proxy/{connector}/tenants/{tenant_id}")
                .route(web::get().to(tenants::read))
                .route(web::put().to(tenants::replace))
                .route(web::patch().to(tenants::patch))
                .route(web::delete().to(tenants::remove)),
        );
}

#[derive(OpenApi)]
#[openapi(
    paths(
        schema::schema, services::create, services::read, services::replace, services::patch, services::remove,
        tenants::create, tenants::read, tenants::replace, tenants::patch, tenants::remove
    ),
    components(schemas(configuration::ConfigurationIn, configuration::ConfigurationView, ProblemBody)),
    tags((name = "protocol-proxy", description = "Which registry (protocollo) registers the acts of which service"))
)]
struct Api;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
