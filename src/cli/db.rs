//! `opencity db …`

use clap::Subcommand;
use opencity_kernel::module::StartError;
use secrecy::SecretString;

use super::{Common, say};
use crate::modules;

/// Commands on the database.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Copy everything from SQLite into an empty PostgreSQL database, row by row, and compare it. The installation must
    /// not run meanwhile; its files and keys stay where they are.
    #[command(
        after_help = "Example:\n  opencity db copy --config /etc/opencity.toml --to postgres://opencity@127.0.0.1/opencity"
    )]
    Copy {
        /// postgres://…
        #[arg(
            long,
            value_name = "URL",
            env = "OPENCITY_DB_COPY_TO",
            hide_env_values = true
        )]
        to: SecretString,
    },
}

impl DbCommand {
    /// Carries the command out.
    pub async fn run(self, common: &Common) -> Result<(), StartError> {
        let composition = common.compose(modules::linked()).await?;
        match self {
            Self::Copy { to } => {
                let copied = composition.copy_to(to).await?;
                for table in &copied {
                    say(&format!("{} {}", table.name, table.rows))?;
                }
                let rows: i64 = copied.iter().map(|table| table.rows).sum();
                say(&format!(
                    "{rows} rows of {} tables are there, each equal; set database.url to the new one and start",
                    copied.len()
                ))
            }
        }
    }
}
