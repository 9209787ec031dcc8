//! How payments come to be: no database, no clock, no HTTP.

pub mod due;
pub mod dues_csv;
pub mod item;
