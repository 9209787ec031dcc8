//! Applications (pratiche): life cycle, data, attachments, messages, history.

pub mod access;
pub mod api;
pub mod deliveries;
pub mod domain;
pub mod files;
pub mod messages;
pub mod store;
pub mod texts;

#[cfg(test)]
mod rooms_tests;
