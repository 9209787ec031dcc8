//! What a document is, without database and network.

pub(crate) mod access;
pub(crate) mod assembly;
pub(crate) mod content;
pub(crate) mod deposit;
pub(crate) mod plain_text;
