//! The catalogue of digital services and their online forms.
//!
//! Administrators write services, groups of services, categories, recipients, geographic areas, places and forms
//! (Form.io schemas, each change a version); the public reads them. Every change of a service is an event on
//! `services`, every version of a form one on `forms`, with the forms that it nests inside, so that the other
//! modules need nothing else. Of offices, which identity owns, it keeps which category and place they name; services are linked
//! to them as given. Of tenants it hears only that they are there: each gets the services that every body has.

mod api;
pub mod built_in;
mod consumers;
pub mod demo;
pub mod domain;
pub mod republish;
pub mod store;
pub mod view;

use std::sync::Arc;

use actix_web::web;
use async_trait::async_trait;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::Migration;
use opencity_kernel::events::{Consumer, Topic};
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::{migrations, module_info};
use serde::Deserialize;

/// The module's name and version.
pub const INFO: ModuleInfo = module_info!("services", "Services and forms");
/// The module's tables.
pub const MIGRATIONS: &[Migration] = migrations!(
    "services",
    "20261124100000_initial" => 1,
    "20261125100000_offices" => 1,
);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    list_limit: usize,
}

/// The bounded context of services and forms.
pub struct Services {
    ctx: ModuleContext,
    settings: Settings,
}

impl Services {
    /// The module in its context.
    ///
    /// # Errors
    /// If its settings are not valid.
    pub fn new(ctx: ModuleContext) -> Result<Self, StartError> {
        let settings: Settings = ctx.platform.config.section("services")?;
        if settings.list_limit == 0 {
            return Err(StartError(
                "services.list_limit must be at least 1".to_owned(),
            ));
        }
        Ok(Self { ctx, settings })
    }
}

#[async_trait(?Send)]
impl Module for Services {
    fn info(&self) -> ModuleInfo {
        INFO
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn routes(&self, config: &mut web::ServiceConfig) {
        config.app_data(web::Data::new(api::Api {
            ctx: self.ctx.clone(),
            list_limit: self.settings.list_limit,
        }));
        api::routes(config);
    }

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        api::openapi()
    }

    fn paths(&self) -> &'static [&'static str] {
        &[
            "services",
            "services-groups",
            "categories",
            "recipients",
            "geographic-areas",
            "places",
            "forms",
            "form",
        ]
    }

    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        vec![
            Arc::new(built_in::BuiltInServices),
            Arc::new(consumers::Offices),
        ]
    }

    fn writes(&self) -> &'static [Topic] {
        &[Topic::Services, Topic::Forms]
    }

    async fn seed_demo(&self) -> Result<(), StartError> {
        demo::seed(&self.ctx.db).await
    }

    async fn republish(&self, topic: Topic) -> Result<Option<u64>, StartError> {
        let told = match topic {
            Topic::Services => republish::services(&self.ctx.db).await,
            Topic::Forms => republish::forms(&self.ctx.db).await,
            _ => return Ok(None),
        };
        told.map(Some).map_err(|problem| {
            StartError::new(format!("{} cannot be republished", topic.as_str()), problem)
        })
    }
}
