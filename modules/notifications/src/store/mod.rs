//! Tables of the module.

pub mod delivery;
pub mod replica;
pub mod schema;
