//! Composition: database, modules, consumers, tasks, HTTP, from start to a clean stop.

#[cfg(feature = "kafka")]
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use opencity_kernel::config::Config;
use opencity_kernel::context::Platform;
use opencity_kernel::db::{CopiedTable, Database};
use opencity_kernel::directory::DirectoryConsumer;
use opencity_kernel::events::{Carrier, Runner};
#[cfg(feature = "kafka")]
use opencity_kernel::events::{Consumer as _, Topic};
use opencity_kernel::http::{Server, ServerParts};
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::sweep::{Sweep, free_keys};
use opencity_kernel::{auth, scheduler, telemetry};
use secrecy::SecretString;
use tokio::sync::watch;

use crate::modules::Linked;

/// Within this time a stop is over, whatever still runs.
const STOP_WITHIN: Duration = Duration::from_secs(14);

/// The platform with its modules, not serving yet.
pub struct Composition {
    /// What the modules share.
    pub platform: Arc<Platform>,
    /// The modules.
    pub modules: Vec<Arc<dyn Module>>,
    linked: Vec<Linked>,
}

impl Composition {
    /// Opens everything.
    ///
    /// # Errors
    /// In a sentence that says what to do.
    pub fn new(config: Config, linked: Vec<Linked>) -> Result<Self, StartError> {
        let infos: Vec<ModuleInfo> = linked.iter().map(|module| module.info).collect();
        let platform = Arc::new(Platform::start(config, infos)?);
        let modules = linked
            .iter()
            .map(|module| module.make(&platform))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            platform,
            modules,
            linked,
        })
    }

    /// Applies the migrations that are missing; what was applied.
    ///
    /// # Errors
    /// If the database is of a newer version, or refuses.
    pub async fn migrate(&self) -> Result<Vec<String>, StartError> {
        self.migrate_other(&self.platform.database).await
    }

    async fn migrate_other(&self, database: &Database) -> Result<Vec<String>, StartError> {
        let mut all = vec![(opencity_kernel::INFO, opencity_kernel::MIGRATIONS)];
        all.extend(
            self.linked
                .iter()
                .map(|module| (module.info, module.migrations)),
        );
        database
            .migrate(all)
            .await
            .map_err(|error| StartError::new("the database cannot be migrated", error))
    }

    /// Copies the SQLite database of this installation, which must not run, into a PostgreSQL one.
    ///
    /// # Errors
    /// In a sentence that says what to do.
    pub async fn copy_to(&self, url: SecretString) -> Result<Vec<CopiedTable>, StartError> {
        let _alone = alone(&self.platform)?;
        let mut settings = self.platform.config.database.clone();
        settings.url = url;
        let target = Database::open(&settings, opencity_kernel::INFO)?;
        self.migrate_other(&target).await?;
        self.platform
            .database
            .copy_to(&target)
            .await
            .map_err(|error| StartError::new("nothing was copied", error))
    }

    /// Lets the directory take what was written before: for commands beside which no process may run.
    ///
    /// # Errors
    /// If the database refuses.
    #[cfg(feature = "identity")]
    pub async fn catch_up(&self) -> Result<(), StartError> {
        let (stop, stopping) = watch::channel(false);
        let platform = &self.platform;
        let mut runner = Runner::new(
            platform.config.events.clone(),
            platform.bus.clone(),
            stopping,
        );
        runner.start_relay(&platform.database).await?;
        runner
            .start(&platform.database, Arc::new(DirectoryConsumer))
            .await?;
        platform.caught_up(opencity_kernel::INFO.name).await?;
        stop.send_replace(true);
        runner.join().await;
        Ok(())
    }

    /// Serves until the process is told to stop.
    ///
    /// # Errors
    /// In a sentence that says what to do.
    pub async fn serve(self) -> Result<(), StartError> {
        let config = &self.platform.config;
        let metrics = telemetry::start_metrics(&config.log)?;
        let _alone = alone(&self.platform)?;
        let listener = listen(config)?;
        let applied = self.migrate().await?;
        if !applied.is_empty() {
            tracing::info!(count = applied.len(), "migrations applied");
        }
        let (stop, stopping) = watch::channel(false);
        if !self.platform.has_module("identity") && config.auth.jwks_url.is_empty() {
            tracing::warn!(
                "identity does not run here and auth.jwks_url is empty: no token of a person can be checked"
            );
        }
        free_keys(&self.platform.database).await?;
        for module in &self.modules {
            module.prepare().await?;
        }
        let runner = self.start_background(stopping.clone()).await?;
        let _sandbox = if config.demo.enabled {
            self.start_demo().await?
        } else {
            None
        };
        tokio::spawn(tell_to_stop(stop));
        let address = listener
            .local_addr()
            .map_err(|error| StartError::new("cannot listen", error))?;
        tracing::info!(%address, modules = self.modules.len(), "serving; see /docs");
        let parts = ServerParts {
            platform: Arc::clone(&self.platform),
            modules: self.modules.clone(),
            metrics,
            stop: stopping,
        };
        let served = Server::run(listener, parts).await;
        if tokio::time::timeout(STOP_WITHIN, runner.join())
            .await
            .is_err()
        {
            tracing::error!("some work did not end in time; it goes on at the next start");
        }
        self.platform.database.close().await;
        tracing::info!("stopped");
        served
    }

    async fn start_background(
        &self,
        stopping: watch::Receiver<bool>,
    ) -> Result<Runner, StartError> {
        let platform = &self.platform;
        let settings = platform.config.events.clone();
        let carrier = settings.carrier;
        let mut runner = Runner::new(settings, platform.bus.clone(), stopping.clone());
        if carrier != Carrier::None {
            runner.start_relay(&platform.database).await?;
            runner
                .start(&platform.database, Arc::new(DirectoryConsumer))
                .await?;
        }
        runner.spawn(auth::keep_fresh(Arc::clone(platform), stopping.clone()));
        if carrier == Carrier::Kafka {
            self.start_kafka(&mut runner).await?;
        }
        let lease = runner.lease(&platform.database).await?;
        let sweep = Arc::new(Sweep::new(platform.database.clone()));
        runner.spawn(scheduler::run(
            sweep,
            lease,
            platform.wakes.clone(),
            stopping.clone(),
        ));
        for module in &self.modules {
            let database = platform.database.for_module(module.info());
            if carrier != Carrier::None {
                for consumer in module.consumers() {
                    runner.start(&database, consumer).await?;
                }
            }
            for task in module.tasks() {
                let lease = runner.lease(&database).await?;
                runner.spawn(scheduler::run(
                    task,
                    lease,
                    platform.wakes.clone(),
                    stopping.clone(),
                ));
            }
        }
        Ok(runner)
    }

    #[cfg(feature = "kafka")]
    async fn start_kafka(&self, runner: &mut Runner) -> Result<(), StartError> {
        let mut settings = self.platform.config.kafka.clone();
        if settings.group.is_empty() {
            let names: Vec<_> = self
                .modules
                .iter()
                .map(|module| module.info().name)
                .collect();
            settings.group = format!("opencity.{}", names.join("+"));
        }
        let consumers = self.modules.iter().flat_map(|module| module.consumers());
        let topics: BTreeSet<Topic> = consumers
            .flat_map(|consumer| consumer.topics().to_vec())
            .chain(DirectoryConsumer.topics().to_vec())
            .collect();
        let topics = topics.into_iter().collect();
        runner
            .start_kafka(&self.platform.database, &settings, topics)
            .await
    }

    #[cfg(not(feature = "kafka"))]
    async fn start_kafka(&self, _runner: &mut Runner) -> Result<(), StartError> {
        Err(StartError(
            "events.carrier is kafka, and this binary is built without it; build with --features kafka, or choose embedded"
                .to_owned(),
        ))
    }

    async fn start_demo(&self) -> Result<Option<tokio::process::Child>, StartError> {
        tracing::warn!("the demo municipality is on: its users' passwords are public");
        let sandbox = sandbox::start(&self.platform.config).await?;
        for module in &self.modules {
            module.seed_demo().await?;
        }
        // Whoever is told that it serves finds the municipality.
        self.platform.caught_up("kernel").await?;
        Ok(sandbox)
    }
}

