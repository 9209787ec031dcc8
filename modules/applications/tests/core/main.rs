//! The life of an application over HTTP, on a real database, with the module as it is put together.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod acts;
mod create;
#[path = "../expectations/mod.rs"]
mod expectations;
mod lifecycle;
mod list;
mod payments;
mod races;
mod strict;
mod world;
