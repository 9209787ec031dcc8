//! The module's HTTP API, below `/payment-proxy/{connector}`.

mod configs;
mod limit;
mod links;
mod notify;
mod operations;
mod services;
mod tenants;

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use opencity_contracts::PaymentEvent;
use opencity_kernel::{Problem, ProblemKind};
use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::connectors::{Connector, ConnectorError};
use crate::proxy::{Proxy, ProxyError, provider_error};
pub use configs::new_row as config_row;
pub use limit::Limiter;
pub use tenants::new_row as tenant_row;

/// What handlers work with.
#[derive(Clone)]
pub struct State {
    /// The module's means.
    pub proxy: Proxy,
    /// Slows guessing and hammering down.
    pub limiter: Arc<Limiter>,
}

impl State {
    /// The connector that a path names.
    fn connector(&self, id: &str) -> Result<Arc<dyn Connector>, Problem> {
        self.proxy.connectors.get(id).ok_or_else(|| {
            Problem::new(
                ProblemKind::UnknownRoute,
                "No connector has this name. See /docs for what this installation offers.",
            )
        })
    }
}

impl From<ProxyError> for Problem {
    fn from(error: ProxyError) -> Self {
        let gateway = || {
            Self::new(
                ProblemKind::BadGateway,
                "The intermediary did not answer as it should. Repeat in a few minutes.",
            )
        };
        match error {
            ProxyError::Database(error) => error.into(),
            ProxyError::Connector(ConnectorError::Unknown) => {
                Self::not_found("position at the intermediary")
            }
            ProxyError::Connector(ConnectorError::WrongState) => Self::new(
                ProblemKind::Conflict,
                "The state of the payment does not allow this. Read it again and decide anew.",
            ),
            ProxyError::Connector(error @ ConnectorError::Refused(_)) => {
                tracing::warn!(%error, "an intermediary refused");
                gateway()
            }
            ProxyError::Connector(error @ ConnectorError::Unavailable(_)) => {
                tracing::warn!(%error, "an intermediary failed");
                gateway()
            }
            ProxyError::NotConfigured => Self::not_found("active configuration of the connector"),
        }
    }
}

/// A failure of an intermediary, counted.
fn failed(connector: &str, error: ConnectorError) -> Problem {
    if matches!(
        error,
        ConnectorError::Refused(_) | ConnectorError::Unavailable(_)
    ) {
        provider_error(connector);
    }
    ProxyError::from(error).into()
}

/// A payment, as its event tells it.
fn shown(tenant: opencity_kernel::id::TenantId, payment: &PaymentEvent) -> Result<Value, Problem> {
    let mut shown = serde_json::to_value(payment).map_err(Problem::internal)?;
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("tenant_id".to_owned(), json!(tenant));
    }
    Ok(shown)
}

/// 302 to an address that nobody keeps and no page is told.
fn redirect(to: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, to))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish()
}

/// Mounts the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    let at = |path: &str| web::resource(format!("/payment-proxy/{{connector}}/{path}"));
    config
        .service(at("online-payment/{id}").route(web::get().to(links::online_payment)))
        .service(at("offline-payment/{id}").route(web::get().to(links::offline_payment)))
        .service(at("notice/{id}").route(web::get().to(links::notice)))
        .service(at("landing/{id}").route(web::get().to(links::landing)))
        .service(at("receipt/{id}").route(web::get().to(links::receipt)))
        .service(at("update/{id}").route(web::get().to(operations::update_payment)))
        .service(at("confirm/{id}").route(web::patch().to(operations::confirm_payment)))
        .service(at("cancel/{id}").route(web::patch().to(operations::cancel_payment)))
        .service(at("notify").route(web::post().to(notify::notify)))
        .service(at("tenants/schema").route(web::get().to(tenants::tenant_schema)))
        .service(at("tenants").route(web::post().to(tenants::create_tenant)))
        .service(
            at("tenants/{id}")
                .route(web::get().to(tenants::get_tenant))
                .route(web::put().to(tenants::replace_tenant))
                .route(web::patch().to(tenants::patch_tenant))
                .route(web::delete().to(tenants::delete_tenant)),
        )
        .service(at("configs/schema").route(web::get().to(configs::config_schema)))
        .service(
            at("configs")
                .route(web::get().to(configs::list_configs))
                .route(web::post().to(configs::create_config)),
        )
        .service(
            at("configs/{id}")
                .route(web::get().to(configs::get_config))
                .route(web::put().to(configs::replace_config))
                .route(web::patch().to(configs::patch_config))
                .route(web::delete().to(configs::delete_config)),
        )
        .service(at("services/schema").route(web::get().to(services::service_schema)))
        .service(at("services").route(web::post().to(services::create_service)))
        .service(
            at("services/{id}")
                .route(web::get().to(services::get_service))
                .route(web::put().to(services::replace_service))
                .route(web::patch().to(services::patch_service))
                .route(web::delete().to(services::delete_service)),
        );
}

/// The module's API description.
#[derive(OpenApi)]
#[openapi(
    paths(
        links::online_payment, links::offline_payment, links::notice, links::landing, links::receipt,
        operations::update_payment, operations::confirm_payment, operations::cancel_payment, notify::notify,
        tenants::tenant_schema, tenants::create_tenant, tenants::get_tenant, tenants::replace_tenant, tenants::patch_tenant,
        tenants::delete_tenant,
        configs::config_schema, configs::list_configs, configs::create_config, configs::get_config, configs::replace_config,
        configs::patch_config, configs::delete_config,
        services::service_schema, services::create_service, services::get_service, services::replace_service,
        services::patch_service, services::delete_service,
    ),
    components(schemas(opencity_kernel::id::TenantId)),
    tags(
        (name = "payment-proxy", description = "Payments at their intermediaries"),
        (name = "payment-proxy-configuration", description = "By which intermediary a service is paid"),
    )
)]
pub struct Description;
