//! A pretend payment intermediary and a pretend registry (*protocollo*), for demonstration and tests.
//!
//! One process of its own, with its own durable store, that knows nothing of the platform: the
//! connectors reach it over HTTP like any outside system. It answers what a real intermediary and a
//! real registry would, keeps every promise over a restart, and can be told to misbehave
//! (`/_control/faults`). The HTTP API is described in the crate's `README.md`.

mod control;
mod faults;
mod files;
mod intermediary;
mod notice_number;
mod notify;
mod pages;
mod pay;
mod pdf;
mod positions;
mod problem;
mod receipt;
mod registrations;
mod registry;
mod schema;
mod server;
mod store;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use server::Server;

/// Where the sandbox listens and keeps its store.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder of `sandbox.sqlite`; made when it is missing.
    pub data_dir: PathBuf,
    /// Where a browser reaches the payment page; else it is on the host that the caller used.
    pub public_url: Option<String>,
}

/// Why the sandbox could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The data folder could not be made.
    #[error("the data folder cannot be made: {0}")]
    DataDir(std::io::Error),
    /// The address could not be listened on.
    #[error("the address cannot be listened on: {0}")]
    Listen(std::io::Error),
    /// The store could not be opened or brought to its present form.
    #[error("the store cannot be opened: {0}")]
    Store(String),
    /// The client that sends notifications could not be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(reqwest::Error),
    /// The HTTP server stopped by itself.
    #[error("the HTTP server failed: {0}")]
    Serve(std::io::Error),
    /// The process's signals could not be listened to.
    #[error("signals cannot be listened to: {0}")]
    Signals(std::io::Error),
}

/// Runs the sandbox until SIGTERM or ctrl-c.
///
/// # Errors
/// [`SandboxError`] when it cannot start, or when the server stops by itself.
pub async fn serve(options: Options) -> Result<(), SandboxError> {
    let server = Server::bind(options).await?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(SandboxError::Signals)?;
    server
        .run(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                // An error here means that ctrl-c cannot be told; SIGTERM still can.
                Ok(()) = tokio::signal::ctrl_c() => {}
            }
        })
        .await
}
