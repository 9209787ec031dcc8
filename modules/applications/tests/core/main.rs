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
mod assignment;
mod backoffice;
mod bulk;
mod closing;
mod create;
mod duplicates;
#[path = "../expectations/mod.rs"]
mod expectations;
mod export;
mod external;
mod lifecycle;
mod list;
mod offered;
mod payments;
mod races;
mod reports;
mod strict;
mod world;
