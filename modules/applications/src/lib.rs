//! Applications (*pratiche*): what citizens send to a public body and how the body answers.
//!
//! One table in [`domain`] says everything that may happen to an application; the engine carries out
//! what it decides, whether a person called or a payment or a document moved. Beside the life cycle the
//! module keeps the data as the form nests them, attachments, messages, acts, history, and copies of the
//! services, forms and citizens that it needs to know.

pub mod access;
mod aggregate;
pub mod api;
mod body;
mod bulk;
mod consumers;
pub mod deliveries;
pub mod domain;
mod engine;
pub mod files;
mod forms;
pub mod messages;
pub mod store;
mod submission;
mod terms;
pub mod texts;
mod unique_id;

#[cfg(test)]
mod rooms_tests;

use std::sync::Arc;

use actix_web::web;
use async_trait::async_trait;
use opencity_kernel::context::{ModuleContext, Platform};
use opencity_kernel::db::{DbResult, Migration, TenantScope};
use opencity_kernel::directory::Tenant;
use opencity_kernel::events::{Consumer, Topic};
use opencity_kernel::id::ApplicationId;
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::scheduler::Task;
use opencity_kernel::tax_code::TestBodies;
use opencity_kernel::{auth, migrations, module_info};
use serde::Deserialize;

use crate::access::{Access, KnownApplication};
use crate::aggregate::{Aggregate, Circumstances};
use crate::api::State;
use crate::deliveries::DeliveriesConsumer;
use crate::domain::Action;
use crate::files::{Files, SweepUploads};
use crate::forms::Forms;

/// The module.
pub const INFO: ModuleInfo = module_info!("applications", "Applications");
/// Its tables.
pub const MIGRATIONS: &[Migration] = migrations!(
    "applications",
    "20261124100000_initial" => 1,
    "20261124100100_messages" => 1,
    "20261125090000_listed" => 1,
    "20261125100000_external" => 1,
    "20261125100100_bulk" => 1,
    "20261125100300_unique_id" => 1,
    "20261125110000_rows" => 1,
);

/// `[applications]`
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// Takes fiscal codes that only test systems use, such as `77777777777`.
    pub dangerous_accept_test_fiscal_codes: bool,
}

impl Settings {
    pub(crate) fn test_bodies(&self) -> TestBodies {
        if self.dangerous_accept_test_fiscal_codes {
            TestBodies::Accepted
        } else {
            TestBodies::Refused
        }
    }
}

/// The module, put together.
pub struct Applications {
    ctx: ModuleContext,
    state: State,
}

impl Applications {
    /// The module with its settings.
    ///
    /// # Errors
    /// If a setting is not valid.
    pub fn new(ctx: ModuleContext) -> Result<Self, StartError> {
        let mut settings: Settings = ctx.platform.config.section("applications")?;
        settings.dangerous_accept_test_fiscal_codes |= ctx.platform.config.demo.enabled;
        let files = Files::configured(ctx.clone())?;
        files.register();
        let state = State {
            ctx: ctx.clone(),
            settings: Arc::new(settings),
            forms: Forms::default(),
            files,
        };
        Ok(Self { ctx, state })
    }
}

#[async_trait(?Send)]
impl Module for Applications {
    fn info(&self) -> ModuleInfo {
        INFO
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn routes(&self, config: &mut web::ServiceConfig) {
        let access = Access {
            files: self.state.files.clone(),
            applications: Arc::new(Core),
        };
        config
            .app_data(web::Data::new(self.state.clone()))
            .app_data(web::Data::new(access))
            .configure(api::routes);
    }

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        api::openapi()
    }

    fn paths(&self) -> &'static [&'static str] {
        &[
            "applications",
            "v2/applications",
            "status/applications",
            "v1.0/user",
            "/{tenant}/{locale}/upload",
            "/{tenant}/{locale}/pratiche",
        ]
    }

    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        let platform = Arc::clone(&self.ctx.platform);
        vec![
            Arc::new(consumers::Replicas),
            Arc::new(consumers::Payments(Arc::clone(&platform))),
            Arc::new(consumers::Documents(Arc::clone(&platform))),
            Arc::new(DeliveriesConsumer(platform)),
        ]
    }

    fn tasks(&self) -> Vec<Arc<dyn Task>> {
        vec![
            Arc::new(SweepUploads(self.state.files.clone())),
            Arc::new(bulk::BulkTask(self.state.clone())),
        ]
    }

    fn writes(&self) -> &'static [Topic] {
        &[Topic::Applications, Topic::Messages]
    }

    async fn republish(&self, topic: Topic) -> Result<Option<u64>, StartError> {
        match topic {
            Topic::Applications => consumers::republish(&self.ctx).await.map(Some),
            Topic::Messages => Ok(Some(messages::republish(&self.ctx).await?)),
            _ => Ok(None),
        }
    }
}

/// How the public addresses of a tenant begin in events and links that leave: its own host, or its
/// slug where it has none.
pub(crate) fn site_of(platform: &Platform, tenant: &Tenant) -> String {
    let prefix = if tenant.host().is_some() {
        "lang"
    } else {
        tenant.slug.as_str()
    };
    format!("{}/{prefix}", platform.public_url(tenant))
}

/// Tells files and messages what they must know of an application.
struct Core;

impl access::Applications for Core {
    fn known(
        &self,
        scope: &mut TenantScope<'_>,
        caller: &auth::Caller,
        id: ApplicationId,
    ) -> DbResult<Option<KnownApplication>> {
        let Some(row) = store::application::find(scope, id)? else {
            return Ok(None);
        };
        let service = store::replica::service(scope, row.service_id)?;
        // Acts, payments and files decide nothing about messages.
        let aggregate = Aggregate::of(row, service, Vec::new(), Vec::new(), Vec::new())?;
        let now = opencity_kernel::clock::now();
        Ok(Some(KnownApplication {
            id,
            owner: aggregate.row.user_id,
            service: aggregate.row.service_id,
            status: aggregate.state()?,
            email: opencity_formio::Applicant::read(&aggregate.data).email,
            caller: api::relation(scope, &aggregate, caller)?,
            facts: aggregate.facts(Action::Message, Circumstances::default(), now)?,
        }))
    }
}
