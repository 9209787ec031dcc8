//! A platform with one module, and what works in it.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use opencity_kernel::config::Config;
use opencity_kernel::context::Platform;
use opencity_kernel::db::{Database, Migration};
use opencity_kernel::directory::DirectoryConsumer;
use opencity_kernel::events::{Consumer, Runner};
use opencity_kernel::http::{Server, ServerParts};
use opencity_kernel::module::{Module, ModuleInfo};
use tokio::sync::watch;

use crate::Store;

/// A platform with one module, on a new database that has its tables. `settings` is text as in a file of settings; what the
/// platform keeps on disk is in `folder`.
pub async fn platform(
    module: ModuleInfo,
    migrations: &'static [Migration],
    store: Store,
    folder: &Path,
    settings: &str,
) -> Arc<Platform> {
    let file = folder.join("settings.toml");
    std::fs::write(&file, settings).unwrap();
    let own = [
        ("data_dir", folder.to_string_lossy().into_owned()),
        ("database.url", store.url(folder)),
    ];
    let config = Config::load(Some(&file), &own).unwrap();
    let platform = Platform::start(config, vec![module]).unwrap();
    let tables = vec![
        (opencity_kernel::INFO, opencity_kernel::MIGRATIONS),
        (module, migrations),
    ];
    platform.database.migrate(tables).await.unwrap();
    Arc::new(platform)
}

/// What works in a platform beside the test. It ends when this is dropped.
pub struct Running {
    runner: Runner,
    stop: watch::Sender<bool>,
}

impl Running {
    /// Only what gives events their order.
    pub async fn relay(platform: &Platform) -> Self {
        let (stop, stopping) = watch::channel(false);
        let settings = platform.config.events.clone();
        let mut runner = Runner::new(settings, platform.bus.clone(), stopping);
        runner.start_relay(&platform.database).await.unwrap();
        Self { runner, stop }
    }

    /// Also the directory, and all consumers of a module.
    pub async fn whole(platform: &Platform, module: &dyn Module) -> Self {
        let mut running = Self::relay(platform).await;
        let directory = Arc::new(DirectoryConsumer);
        running.start(&platform.database, directory).await;
        let own = platform.database.for_module(module.info());
        for consumer in module.consumers() {
            running.start(&own, consumer).await;
        }
        running
    }

    /// One consumer more, of the module whose database this is.
    pub async fn start(&mut self, database: &Database, consumer: Arc<dyn Consumer>) {
        self.runner.start(database, consumer).await.unwrap();
    }

    /// Serves a module over HTTP.
    pub fn serve(&self, listener: TcpListener, platform: &Arc<Platform>, module: Arc<dyn Module>) {
        let parts = ServerParts {
            platform: Arc::clone(platform),
            modules: vec![module],
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            stop: self.stop.subscribe(),
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            tokio::task::LocalSet::new()
                .block_on(&runtime, Server::run(listener, parts))
                .unwrap();
        });
    }

    /// Ends, and waits until all have ended.
    pub async fn end(self) {
        self.stop.send_replace(true);
        self.runner.join().await;
    }
}
