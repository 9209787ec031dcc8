//! Delivery: messages to citizens, notices to operators, by e-mail. What is to be sent is kept with
//! the event that asks for it, sent between transactions, tried again by a schedule, and told on
//! `deliveries`.

mod api;
mod consumers;
pub mod domain;
pub mod store;
mod tasks;

use std::sync::Arc;

use async_trait::async_trait;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::Migration;
use opencity_kernel::events::{Consumer, Topic};
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::scheduler::Task;
use opencity_kernel::{migrations, module_info};

/// Name and version of the module.
pub const INFO: ModuleInfo = module_info!("notifications", "Notifications");
/// Its tables.
pub const MIGRATIONS: &[Migration] = migrations!(
    "notifications",
    "20261124100000_initial" => 1,
    "20261125110000_due" => 1,
);

/// `[notifications]`
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Seconds after which a delivery that a process has taken and not ended is tried by another.
    pub lease_seconds: u64,
    /// Mails that are sent at the same time.
    pub parallel: usize,
}

/// The module.
pub struct Notifications {
    context: ModuleContext,
    settings: Settings,
}

impl Notifications {
    /// The module over its context.
    ///
    /// # Errors
    /// If its settings are not valid.
    pub fn new(context: ModuleContext) -> Result<Self, StartError> {
        let settings = context.platform.config.section("notifications")?;
        Ok(Self { context, settings })
    }
}

#[async_trait(?Send)]
impl Module for Notifications {
    fn info(&self) -> ModuleInfo {
        INFO
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        api::routes(&self.context, config);
    }

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        api::openapi()
    }

    fn paths(&self) -> &'static [&'static str] {
        &["notifications"]
    }

    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        vec![
            Arc::new(consumers::Services),
            Arc::new(consumers::Messages::new(self.context.clone())),
            Arc::new(consumers::Applications::new(self.context.clone())),
        ]
    }

    fn tasks(&self) -> Vec<Arc<dyn Task>> {
        vec![Arc::new(tasks::Send::new(
            self.context.clone(),
            self.settings.clone(),
        ))]
    }

    fn writes(&self) -> &'static [Topic] {
        &[Topic::Deliveries]
    }
}
