//! Black-box tests: the real binary, its sandbox, SQLite and PostgreSQL, over HTTP only.
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

mod backup;
mod bad_input;
mod brokers;
mod catalogue;
mod common;
mod database_away;
mod demo_services;
mod faults;
mod idempotency;
mod idle;
mod keys;
mod main_job;
mod many_applications;
mod moving;
mod office;
mod reports;
mod roles;
mod rolling;
mod router;
mod split;
mod tenants;
mod told;
