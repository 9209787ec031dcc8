//! From the event to the receiver: real database, the kernel's runner, a real HTTP server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod administration;
mod attempts;
mod events;
mod secrets;
mod store;
mod world;
