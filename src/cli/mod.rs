//! The command line.

mod db;
mod events;
mod grants;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "identity")]
mod key;
mod router;
#[cfg(feature = "tenants")]
mod tenant;
#[cfg(feature = "identity")]
mod user;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use opencity_kernel::config::Config;
use opencity_kernel::http::{BodyLimits, asyncapi_document, merged_openapi, module_openapi};
use opencity_kernel::http_client::{HttpClient, OutgoingRequest, TargetPolicy};
use opencity_kernel::module::StartError;
use opencity_kernel::telemetry;

use crate::modules::{self, Linked};
use crate::server::Composition;

/// Digital services of Italian municipalities.
#[derive(Debug, Parser)]
#[command(
    name = "opencity",
    version,
    after_help = "Example:\n  opencity serve --demo\n\nEvery setting is in config/default.toml; `opencity config print` shows those in force."
)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Common {
    /// A file of settings over the defaults.
    #[arg(long, global = true, value_name = "FILE", env = "OPENCITY_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of everything kept on disk.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// postgres://… or the path of an SQLite file.
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the modules of this binary.
    #[command(
        after_help = "Examples:\n  opencity serve --demo\n  opencity serve --only payments,payment-proxy --listen 0.0.0.0:8080 --database-url postgres://opencity@db/opencity"
    )]
    Serve {
        /// Seed the demo municipality and start its sandbox.
        #[arg(long)]
        demo: bool,
        /// Only these modules, separated by commas.
        #[arg(long, value_delimiter = ',', value_name = "MODULES")]
        only: Vec<String>,
        /// Address and port.
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
    },
    /// Apply the migrations that are missing.
    #[command(
        after_help = "Examples:\n  opencity migrate --database-url postgres://opencity@localhost/opencity\n  opencity migrate --grant opencity_ | psql postgres://opencity@localhost/opencity"
    )]
    Migrate {
        /// Print the SQL, too, that makes a PostgreSQL role for each module, with this before the module's name: it reaches
        /// the module's own tables, the log and the kernel's, and no others.
        #[arg(long, value_name = "PREFIX")]
        grant: Option<String>,
    },
    /// The database.
    #[command(subcommand)]
    Db(db::DbCommand),
    /// Tenants.
    #[cfg(feature = "tenants")]
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// Users.
    #[cfg(feature = "identity")]
    #[command(subcommand)]
    User(user::UserCommand),
    /// Keys that sign tokens.
    #[cfg(feature = "identity")]
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Print the OpenAPI document.
    #[command(after_help = "Example:\n  opencity openapi --module payments > payments.json")]
    Openapi {
        /// Of one module; all without it.
        #[arg(long)]
        module: Option<String>,
    },
    /// Print the AsyncAPI document of the events.
    #[command(after_help = "Example:\n  opencity asyncapi > events.json")]
    Asyncapi,
    /// Write the configuration of the router in front of several processes.
    #[command(
        after_help = "Examples:\n  opencity router-config --format caddy --host servizi.comune.bugliano.example --output /etc/caddy\n  opencity router-config --format nginx --host servizi.comune.bugliano.example --tls files --upstream http://127.0.0.1:8080 --upstream payments=http://10.0.0.7:8080"
    )]
    RouterConfig(router::RouterConfig),
    /// Events: look at them, take them again.
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// The brokers.
    #[cfg(feature = "kafka")]
    #[command(subcommand)]
    Kafka(kafka::KafkaCommand),
    /// The settings in force.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask a running process whether it is alive (exit code 0 or 1).
    #[command(
        after_help = "Example:\n  opencity healthcheck --url http://127.0.0.1:8080/status/live"
    )]
    Healthcheck {
        /// What to ask; by default the address in http.listen.
        #[arg(long)]
        url: Option<String>,
    },
    /// Print the version of the binary and of each module.
    #[command(after_help = "Example:\n  opencity version")]
    Version,
    /// Run the demo's payment intermediary and registry.
    #[cfg(feature = "sandbox")]
    #[command(
        after_help = "Example:\n  opencity sandbox --listen 127.0.0.1:8090 --data-dir var/sandbox"
    )]
    Sandbox {
        /// Address and port.
        #[arg(long, default_value = "127.0.0.1:8090")]
        listen: std::net::SocketAddr,
        /// Where a browser reaches its payment page, if not on the host that the platform uses.
        #[arg(long, value_name = "URL")]
        public_url: Option<String>,
        /// End when standard input does: with the process that started it.
        #[arg(long, hide = true)]
        while_stdin_is_open: bool,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print all settings, secrets masked.
    #[command(after_help = "Example:\n  OPENCITY__HTTP__LISTEN=0.0.0.0:80 opencity config print")]
    Print,
}

/// Tells what went wrong and ends with a failure.
pub fn fail(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "opencity: {message}");
    ExitCode::FAILURE
}

/// Writes a line to standard output. A closed pipe ends the output quietly.
fn say(line: &str) -> Result<(), StartError> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(|error| StartError::new("cannot write to standard output", error)),
    }
}

impl Common {
    fn load(&self, mut overrides: Vec<(&str, String)>) -> Result<Config, StartError> {
        if let Some(folder) = &self.data_dir {
            overrides.push(("data_dir", folder.to_string_lossy().into_owned()));
        }
        if let Some(url) = &self.database_url {
            overrides.push(("database.url", url.clone()));
        }
        Config::load(self.config.as_deref(), &overrides)
    }

