//! `opencity key …`

use std::sync::Arc;

use clap::Subcommand;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::module::StartError;

use super::{Common, say};
use crate::modules;

/// Commands on the keys that sign tokens.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a new key sign. Tokens of the former one stay good until they end; running processes take the new one up within
    /// a minute.
    #[command(after_help = "Example:\n  opencity key rotate")]
    Rotate,
}

impl KeyCommand {
    /// Carries the command out.
    pub async fn run(self, common: &Common) -> Result<(), StartError> {
        let composition = common.compose(modules::linked()).await?;
        let context = ModuleContext::new(Arc::clone(&composition.platform), opencity_kernel::INFO);
        match self {
            Self::Rotate => say(&opencity_identity::rotate_keys(&context).await?),
        }
    }
}
