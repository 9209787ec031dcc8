//! Tables of the module.

pub mod job;
pub mod schema;
pub mod service;
