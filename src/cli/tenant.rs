//! `opencity tenant …`

use std::sync::Arc;

use clap::Subcommand;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::module::StartError;

use super::{Common, say};
use crate::modules;

/// Commands on tenants.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a body.
    #[command(
        after_help = "Example:\n  opencity tenant create --slug comune-di-bugliano --name \"Comune di Bugliano\" --host servizi.comune.bugliano.pi.it"
    )]
    Create {
        /// First path segment of its URLs: lower-case letters, digits, hyphens.
        #[arg(long)]
        slug: String,
        /// Its name.
        #[arg(long)]
        name: String,
        /// A host that it answers under; the first one stands in public links.
        #[arg(long = "host", value_name = "HOST")]
        hosts: Vec<String>,
        /// Its tax code, 11 digits.
        #[arg(long, value_name = "CODE")]
        tax_code: Option<String>,
        /// Its code in the index of public administrations.
        #[arg(long, value_name = "CODE")]
        ipa_code: Option<String>,
    },
}

impl TenantCommand {
    /// Carries the command out.
    pub async fn run(self, common: &Common) -> Result<(), StartError> {
        let composition = common.compose(modules::linked()).await?;
        let context = ModuleContext::new(Arc::clone(&composition.platform), opencity_kernel::INFO);
        match self {
            Self::Create {
                slug,
                name,
                hosts,
                tax_code,
                ipa_code,
            } => {
                let new = opencity_tenants::NewTenant {
                    id: None,
                    slug,
                    name,
                    hosts,
                    tax_identification_number: tax_code,
                    ipa_code,
                };
                let made = opencity_tenants::create(&context, new)
                    .await
                    .map_err(|refusal| StartError(refusal.for_people()))?;
                say(&made.id.to_string())
            }
        }
    }
}
