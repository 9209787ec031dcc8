//! Rows of people, offices, credentials and keys.

pub(crate) mod assigned;
pub(crate) mod attempt;
pub(crate) mod credential;
pub(crate) mod key;
pub(crate) mod office;
mod schema;
pub(crate) mod security;
pub(crate) mod service;
pub(crate) mod user;
