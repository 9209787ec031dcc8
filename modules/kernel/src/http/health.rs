//! `/status` (ready), `/status/live` (process and database), `/metrics`.

use actix_web::{HttpResponse, web};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;

use crate::context::Platform;

pub(super) async fn live(platform: web::Data<Platform>) -> HttpResponse {
    match platform.database.ping().await {
        Ok(()) => HttpResponse::Ok().json(json!({"status": "ok"})),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            HttpResponse::ServiceUnavailable()
                .json(json!({"status": "failed", "check": "database"}))
        }
    }
}

pub(super) async fn ready(platform: web::Data<Platform>) -> HttpResponse {
    let modules: Vec<_> = platform
        .modules
        .iter()
        .map(|module| json!({"name": module.name, "version": module.version}))
        .collect();
    match platform.database.ping().await {
        Ok(()) if !platform.bus.broker_is_up() => HttpResponse::ServiceUnavailable()
            .json(json!({"status": "failed", "check": "broker", "modules": modules})),
        Ok(()) => HttpResponse::Ok().json(json!({"status": "ok", "modules": modules})),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            HttpResponse::ServiceUnavailable()
                .json(json!({"status": "failed", "check": "database", "modules": modules}))
        }
    }
}

pub(super) async fn version() -> HttpResponse {
    HttpResponse::Ok().json(json!({"version": "v1.0", "status": "ok"}))
}

pub(super) async fn metrics(handle: web::Data<PrometheusHandle>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(handle.render())
}