    /// All modules over the configured database, without serving.
    async fn compose(&self, only: Vec<Linked>) -> Result<Composition, StartError> {
        let mut config = self.load(Vec::new())?;
        "warn".clone_into(&mut config.log.filter);
        telemetry::start_logs(&config.log)?;
        let composition = Composition::new(config, only)?;
        composition.migrate().await?;
        Ok(composition)
    }
}

impl Cli {
    /// Carries the command out.
    ///
    /// # Errors
    /// In a sentence that says what to do next.
    pub async fn run(self) -> Result<(), StartError> {
        let Self { common, command } = self;
        match command {
            Command::Serve { demo, only, listen } => {
                let mut overrides = Vec::new();
                if demo {
                    overrides.push(("demo.enabled", "true".to_owned()));
                    overrides.push(("tenants.fallback", "comune-di-bugliano".to_owned()));
                }
                if let Some(address) = listen {
                    overrides.push(("http.listen", address));
                }
                let config = common.load(overrides)?;
                telemetry::start_logs(&config.log)?;
                Composition::new(config, modules::chosen(&only)?)?
                    .serve()
                    .await
            }
            Command::Migrate { grant } => {
                let config = common.load(Vec::new())?;
                telemetry::start_logs(&config.log)?;
                let composition = Composition::new(config, modules::linked())?;
                let applied = composition.migrate().await?;
                if let Some(prefix) = grant {
                    return grants::print(&composition, &prefix).await;
                }
                for step in &applied {
                    say(&format!("applied {step}"))?;
                }
                say(&format!(
                    "{} migrations applied; the database is up to date",
                    applied.len()
                ))
            }
            Command::Db(command) => command.run(&common).await,
            #[cfg(feature = "tenants")]
            Command::Tenant(command) => command.run(&common).await,
            #[cfg(feature = "identity")]
            Command::User(command) => command.run(&common).await,
            #[cfg(feature = "identity")]
            Command::Key(command) => command.run(&common).await,
            Command::Events(command) => command.run(&common).await,
            #[cfg(feature = "kafka")]
            Command::Kafka(command) => command.run(&common).await,
            Command::Openapi { module } => {
                let only: Vec<String> = module.into_iter().collect();
                let one = !only.is_empty();
                let composition = describe(&common, modules::chosen(&only)?)?;
                let limits = BodyLimits::of(&composition.platform.config.http);
                let document = match composition.modules.first() {
                    Some(module) if one => module_openapi(module.as_ref(), limits),
                    _ => merged_openapi(&composition.modules, limits),
                };
                say(&format!("{document:#}"))
            }
            Command::Asyncapi => {
                let composition = describe(&common, modules::linked())?;
                say(&format!("{:#}", asyncapi_document(&composition.modules)))
            }
            Command::RouterConfig(command) => command.run(&common),
            Command::Config(ConfigCommand::Print) => {
                let config = common.load(Vec::new())?;
                say(&format!("{:#}", config.masked()?))
            }
            Command::Healthcheck { url } => {
                let config = common.load(Vec::new())?;
                let url = url.unwrap_or_else(|| {
                    format!(
                        "http://{}/status/live",
                        config.http.listen.replace("0.0.0.0", "127.0.0.1")
                    )
                });
                healthcheck(&config, &url).await
            }
            Command::Version => {
                say(&format!("opencity {}", env!("CARGO_PKG_VERSION")))?;
                modules::linked().iter().try_for_each(|module| {
                    say(&format!("{} {}", module.info.name, module.info.version))
                })
            }
            #[cfg(feature = "sandbox")]
            Command::Sandbox {
                listen,
                public_url,
                while_stdin_is_open,
            } => {
                let config = common.load(Vec::new())?;
                telemetry::start_logs(&config.log)?;
                let data_dir = common
                    .data_dir
                    .unwrap_or_else(|| PathBuf::from("var/sandbox"));
                let serving = opencity_sandbox::serve(opencity_sandbox::Options {
                    listen,
                    data_dir,
                    public_url,
                });
                tokio::select! {
                    served = serving => {
                        served.map_err(|error| StartError::new("the sandbox ended", error))
                    }
                    () = end_of_input(), if while_stdin_is_open => Ok(()),
                }
            }
        }
    }
}

/// The modules over a database of no matter, for their documents only.
fn describe(common: &Common, linked: Vec<Linked>) -> Result<Composition, StartError> {
    let folder = std::env::temp_dir().join(format!("opencity-{}", std::process::id()));
    let mut config = common.load(vec![
        ("data_dir", folder.to_string_lossy().into_owned()),
        ("database.url", String::new()),
    ])?;
    config.data_dir.clone_from(&folder);
    let composition = Composition::new(config, linked);
    let _ = std::fs::remove_dir_all(folder);
    composition
}

/// Waits until nobody can write to standard input any more. A thread of its own: reading blocks.
#[cfg(feature = "sandbox")]
async fn end_of_input() {
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}

async fn healthcheck(config: &Config, url: &str) -> Result<(), StartError> {
    let target = url
        .parse()
        .map_err(|error| StartError::new(format!("{url} is not a URL"), error))?;
    let client = HttpClient::new(config.http_client.clone())
        .map_err(|error| StartError::new("the HTTP client cannot start", error))?;
    let request = OutgoingRequest::new(
        "GET".parse().unwrap_or_default(),
        target,
        TargetPolicy::Trusted,
    );
    let response = client.request(request).await.map_err(|error| {
        StartError::new("it does not answer; is `opencity serve` running?", error)
    })?;
    if response.status.is_success() {
        say("ok")
    } else {
        Err(StartError(format!("it answers {}", response.status)))
    }
}
