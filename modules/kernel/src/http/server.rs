//! Puts the modules' routes together and serves them.

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::{App, HttpServer, web};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use super::{BodyLimits, docs, files, health, middleware, paths};
use crate::context::Platform;
use crate::module::{Module, StartError};
use crate::problem::{Problem, ProblemKind};

/// What a server is made of.
pub struct ServerParts {
    /// What the modules share.
    pub platform: Arc<Platform>,
    /// The modules.
    pub modules: Vec<Arc<dyn Module>>,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
    /// Turns true when the process is to stop.
    pub stop: watch::Receiver<bool>,
}

/// The HTTP server.
pub struct Server;

impl Server {
    /// Serves on a listener until `stop` turns true.
    ///
    /// # Errors
    /// If the listener cannot be used.
    pub async fn run(listener: TcpListener, parts: ServerParts) -> Result<(), StartError> {
        let settings = parts.platform.config.http.clone();
        let documents = web::Data::new(docs::Documents::of(
            &parts.modules,
            BodyLimits::of(&settings),
        ));
        let platform = web::Data::from(Arc::clone(&parts.platform));
        let metrics = web::Data::new(parts.metrics);
        let modules = parts.modules;
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::clone(&platform))
                .app_data(web::Data::clone(&documents))
                .app_data(web::Data::clone(&metrics))
                .app_data(web::PathConfig::default().error_handler(|_, _| {
                    Problem::bad_parameter("path", "ids in the form of UUIDs, and numbers in digits, where the API description says so").into()
                }))
                .app_data(web::QueryConfig::default().error_handler(|error, _| {
                    let _ = error;
                    Problem::bad_parameter("query", "the values that the API description names").into()
                }))
                .wrap(actix_web::middleware::from_fn(middleware::wrap))
                .service(web::resource("/status").get(health::ready))
                .service(web::resource("/status/live").get(health::live))
                .service(web::resource("/metrics").get(health::metrics))
                .service(web::resource("/{tenant}/api/v1.0/status").get(health::version))
                .service(
                    web::resource("/internal/files/{module}/{file}").get(files::serve),
                )
                .configure(docs::routes)
                .configure(test_instruments)
                .configure(|config| modules.iter().for_each(|module| paths::mount(module, config)))
                .default_service(web::to(|| async {
                    Err::<actix_web::HttpResponse, Problem>(Problem::new(
                        ProblemKind::UnknownRoute,
                        "There is nothing at this address. See /docs for what this installation offers.",
                    ))
                }))
        })
        .workers(if settings.workers == 0 {
            std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
        } else {
            settings.workers
        })
        .shutdown_timeout(settings.shutdown_seconds)
        .disable_signals()
        .listen(listener)
        .map_err(|error| StartError::new("cannot serve HTTP", error))?
        .run();
        let handle = server.handle();
        let mut stop = parts.stop;
        tokio::spawn(async move {
            let _ = stop.wait_for(|stop| *stop).await;
            handle.stop(true).await;
        });
        server
            .await
            .map_err(|error| StartError::new("the HTTP server ended", error))
    }
}

#[cfg(not(feature = "faults"))]
fn test_instruments(_config: &mut web::ServiceConfig) {}

/// `POST /_test/clock/{seconds}` moves the clock; only in builds for tests.
#[cfg(feature = "faults")]
fn test_instruments(config: &mut web::ServiceConfig) {
    config.route(
        "/_test/clock/{seconds}",
        web::post().to(
            |platform: web::Data<Platform>, seconds: web::Path<u64>| async move {
                crate::clock::advance(std::time::Duration::from_secs(*seconds));
                platform.wakes.wake_all();
                actix_web::HttpResponse::NoContent().finish()
            },
        ),
    );
}
