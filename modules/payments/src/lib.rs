//! Payments: the dispatcher, which makes the first event of every payment; the read model, which answers what an application has
//! to pay; the ways in for payments without an application (API, CSV). After its first event a payment belongs to the proxy.

mod api;
mod consumers;
mod csv_stream;
mod domain;
mod store;
mod tasks;

use std::sync::Arc;

use actix_web::web;
use async_trait::async_trait;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{DbError, Migration, Tenancy};
use opencity_kernel::events::{Consumer, Topic};
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::scheduler::Task;
use opencity_kernel::tax_code::TestBodies;
use opencity_kernel::{migrations, module_info};
use utoipa::OpenApi;

/// The module.
pub const INFO: ModuleInfo = module_info!("payments", "Payments");
/// Its tables.
pub const MIGRATIONS: &[Migration] = migrations!("payments", "20261124100000_initial" => 1);

/// Rows told again in one transaction.
const REPUBLISH_PAGE: i64 = 100;

/// The bounded context of payments.
pub struct Payments {
    ctx: ModuleContext,
    test_bodies: TestBodies,
}

impl Payments {
    /// The module, with its files readable for the others.
    ///
    /// # Errors
    /// None at present.
    pub fn new(ctx: ModuleContext) -> Result<Self, StartError> {
        tasks::RejectsSource::register(&ctx);
        let test_bodies = ctx.platform.test_bodies();
        Ok(Self { ctx, test_bodies })
    }
}

#[async_trait(?Send)]
impl Module for Payments {
    fn info(&self) -> ModuleInfo {
        INFO
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn routes(&self, config: &mut web::ServiceConfig) {
        config.app_data(web::Data::new(api::State {
            ctx: self.ctx.clone(),
            test_bodies: self.test_bodies,
        }));
        api::routes(config);
    }

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        api::Description::openapi()
    }

    fn paths(&self) -> &'static [&'static str] {
        &["payments"]
    }

    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        vec![
            Arc::new(consumers::Dispatcher),
            Arc::new(consumers::ReadModel),
            Arc::new(consumers::Replicas),
            Arc::new(consumers::Imports(self.ctx.clone())),
        ]
    }

    fn tasks(&self) -> Vec<Arc<dyn Task>> {
        vec![Arc::new(tasks::ImportTask {
            ctx: self.ctx.clone(),
            test_bodies: self.test_bodies,
        })]
    }

    fn writes(&self) -> &'static [Topic] {
        &[Topic::Payments, Topic::Jobs]
    }

    async fn republish(&self, topic: Topic) -> Result<Option<u64>, StartError> {
        if topic != Topic::Payments {
            return Ok(None);
        }
        let (mut told, mut after) = (0, None);
        loop {
            let rows = self
                .ctx
                .db
                .read_across("all payments are told again", move |scope| {
                    store::payment::page_after(scope, after, REPUBLISH_PAGE)
                })
                .await?;
            let Some(last) = rows.last() else {
                return Ok(Some(told));
            };
            after = Some((last.tenant_id, last.id));
            told += u64::try_from(rows.len()).unwrap_or_default();
            self.ctx
                .db
                .write_across::<_, DbError>("all payments are told again", move |scope| {
                    rows.iter().try_for_each(|row| {
                        scope.within(Tenancy::from_row(row.tenant_id), |scope| {
                            store::payment::republish(scope, row)
                        })
                    })
                })
                .await?;
        }
    }
}