/// SQLite is opened by one process: a second one would work on the same events.
fn alone(platform: &Platform) -> Result<Option<std::fs::File>, StartError> {
    if platform.database.is_postgres() {
        return Ok(None);
    }
    let path = platform.config.in_data_dir("opencity.lock");
    let cannot = |error: &dyn std::fmt::Display| {
        StartError::new(format!("{} cannot be locked", path.display()), error)
    };
    let file = std::fs::File::create(&path).map_err(|error| cannot(&error))?;
    file.try_lock().map_err(|_| {
        StartError(format!(
            "another opencity runs on {}; stop it, or choose another --data-dir",
            platform.config.data_dir.display()
        ))
    })?;
    Ok(Some(file))
}

fn listen(config: &Config) -> Result<TcpListener, StartError> {
    let address = &config.http.listen;
    let listener = TcpListener::bind(address).map_err(|error| {
        StartError::new(
            format!("cannot listen on {address}; choose another with --listen"),
            error,
        )
    })?;
    let loopback = listener
        .local_addr()
        .is_ok_and(|address| address.ip().is_loopback());
    if config.demo.enabled && !loopback && !config.demo.dangerous_listen_anywhere {
        return Err(StartError(
            "the demo listens on the loopback address only, since its passwords are public; \
             set demo.dangerous_listen_anywhere to let others reach it"
                .to_owned(),
        ));
    }
    Ok(listener)
}

/// Waits for SIGTERM or ctrl-c.
async fn tell_to_stop(stop: watch::Sender<bool>) {
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopping");
    stop.send_replace(true);
}

/// The demo's intermediary and registry: a process of its own, as in the real world.
#[cfg(feature = "sandbox")]
mod sandbox {
    use std::process::Stdio;
    use std::time::Duration;

    use opencity_kernel::config::Config;
    use opencity_kernel::module::StartError;
    use tokio::net::TcpStream;
    use tokio::process::{Child, Command};

    /// Starts it, unless one answers there already (left by a process that was killed).
    pub async fn start(config: &Config) -> Result<Option<Child>, StartError> {
        let listen = &config.demo.sandbox_listen;
        if listen.is_empty() || answers(listen).await {
            return Ok(None);
        }
        let program = std::env::current_exe()
            .map_err(|error| StartError::new("the demo's sandbox cannot start", error))?;
        let child = Command::new(program)
            .args(["sandbox", "--while-stdin-is-open", "--listen", listen])
            .arg("--data-dir")
            .arg(config.in_data_dir("sandbox"))
            // The other end closes with this process, however it dies.
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| StartError::new("the demo's sandbox cannot start", error))?;
        for _ in 0..100 {
            if answers(listen).await {
                return Ok(Some(child));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(StartError(format!(
            "the demo's sandbox does not answer on {listen}; set demo.sandbox_listen to a free address"
        )))
    }

    async fn answers(listen: &str) -> bool {
        TcpStream::connect(listen).await.is_ok()
    }
}

/// A binary without the sandbox: the demo's outside systems run elsewhere.
#[cfg(not(feature = "sandbox"))]
mod sandbox {
    use opencity_kernel::config::Config;
    use opencity_kernel::module::StartError;

    pub async fn start(_config: &Config) -> Result<Option<tokio::process::Child>, StartError> {
        Ok(None)
    }
}
