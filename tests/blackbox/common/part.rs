//! Processes that are a part of an installation.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{Client, binary, free_port, until};

/// A process that ends with its test.
pub struct Running(Child);

impl Running {
    pub fn start(mut command: Command) -> Self {
        let program = command.get_program().to_owned();
        Self(
            command
                .stdin(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| panic!("{program:?}: {error}; run scripts/setup test")),
        )
    }

    pub async fn until_answers(&self, client: &Client, path: &str) {
        until(path, || async {
            client
                .send(reqwest::Method::GET, path, &[], None)
                .await
                .ok()
        })
        .await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process of some modules over a PostgreSQL database, with its part of the demo; its URL.
pub async fn serve(only: &str, database: &str, folder: &Path) -> (Running, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{address}");
    let mut command = binary();
    command
        .args([
            "serve",
            "--demo",
            "--only",
            only,
            "--listen",
            &address,
            "--database-url",
            database,
        ])
        .arg("--data-dir")
        .arg(folder.join(only))
        .env("OPENCITY__DEMO__SANDBOX_LISTEN", "")
        .env("OPENCITY__IDENTITY__ARGON2_MEMORY_KIB", "32")
        .env("OPENCITY__IDENTITY__ARGON2_PASSES", "1")
        .env("OPENCITY__LOG__FILTER", "warn");
    let running = Running::start(command);
    running.until_answers(&Client::new(&url), "/status").await;
    (running, url)
}
