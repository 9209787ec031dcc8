//! The module's rows.

pub mod application;
pub mod config;
pub mod debt;
pub mod schema;
pub mod tenant;
