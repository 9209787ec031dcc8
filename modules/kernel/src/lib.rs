//! What every module stands on: values, database, events, HTTP, authentication; it knows no module.

pub mod crypto;
pub mod faults;
pub mod files;
pub mod http_client;
pub mod i18n;
pub mod mail;
pub mod money;
pub mod notice_number;
pub mod tax_code;
