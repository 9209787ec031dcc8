//! Payment proxy: creates debt positions at intermediaries through one connector each, follows them by notifications and checks,
//! and tells every change on `payments`. Outside it speaks HTTP to intermediaries, inside only events.

mod api;
mod connectors;
mod consumers;
mod demo;
mod domain;
mod proxy;
mod store;
mod tasks;

use std::sync::Arc;

use actix_web::web;
use async_trait::async_trait;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::Migration;
use opencity_kernel::events::{Consumer, Topic};
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::scheduler::Task;
use opencity_kernel::{migrations, module_info};
use utoipa::OpenApi;

use connectors::{Connectors, SandboxSettings};
use proxy::Proxy;

/// The module.
pub const INFO: ModuleInfo = module_info!("payment-proxy", "Payment proxy");
/// Its tables.
pub const MIGRATIONS: &[Migration] = migrations!("payment-proxy", "20261124100000_initial" => 1);

/// `[payment_proxy]`
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// How often in a minute the public links of one payment may be followed.
    public_links_per_minute: u32,
    /// Debts that are checked at the same time.
    checks: usize,
    /// The intermediary of demonstrations.
    sandbox: SandboxSettings,
}

/// The bounded context of intermediaries.
pub struct PaymentProxy {
    proxy: Proxy,
    limiter: Arc<api::Limiter>,
}

impl PaymentProxy {
    /// The module.
    ///
    /// # Errors
    /// If its settings are not valid.
    pub fn new(ctx: ModuleContext) -> Result<Self, StartError> {
        let settings: Settings = ctx.platform.config.section("payment_proxy")?;
        let test_bodies = ctx.platform.test_bodies();
        let connectors = Connectors::new(&settings.sandbox, &ctx.platform.http)?;
        let limiter = Arc::new(api::Limiter::new(settings.public_links_per_minute));
        Ok(Self {
            proxy: Proxy {
                ctx,
                connectors,
                settings: Arc::new(settings),
                test_bodies,
            },
            limiter,
        })
    }
}

#[async_trait(?Send)]
impl Module for PaymentProxy {
    fn info(&self) -> ModuleInfo {
        INFO
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn routes(&self, config: &mut web::ServiceConfig) {
        config.app_data(web::Data::new(api::State {
            proxy: self.proxy.clone(),
            limiter: Arc::clone(&self.limiter),
        }));
        api::routes(config);
    }

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        api::Description::openapi()
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/payment-proxy"]
    }

    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        vec![
            Arc::new(consumers::Debts(self.proxy.clone())),
            Arc::new(consumers::Applications(self.proxy.clone())),
        ]
    }

    fn tasks(&self) -> Vec<Arc<dyn Task>> {
        vec![Arc::new(tasks::DebtsTask(self.proxy.clone()))]
    }

    fn writes(&self) -> &'static [Topic] {
        &[Topic::Payments]
    }

    async fn seed_demo(&self) -> Result<(), StartError> {
        demo::seed(&self.proxy).await
    }
}
