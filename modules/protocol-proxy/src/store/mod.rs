//! The module's rows.

pub(crate) mod config;
pub(crate) mod hand_number;
pub(crate) mod registration;
pub(crate) mod schema;
pub(crate) mod service;
