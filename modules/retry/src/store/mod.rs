//! Rows.

pub(crate) mod dead_letter;
pub(crate) mod entry;
pub(crate) mod schema;

use opencity_kernel::id::Id;

/// Whatever an event is about; the retry does not look into it.
#[derive(Debug)]
pub enum Entity {}
/// The entity that an event is about.
pub type EntityId = Id<Entity>;
