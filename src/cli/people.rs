//! `opencity tenant …`, `opencity user …`

use clap::Subcommand;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::module::StartError;
use std::sync::Arc;

use super::{Common, say};
use crate::modules;
use crate::server::Composition;

/// The context of a linked module.
pub fn context(composition: &Composition, module: &str) -> ModuleContext {
    let info = composition
        .platform
        .modules
        .iter()
        .copied()
        .find(|info| info.name == module)
        .unwrap_or(opencity_kernel::INFO);
    ModuleContext::new(Arc::clone(&composition.platform), info)
}

#[derive(Debug, Subcommand)]
pub enum TenantCommand {}
#[derive(Debug, Subcommand)]
pub enum UserCommand {}

impl TenantCommand {
    pub async fn run(self, common: &Common) -> Result<(), StartError> {
        let _ = (common.compose(modules::linked()).await?, say);
        match self {}
    }
}
impl UserCommand {
    pub async fn run(self, common: &Common) -> Result<(), StartError> {
        let _ = common;
        match self {}
    }
}
