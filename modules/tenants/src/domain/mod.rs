//! What a body's data must obey. Nothing here does I/O.

mod rules;

pub(crate) use rules::{host_fault, slug_fault};
