//! The module's rows.

pub(crate) mod citizen;
pub(crate) mod deposit;
pub(crate) mod document;
pub(crate) mod folder;
pub(crate) mod personal_folder;
pub(crate) mod replica;
pub(crate) mod schema;
pub(crate) mod waiting;
