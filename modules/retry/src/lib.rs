//! The RetryOrchestrator: events that a consumer could not take wait here for their next attempt and go
//! back to the topic that they came from; those for which no attempt is left are dead letters, which an
//! administrator of the platform redrives or discards. Nothing that fails is ever dropped.

mod api;
mod consumers;
mod dead_letters;
mod domain;
mod store;
mod tasks;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use async_trait::async_trait;
use opencity_kernel::config::Config;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::Migration;
use opencity_kernel::events::{Consumer, Topic};
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::scheduler::Task;
use opencity_kernel::{migrations, module_info};
use serde::Deserialize;
use utoipa::OpenApi;

pub use dead_letters::{DeadLetter, DeadLetterDetail, DeadLetters, Decision, LetterError};
pub use domain::{Schedule, ScheduleError, State};
pub use store::dead_letter::{Filter, Window};

/// Name, version, title.
pub const INFO: ModuleInfo = module_info!("retry", "Retry and dead letters");
/// The module's tables.
pub const MIGRATIONS: &[Migration] = migrations!("retry", "20261124100000_initial" => 1);

/// `[retry]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Seconds before each attempt; the last number repeats.
    pub schedule_seconds: Vec<u64>,
    /// Attempts until an event is a dead letter.
    pub attempts: i64,
    /// By how many percent a wait may be shorter or longer.
    pub jitter_percent: u8,
    /// Milliseconds between two looks for what is due.
    pub poll_ms: u64,
    /// Events delivered again in one transaction.
    pub batch: i64,
}

impl Settings {
    /// Reads the section.
    ///
    /// # Errors
    /// In a sentence that names the setting.
    pub fn of(config: &Config) -> Result<Self, StartError> {
        config.section("retry")
    }

    /// The schedule that they describe.
    ///
    /// # Errors
    /// In a sentence that names the setting.
    pub fn schedule(&self) -> Result<Schedule, StartError> {
        Schedule::new(&self.schedule_seconds, self.attempts, self.jitter_percent)
            .map_err(|error| StartError(error.to_string()))
    }
}

/// The module.
pub struct Retry {
    ctx: ModuleContext,
    settings: Settings,
    schedule: Schedule,
}

impl Retry {
    /// The module in a process.
    ///
    /// # Errors
    /// If a setting is not valid.
    pub fn new(ctx: ModuleContext) -> Result<Self, StartError> {
        let settings = Settings::of(&ctx.platform.config)?;
        let schedule = settings.schedule()?;
        Ok(Self {
            ctx,
            settings,
            schedule,
        })
    }
}

#[async_trait(?Send)]
impl Module for Retry {
    fn info(&self) -> ModuleInfo {
        INFO
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn routes(&self, config: &mut web::ServiceConfig) {
        let letters = DeadLetters::new(&self.ctx.db, &self.schedule);
        config.app_data(web::Data::new(api::State {
            db: self.ctx.db.clone(),
            letters,
        }));
        api::routes(config);
    }

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        api::ApiDoc::openapi()
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/retry"]
    }

    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        vec![Arc::new(consumers::Queue {
            schedule: self.schedule.clone(),
        })]
    }

    fn tasks(&self) -> Vec<Arc<dyn Task>> {
        vec![
            Arc::new(tasks::Redeliver {
                db: self.ctx.db.clone(),
                every: Duration::from_millis(self.settings.poll_ms.max(10)),
                batch: self.settings.batch.max(1),
            }),
            Arc::new(tasks::Watch {
                db: self.ctx.db.clone(),
            }),
        ]
    }

    /// It writes every topic, but only what another module wrote there before.
    fn writes(&self) -> &'static [Topic] {
        &[]
    }
}
