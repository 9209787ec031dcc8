//! The module's rows.

pub mod import;
pub mod payment;
pub mod replica;
pub mod schema;
