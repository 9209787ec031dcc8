//! The module's tables: one file per aggregate.

pub mod application;
pub mod history;
pub mod replica;
pub(crate) mod schema;
