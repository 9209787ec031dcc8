//! The life of a payment at the sandbox's intermediary, and what its faults do to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

mod cancelling;
mod configurations;
mod door;
mod faults;
mod paying;
#[path = "../support/mod.rs"]
mod support;

/// Where the payments of the tests lead back.
const LANDING: &str = "https://servizi.example.it/lang/it/pratiche/1/detail";
