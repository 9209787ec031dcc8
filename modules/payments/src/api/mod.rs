//! The module's HTTP API.

mod payments;

use actix_web::web;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::tax_code::TestBodies;
use utoipa::OpenApi;

/// What handlers work with.
#[derive(Clone)]
pub struct State {
    /// The module's handle.
    pub ctx: ModuleContext,
    /// Whether codes of test bodies are taken.
    pub test_bodies: TestBodies,
}

/// Mounts the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/{tenant}/api/payments")
            .route(web::get().to(payments::list_payments))
            .route(web::post().to(payments::create_payment)),
    );
}

/// The module's API description.
#[derive(OpenApi)]
#[openapi(
    paths(payments::list_payments, payments::create_payment),
    tags((name = "payments", description = "Payments of applications, and dues"))
)]
pub struct Description;
