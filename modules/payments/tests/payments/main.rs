//! The module with its consumers and tasks on a real database, told things by events as in an installation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

mod api;
mod applications;
mod imports;
mod installation;
mod served;
