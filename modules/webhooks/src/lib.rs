//! Outgoing webhooks: an administrator names a URL and what it wants to know; each event that matches
//! becomes a delivery in the transaction that takes it, with the object as it was then. Deliveries are
//! signed by Standard Webhooks 1.0.0 and tried again by a schedule; none is dropped.

mod api;
mod consumers;
mod deliveries;
mod domain;
mod hooks;
mod secrets;
mod sender;
mod store;
mod tasks;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use async_trait::async_trait;
use opencity_kernel::config::Environment;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::Migration;
use opencity_kernel::events::Consumer;
use opencity_kernel::events::lease::InstanceId;
use opencity_kernel::http_client::HttpClient;
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::scheduler::Task;
use opencity_kernel::{migrations, module_info};
use serde::Deserialize;
use tokio::sync::Semaphore;
use utoipa::OpenApi;

use domain::Schedule;
use hooks::{Hooks, PlainHttp};

/// Name, version, title.
pub const INFO: ModuleInfo = module_info!("webhooks", "Webhooks");
/// The module's tables.
pub const MIGRATIONS: &[Migration] = migrations!("webhooks", "20261124100000_initial" => 1);

/// What development lets webhooks reach beside the public Internet.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// `[webhooks]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    schedule_seconds: Vec<u64>,
    jitter_percent: u8,
    timeout_seconds: u64,
    calls: usize,
    poll_ms: u64,
    lease_seconds: u64,
    rotation_hours: u64,
    keep_days: u64,
    allowed_hosts: Vec<String>,
    dangerous_allow_private_networks: bool,
}

/// The module.
pub struct Webhooks {
    hooks: Hooks,
    settings: Settings,
    schedule: Arc<Schedule>,
}

impl Webhooks {
    /// The module in a process.
    ///
    /// # Errors
    /// If a setting is not valid, or the HTTP client cannot start.
    pub fn new(ctx: ModuleContext) -> Result<Self, StartError> {
        let settings: Settings = ctx.platform.config.section("webhooks")?;
        let schedule = Schedule::new(&settings.schedule_seconds, settings.jitter_percent).ok_or_else(|| {
            StartError("webhooks.schedule_seconds needs a number for each attempt, webhooks.jitter_percent takes 0 to 100".to_owned())
        })?;
        if settings.lease_seconds <= settings.timeout_seconds {
            return Err(StartError("webhooks.lease_seconds must be more than webhooks.timeout_seconds: a delivery under way would be sent twice".to_owned()));
        }
        let (client, plain_http) = client(&ctx, &settings)?;
        let overlap = Duration::from_secs(settings.rotation_hours * 3600);
        Ok(Self {
            hooks: Hooks {
                ctx,
                client,
                overlap,
                plain_http,
            },
            settings,
            schedule: Arc::new(schedule),
        })
    }

    fn deliver(&self) -> tasks::Deliver {
        tasks::Deliver {
            ctx: self.hooks.ctx.clone(),
            client: self.hooks.client.clone(),
            schedule: Arc::clone(&self.schedule),
            instance: InstanceId::new(),
            every: Duration::from_millis(self.settings.poll_ms.max(10)),
            timeout: Duration::from_secs(self.settings.timeout_seconds),
            lease: Duration::from_secs(self.settings.lease_seconds),
            calls: Arc::new(Semaphore::new(self.settings.calls.max(1))),
        }
    }
}

/// The platform's client, or one that may reach more, as the settings say; and what it may reach without TLS.
fn client(ctx: &ModuleContext, settings: &Settings) -> Result<(HttpClient, PlainHttp), StartError> {
    let config = &ctx.platform.config;
    let mut own = config.http_client.clone();
    own.allowed_hosts.extend(settings.allowed_hosts.clone());
    if config.environment == Environment::Development {
        own.allowed_hosts.extend(LOOPBACK.map(str::to_owned));
    }
    own.dangerous_allow_private_networks |= settings.dangerous_allow_private_networks;
    if settings.dangerous_allow_private_networks {
        tracing::warn!(
            "webhooks.dangerous_allow_private_networks is on: administrators reach internal addresses by webhooks"
        );
    }
    let plain_http = PlainHttp {
        everywhere: own.dangerous_allow_private_networks,
        hosts: own.allowed_hosts.clone().into(),
    };
    let client = HttpClient::new(own)
        .map_err(|error| StartError::new("the HTTP client of webhooks cannot start", error))?;
    Ok((client, plain_http))
}

#[async_trait(?Send)]
impl Module for Webhooks {
    fn info(&self) -> ModuleInfo {
        INFO
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn routes(&self, config: &mut web::ServiceConfig) {
        config.app_data(web::Data::new(self.hooks.clone()));
        api::routes(config);
    }

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        api::ApiDoc::openapi()
    }

    fn paths(&self) -> &'static [&'static str] {
        &["webhooks"]
    }

    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        vec![Arc::new(consumers::Events {
            platform: Arc::clone(&self.hooks.ctx.platform),
        })]
    }

    fn tasks(&self) -> Vec<Arc<dyn Task>> {
        vec![
            Arc::new(self.deliver()),
            Arc::new(tasks::Sweep {
                db: self.hooks.ctx.db.clone(),
                keep: Duration::from_secs(self.settings.keep_days * 86_400),
            }),
        ]
    }
}
