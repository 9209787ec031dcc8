//! Applications (pratiche): life cycle, data, attachments, messages, history.

mod aggregate;
mod body;
pub mod domain;
mod engine;
pub mod store;
mod terms;

use opencity_kernel::db::Migration;
use opencity_kernel::module::ModuleInfo;
use opencity_kernel::{migrations, module_info};

/// The module.
pub const INFO: ModuleInfo = module_info!("applications", "Applications");
/// Its tables.
pub const MIGRATIONS: &[Migration] = migrations!("applications", "20261124100000_initial" => 1);
