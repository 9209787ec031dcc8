//! The module's rows.

pub(crate) mod document;
pub(crate) mod folder;
pub(crate) mod replica;
pub(crate) mod schema;
pub(crate) mod waiting;
