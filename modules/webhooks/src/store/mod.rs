//! Rows.

pub(crate) mod delivery;
pub(crate) mod schema;
pub(crate) mod service;
pub(crate) mod webhook;
