//! `…/api/webhooks`, for administrators.

mod deliveries;
mod webhooks;

use actix_web::web;
use utoipa::OpenApi;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/{tenant}/api/webhooks")
                .route(web::get().to(webhooks::list))
                .route(web::post().to(webhooks::create)),
        )
        .service(
            web::resource("/{tenant}/api/webhooks/{id}")
                .route(web::get().to(webhooks::get))
                .route(web::put().to(webhooks::replace))
                .route(web::patch().to(webhooks::patch))
                .route(web::delete().to(webhooks::delete)),
        )
        .service(
            web::resource("/{tenant}/api/webhooks/{id}/rotate-secret")
                .route(web::post().to(webhooks::rotate_secret)),
        )
        .service(
            web::resource("/{tenant}/api/webhooks/{id}/test")
                .route(web::post().to(deliveries::test)),
        )
        .service(
            web::resource("/{tenant}/api/webhooks/{id}/deliveries")
                .route(web::get().to(deliveries::list)),
        )
        .service(
            web::resource("/{tenant}/api/webhooks/{id}/deliveries/{delivery_id}/redeliver")
                .route(web::post().to(deliveries::redeliver)),
        );
}

/// The module's operations.
#[derive(OpenApi)]
#[openapi(
    paths(
        webhooks::list,
        webhooks::create,
        webhooks::get,
        webhooks::replace,
        webhooks::patch,
        webhooks::delete,
        webhooks::rotate_secret,
        deliveries::test,
        deliveries::list,
        deliveries::redeliver,
    ),
    tags((name = "webhooks", description = "Calls to other systems when something happens, signed by Standard Webhooks 1.0.0."))
)]
pub(crate) struct ApiDoc;
