//! The module's HTTP interface.

pub mod deliveries;

use actix_web::web;
use opencity_kernel::context::ModuleContext;
use utoipa::OpenApi;

/// What handlers work with.
#[derive(Clone)]
pub struct State {
    /// The module's context.
    pub context: ModuleContext,
}

pub(crate) fn routes(context: &ModuleContext, config: &mut web::ServiceConfig) {
    config
        .app_data(web::Data::new(State {
            context: context.clone(),
        }))
        .service(
            web::resource("/{tenant}/api/notifications/deliveries")
                .get(deliveries::list_deliveries),
        );
}

#[derive(OpenApi)]
#[openapi(paths(deliveries::list_deliveries), tags((name = "notifications", description = "What is sent to people")))]
struct Documentation;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    Documentation::openapi()
}
