//! The module's tables: one file per aggregate.

pub mod application;
pub mod bulk;
pub mod external;
pub mod file;
pub mod history;
pub mod message;
pub mod payment;
pub mod replica;
pub(crate) mod schema;
pub mod schema_messages;
pub mod unique_id;
