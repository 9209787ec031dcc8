//! Asynchronous processes: heavy work that an external system asks for, follows and calls off. This
//! module keeps the request, its file and how it stands; the module that knows the type executes it.

pub mod api;
pub mod attachment;
mod consumers;
pub mod domain;
pub mod store;

use std::sync::Arc;

use async_trait::async_trait;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::Migration;
use opencity_kernel::events::{Consumer, Topic};
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::{migrations, module_info};

/// Name and version of the module.
pub const INFO: ModuleInfo = module_info!("jobs", "Asynchronous processes");
/// Its tables.
pub const MIGRATIONS: &[Migration] = migrations!("jobs", "20261124100000_initial" => 1);

/// `[jobs]`
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The most bytes of a file.
    pub attachment_max_bytes: u64,
}

/// The module.
pub struct Jobs {
    state: api::State,
}

impl Jobs {
    /// The module over its context.
    ///
    /// # Errors
    /// If its settings are not valid.
    pub fn new(context: ModuleContext) -> Result<Self, StartError> {
        let settings: Settings = context.platform.config.section("jobs")?;
        context.platform.sources.register(
            INFO.name,
            Arc::new(attachment::Attachments::new(context.clone())),
        );
        Ok(Self {
            state: api::State { context, settings },
        })
    }
}

#[async_trait(?Send)]
impl Module for Jobs {
    fn info(&self) -> ModuleInfo {
        INFO
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        api::routes(&self.state, config);
    }

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        api::openapi()
    }

    fn paths(&self) -> &'static [&'static str] {
        &["jobs"]
    }

    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        vec![Arc::new(consumers::Progress), Arc::new(consumers::Services)]
    }

    fn writes(&self) -> &'static [Topic] {
        &[Topic::Jobs]
    }
}
