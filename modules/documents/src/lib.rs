//! The documents that applications produce (*documenti digitali*), their PDF and their folders.
//!
//! Every act of an application (sent, integrations asked for, answered, decided, withdrawn, annulled) becomes one
//! document: a PDF/A that a person can read, and an event on `documents` from which a registry (*protocollo*) gives it
//! a number. The registration itself is the business of `protocol-proxy`; what comes of it is told here, to the citizen
//! and to the operators who may see the application.

mod api;
mod consumers;
mod domain;
mod files;
mod maker;
pub mod render;
mod store;

use std::sync::Arc;

use actix_web::web;
use async_trait::async_trait;
use opencity_kernel::clamd::ClamdSettings;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{DbError, Migration, Tenancy};
use opencity_kernel::events::{Change, Consumer, Topic};
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::{migrations, module_info};
use serde::Deserialize;

use crate::maker::Maker;

/// The module.
pub const INFO: ModuleInfo = module_info!("documents", "Documents");
/// Its tables.
pub const MIGRATIONS: &[Migration] =
    migrations!("documents", "20261124100000_initial" => 1, "20261125100000_deposits" => 1);

/// The section `[documents]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// PDFs made at the same time.
    renderers: usize,
    /// Files that people put into folders.
    files: FileSettings,
}

/// The section `[documents.files]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSettings {
    /// The most bytes of one file.
    max_bytes: usize,
    /// The virus scanner.
    clamd: ClamdSettings,
}

/// The module, put together.
pub struct Documents {
    ctx: ModuleContext,
    maker: Arc<Maker>,
    files: FileSettings,
}

impl Documents {
    /// Puts the module together and makes its files readable for the others.
    ///
    /// # Errors
    /// If its section of the configuration is not valid.
    pub fn new(ctx: ModuleContext) -> Result<Self, StartError> {
        let settings: Settings = ctx.platform.config.section("documents")?;
        ctx.platform
            .sources
            .register(INFO.name, Arc::new(files::DocumentFiles(ctx.clone())));
        let maker = Arc::new(Maker::new(ctx.clone(), settings.renderers));
        Ok(Self {
            ctx,
            maker,
            files: settings.files,
        })
    }
}

#[async_trait(?Send)]
impl Module for Documents {
    fn info(&self) -> ModuleInfo {
        INFO
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn routes(&self, config: &mut web::ServiceConfig) {
        api::routes(
            config,
            api::State {
                ctx: self.ctx.clone(),
                files: self.files.clone(),
            },
        );
    }

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        api::openapi()
    }

    fn paths(&self) -> &'static [&'static str] {
        &["documents", "folders"]
    }

    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        vec![
            Arc::new(consumers::Dispatcher {
                ctx: self.ctx.clone(),
                maker: Arc::clone(&self.maker),
            }),
            Arc::new(consumers::Replica),
            Arc::new(consumers::Citizens),
        ]
    }

    fn writes(&self) -> &'static [Topic] {
        &[Topic::Documents]
    }

    async fn republish(&self, topic: Topic) -> Result<Option<u64>, StartError> {
        if topic != Topic::Documents {
            return Ok(None);
        }
        let mut told = 0_u64;
        let mut after = None;
        loop {
            let keys = self
                .ctx
                .db
                .read_across::<_, DbError>("republish the documents of all tenants", move |scope| {
                    store::document::keys_after(scope, after, 100)
                })
                .await?;
            let Some(last) = keys.last().copied() else {
                return Ok(Some(told));
            };
            after = Some(last);
            for (tenant, id) in keys {
                told += self.tell_again(Tenancy::from_row(tenant), id).await?;
            }
        }
    }
}

impl Documents {
    async fn tell_again(
        &self,
        tenancy: Tenancy,
        id: opencity_kernel::id::DocumentId,
    ) -> Result<u64, DbError> {
        self.ctx
            .db
            .write(tenancy, move |scope| {
                let Some(row) = store::document::find(scope, id)? else {
                    return Ok(0);
                };
                let document = consumers::body_of(&row)?;
                scope.emit(maker::told(&document, row.version, Change::republished())?)?;
                Ok(1)
            })
            .await
    }
}
