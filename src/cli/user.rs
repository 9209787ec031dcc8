//! `opencity user …`

use std::io::BufRead;
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::Tenancy;
use opencity_kernel::module::StartError;
use secrecy::SecretString;

use super::{Common, say};
use crate::modules;
use crate::server::Composition;

/// What a user is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    /// Works applications.
    Operator,
    /// Administrates a body.
    Admin,
    /// Administrates the platform.
    Platform,
    /// A citizen.
    Citizen,
}

/// Commands on users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make a user. The password is read from standard input.
    #[command(
        after_help = "Example:\n  echo 'a long pass phrase' | opencity user create --tenant comune-di-bugliano --kind admin --username ada --given-name Ada --family-name Neri --email ada@example.org"
    )]
    Create {
        /// The slug of the body.
        #[arg(long)]
        tenant: String,
        /// What he is.
        #[arg(long, value_enum, default_value = "operator")]
        kind: Kind,
        /// His user name (not of citizens).
        #[arg(long)]
        username: Option<String>,
        /// First name.
        #[arg(long)]
        given_name: Option<String>,
        /// Family name.
        #[arg(long)]
        family_name: Option<String>,
        /// E-mail.
        #[arg(long)]
        email: Option<String>,
        /// Fiscal code (of citizens).
        #[arg(long)]
        tax_code: Option<String>,
        /// An operator for integrations by API.
        #[arg(long)]
        system_user: bool,
    },
    /// Set a user's password, read from standard input.
    #[command(
        after_help = "Example:\n  echo 'another long pass phrase' | opencity user passwd --tenant comune-di-bugliano --username ada"
    )]
    Passwd {
        /// The slug of the body.
        #[arg(long)]
        tenant: String,
        /// The user name; of a citizen, the fiscal code.
        #[arg(long)]
        username: String,
    },
}

impl UserCommand {
    /// Carries the command out.
    pub async fn run(self, common: &Common) -> Result<(), StartError> {
        let composition = common.compose(modules::linked()).await?;
        let context = ModuleContext::new(Arc::clone(&composition.platform), opencity_kernel::INFO);
        match self {
            Self::Create {
                tenant,
                kind,
                username,
                given_name,
                family_name,
                email,
                tax_code,
                system_user,
            } => {
                let tenancy = tenancy_of(&composition, &tenant).await?;
                let new = opencity_identity::NewUser {
                    kind: match kind {
                        Kind::Operator => opencity_identity::UserKind::Operator,
                        Kind::Admin => opencity_identity::UserKind::Administrator,
                        Kind::Platform => opencity_identity::UserKind::Platform,
                        Kind::Citizen => opencity_identity::UserKind::Citizen,
                    },
                    username,
                    password: Some(password()?),
                    given_name,
                    family_name,
                    email,
                    tax_code,
                    system_user,
                    ..opencity_identity::NewUser::default()
                };
                let made = opencity_identity::create_user(&context, tenancy, new)
                    .await
                    .map_err(|refusal| StartError(refusal.for_people()))?;
                say(&made.id.to_string())
            }
            Self::Passwd { tenant, username } => {
                let tenancy = tenancy_of(&composition, &tenant).await?;
                opencity_identity::set_password(&context, tenancy, &username, password()?)
                    .await
                    .map_err(|refusal| StartError(refusal.for_people()))?;
                say("the password is set")
            }
        }
    }
}

/// The tenant of a slug. A tenant made a moment ago reaches the directory by its event, which a running
/// process takes; without one, its row is not to be found yet.
async fn tenancy_of(composition: &Composition, slug: &str) -> Result<Tenancy, StartError> {
    composition.catch_up().await?;
    let tenant = composition.platform.directory.by_slug(slug).await?;
    tenant
        .map(|tenant| Tenancy::from_row(tenant.id))
        .ok_or_else(|| {
            StartError(format!(
                "there is no body with the slug {slug}; make it with `opencity tenant create`"
            ))
        })
}

/// The first line of standard input.
fn password() -> Result<SecretString, StartError> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| {
            StartError::new("the password cannot be read from standard input", error)
        })?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(StartError(
            "give the password on standard input, e.g. echo 'a long pass phrase' | opencity user …"
                .to_owned(),
        ));
    }
    Ok(line.to_owned().into())
}
