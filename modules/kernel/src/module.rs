//! What a module is to the binary that links it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::db::Migration;
use crate::events::{Consumer, Topic};
use crate::scheduler::Task;

/// Name and version of a module. The version tags its image and its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModuleInfo {
    /// As in the feature, the image suffix and the table prefix (with `_` for `-`).
    pub name: &'static str,
    /// Its own version.
    pub version: &'static str,
    /// What people read at the head of its API page.
    pub title: &'static str,
}

impl ModuleInfo {
    /// `app_id` of the module's events: `payments:0.1.0`.
    #[must_use]
    pub fn app_id(self) -> String {
        format!("{}:{}", self.name, self.version)
    }
}

/// The info of the crate that calls it.
#[macro_export]
macro_rules! module_info {
    ($name:literal, $title:literal) => {
        $crate::module::ModuleInfo {
            name: $name,
            version: env!("CARGO_PKG_VERSION"),
            title: $title,
        }
    };
}

/// A bounded context, as the binary sees it.
#[async_trait(?Send)]
pub trait Module: Send + Sync {
    /// Name, version, title.
    fn info(&self) -> ModuleInfo;

    /// The module's own tables.
    fn migrations(&self) -> &'static [Migration];

    /// Mounts the module's routes. Called once per HTTP worker.
    fn routes(&self, config: &mut actix_web::web::ServiceConfig);

    /// The module's own OpenAPI document.
    fn openapi(&self) -> utoipa::openapi::OpenApi;

    /// The module's part of the URL space, as prefixes in whole segments: below `/{tenant}/api/`, or, with a leading `/`,
    /// absolute; `{tenant}` stands for any segment, `{locale}` for a language. The router sends here what they cover,
    /// and [`routes`](Self::routes) outside of them are not reached.
    fn paths(&self) -> &'static [&'static str];

    /// What it listens to.
    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        Vec::new()
    }

    /// What it does by the clock.
    fn tasks(&self) -> Vec<Arc<dyn Task>> {
        Vec::new()
    }

    /// The topics that it writes.
    fn writes(&self) -> &'static [Topic] {
        &[]
    }

    /// Done once at start, after the migrations and before the first request: keys, vocabularies.
    ///
    /// # Errors
    /// If the module cannot work.
    async fn prepare(&self) -> Result<(), StartError> {
        Ok(())
    }

    /// Seeds the module's part of the demo municipality; repeating it changes nothing.
    ///
    /// # Errors
    /// If the demo cannot be written.
    async fn seed_demo(&self) -> Result<(), StartError> {
        Ok(())
    }

    /// Writes the present state of a topic again as events (`change.type` `republished`); the
    /// number written. `None` if the topic is not this module's.
    ///
    /// # Errors
    /// If the state cannot be read.
    async fn republish(&self, _topic: Topic) -> Result<Option<u64>, StartError> {
        Ok(None)
    }
}

/// Why a process cannot start, in a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl StartError {
    /// An error with a context: "cannot read the keys: …".
    pub fn new(context: impl std::fmt::Display, cause: impl std::fmt::Display) -> Self {
        Self(format!("{context}: {cause}"))
    }
}

impl From<crate::db::DbError> for StartError {
    fn from(error: crate::db::DbError) -> Self {
        Self::new("the database does not take part", error)
    }
}
