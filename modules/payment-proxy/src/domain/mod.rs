//! What happens to a debt: no database, no clock, no HTTP.

pub mod links;
pub mod outcome;
pub mod polling;
pub mod reason;
pub mod settings;
