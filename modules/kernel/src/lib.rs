//! What every module stands on: values, database, events, HTTP, authentication. It knows no module.

pub mod auth;
pub mod clamd;
pub mod clock;
pub mod config;
pub mod context;
pub mod crypto;
mod data_dir;
pub mod db;
pub mod demo;
pub mod directory;
pub mod events;
pub mod faults;
pub mod files;
pub mod http;
pub mod http_client;
pub mod i18n;
pub mod id;
pub mod instant;
pub mod json;
pub mod mail;
pub mod module;
pub use opencity_contracts::money;
pub mod notice_number;
pub mod problem;
pub mod scheduler;
mod sources;
pub mod sweep;
pub mod tax_code;
pub mod telemetry;
mod trace;

use db::Migration;
use module::ModuleInfo;

/// The kernel, as a part of the binary with tables and a consumer of its own.
pub const INFO: ModuleInfo = module_info!("kernel", "Kernel");
/// The kernel's tables.
pub const MIGRATIONS: &[Migration] = migrations!(
    "kernel",
    "20261124090000_initial" => 1,
    "20261125030000_idempotency_running" => 1,
    "20261125090000_received" => 1,
    "20261130180000_trace" => 1,
);

pub use problem::{FieldProblem, Problem, ProblemKind};
