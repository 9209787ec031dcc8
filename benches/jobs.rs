//! Whole main jobs: how many in a second one process does, and twelve. docs/performance.md says what the figures mean.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[allow(dead_code, reason = "the other benchmarks need more of it")]
mod support;

#[path = "../tests/blackbox/main_job.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the checks of the outcome are the tests'"
)]
mod main_job;

use std::sync::Arc;
use std::time::Duration;

use support::common::{self, Options, Platform, Store};
use support::{load_on, tell, tell_where};

/// Jobs, and citizens who do them at the same time.
const JOBS: usize = if cfg!(debug_assertions) { 8 } else { 100 };
const CITIZENS: usize = 8;

#[tokio::main]
async fn main() {
    tell_where();
    measure("one process, SQLite", Platform::start(Store::Sqlite).await).await;
    measure(
        "one process, PostgreSQL",
        Platform::start(Store::Postgres).await,
    )
    .await;
    let split = Platform::start_split(Options::default(), 1).await;
    measure("twelve processes, one PostgreSQL database", split).await;
    let joined = Platform::start_joined(Options::default()).await;
    measure(
        "twelve processes, a PostgreSQL database each, Kafka",
        joined,
    )
    .await;
}

/// Main jobs on a platform, side by side.
async fn measure(what: &str, platform: Platform) {
    let platform = Arc::new(platform);
    main_job::run(&platform).await;
    let measured = load_on(CITIZENS, JOBS, Duration::MAX, {
        let platform = Arc::clone(&platform);
        move |_| {
            let platform = Arc::clone(&platform);
            async move {
                main_job::run(&platform).await;
            }
        }
    })
    .await;
    tell(&format!("main jobs, {what}"), measured.told(), "");
}
