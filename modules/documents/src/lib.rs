//! The documents that applications produce, their PDF, folders.

pub mod render;
