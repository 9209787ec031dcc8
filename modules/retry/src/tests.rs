//! The whole way of an event that fails, on a real database with the kernel's runner.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod dead_letters;
mod redelivery;
mod store;
mod world;
