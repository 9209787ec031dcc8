//! The events that modules exchange, typed and versioned.
pub mod topics;
