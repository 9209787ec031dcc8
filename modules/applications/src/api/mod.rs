//! The API: one file per resource.

pub mod attachments;
pub mod messages;
pub mod upload;
