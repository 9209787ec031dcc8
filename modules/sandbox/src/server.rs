//! Binding, routing, running, stopping.

use std::any::Any;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Extensions;
use actix_web::error::JsonPayloadError;
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::{HttpServer, web};
use tokio::sync::{Notify, watch};

use crate::faults::{Connection, Faults};
use crate::problem::Problem;
use crate::store::Store;
use crate::{Options, SandboxError, control, faults, files, intermediary, notify, pay, registry};

/// The largest JSON body, in bytes.
const JSON_LIMIT: usize = 256 * 1024;
/// How long a stop waits for requests that are under way, in seconds.
const STOP_SECONDS: u64 = 5;

/// What every handler can reach.
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) faults: Faults,
    /// Wakes the task that sends notifications.
    pub(crate) wake: Arc<Notify>,
    /// Where a browser reaches the payment page, when that is not the host that the caller used.
    pub(crate) public_url: Option<String>,
    stop: watch::Receiver<bool>,
}

impl App {
    /// Waits, but not past the stop of the process.
    pub(crate) async fn pause(&self, time: Duration) {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = stop.wait_for(|stopped| *stopped) => {}
        }
    }
}

/// A sandbox that has its address and its store, and is ready to run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    store: Store,
    client: reqwest::Client,
    public_url: Option<String>,
}

impl Server {
    /// Takes the address and opens the store.
    ///
    /// # Errors
    /// [`SandboxError`] when either cannot be had.
    pub async fn bind(options: Options) -> Result<Self, SandboxError> {
        let listener = TcpListener::bind(options.listen).map_err(SandboxError::Listen)?;
        let address = listener.local_addr().map_err(SandboxError::Listen)?;
        let data_dir = options.data_dir;
        let store = tokio::task::spawn_blocking(move || Store::open(&data_dir))
            .await
            .map_err(|error| SandboxError::Store(error.to_string()))??;
        Ok(Self {
            listener,
            address,
            store,
            client: notify::client()?,
            public_url: options
                .public_url
                .map(|url| url.trim_end_matches('/').to_owned()),
        })
    }

    /// The address that it listens on, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is done, then finishes what is under way.
    ///
    /// # Errors
    /// [`SandboxError::Serve`] when the server stops by itself.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), SandboxError> {
        let (stopping, stop) = watch::channel(false);
        let app = web::Data::new(App {
            store: self.store.clone(),
            faults: Faults::default(),
            wake: Arc::new(Notify::new()),
            public_url: self.public_url,
            stop: stop.clone(),
        });
        let notifier = tokio::spawn(notify::run(
            self.store,
            self.client,
            Arc::clone(&app.wake),
            stop,
        ));
        let server = HttpServer::new(move || {
            actix_web::App::new()
                .app_data(app.clone())
                .app_data(
                    web::JsonConfig::default()
                        .limit(JSON_LIMIT)
                        .error_handler(|error, _| json_problem(&error).into()),
                )
                .app_data(web::FormConfig::default().limit(1024))
                .wrap(from_fn(faults::around))
                .configure(intermediary::routes)
                .configure(pay::routes)
                .configure(registry::routes)
                .configure(files::routes)
                .configure(control::routes)
                .default_service(web::to(|| async { Err::<&str, _>(Problem::not_found()) }))
        })
        .on_connect(keep_handle)
        .workers(2)
        .disable_signals()
        .shutdown_timeout(STOP_SECONDS)
        .listen(self.listener)
        .map_err(SandboxError::Listen)?
        .run();

        tracing::info!(address = %self.address, "sandbox listening");
        let handle = server.handle();
        let mut server = std::pin::pin!(server);
        let served = tokio::select! {
            served = &mut server => served,
            () = shutdown => {
                // The receivers end their waits; an error only says that there are none.
                stopping.send(true).ok();
                let ((), served) = tokio::join!(handle.stop(true), &mut server);
                served
            }
        };
        stopping.send(true).ok();
        if let Err(error) = notifier.await {
            tracing::error!(%error, "the notifier did not end well");
        }
        tracing::info!("sandbox stopped");
        served.map_err(SandboxError::Serve)
    }
}

/// Keeps a second handle on each connection for the fault that drops it.
fn keep_handle(connection: &dyn Any, data: &mut Extensions) {
    let handle = connection
        .downcast_ref::<TcpStream>()
        .and_then(|stream| stream.as_fd().try_clone_to_owned().ok());
    if let Some(handle) = handle {
        data.insert(Connection(Arc::new(std::net::TcpStream::from(handle))));
    }
}

/// A resource that answers other methods with a problem.
pub(crate) fn resource(path: &str) -> actix_web::Resource {
    web::resource(path).default_service(web::to(|| async {
        Err::<&str, _>(Problem::method_not_allowed())
    }))
}

fn json_problem(error: &JsonPayloadError) -> Problem {
    match error {
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => {
            Problem::too_large(format!("A JSON body has at most {JSON_LIMIT} bytes."))
        }
        JsonPayloadError::Deserialize(cause) if cause.is_data() => {
            Problem::invalid(cause.to_string())
        }
        other => Problem::malformed(other.to_string()),
    }
}
