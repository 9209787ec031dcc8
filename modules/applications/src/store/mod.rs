//! The module's tables: one file per aggregate.

pub mod file;
pub mod message;
pub mod schema_messages;
