//! What every module stands on: values, database, events, HTTP, authentication. It knows no module.

pub mod clock;
pub mod db;
pub mod events;
pub mod faults;
pub mod id;
pub mod instant;
pub mod json;
pub mod module;
pub mod scheduler;
