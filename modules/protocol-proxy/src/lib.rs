//! Registries (*protocolli*): one connector each and their configurations.
//!
//! The module takes each new document of a service that needs registration and has an active configuration, brings it
//! to the registry that the configuration names, and tells number and folder on `documents`. A number that people gave
//! by hand, seen on the application, completes the document too; whichever number comes first stays.

mod api;
mod connectors;
mod consumers;
mod counters;
mod demo;
mod domain;
mod files;
mod progress;
mod store;

use std::sync::Arc;

use actix_web::web;
use async_trait::async_trait;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::Migration;
use opencity_kernel::events::{Consumer, Topic};
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::{migrations, module_info};
use serde::Deserialize;

use crate::connectors::{Registries, SandboxSettings};

/// The module.
pub const INFO: ModuleInfo = module_info!("protocol-proxy", "Protocol proxy");
/// Its tables.
pub const MIGRATIONS: &[Migration] = migrations!("protocol-proxy", "20261124100000_initial" => 1);

/// The section `[protocol_proxy]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    sandbox: SandboxSettings,
}

/// The module, put together.
pub struct ProtocolProxy {
    ctx: ModuleContext,
    registries: Registries,
}

impl ProtocolProxy {
    /// Puts the module together.
    ///
    /// # Errors
    /// If its section of the configuration is not valid.
    pub fn new(ctx: ModuleContext) -> Result<Self, StartError> {
        let settings: Settings = ctx.platform.config.section("protocol_proxy")?;
        let registries = Registries::new(&ctx, settings.sandbox);
        Ok(Self { ctx, registries })
    }
}

#[async_trait(?Send)]
impl Module for ProtocolProxy {
    fn info(&self) -> ModuleInfo {
        INFO
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn routes(&self, config: &mut web::ServiceConfig) {
        api::routes(config, self.ctx.clone(), self.registries.clone());
    }

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        api::openapi()
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/protocol-proxy"]
    }

    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        vec![Arc::new(consumers::Dispatcher {
            ctx: self.ctx.clone(),
            registries: self.registries.clone(),
        })]
    }

    fn writes(&self) -> &'static [Topic] {
        &[Topic::Documents]
    }

    async fn seed_demo(&self) -> Result<(), StartError> {
        demo::seed(&self.ctx).await
    }
}
