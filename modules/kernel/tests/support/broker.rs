//! A Kafka broker of its own for a test: tansu, which `scripts/setup test` installs.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Keeps its records in memory and ends with its test.
pub struct Broker {
    process: Child,
    port: u16,
}

impl Broker {
    /// Its clients wait until it answers.
    pub fn start() -> Self {
        let port = free_port();
        Self::behind(port, port)
    }

    /// It listens on a port and sends its clients to another one, where somebody stands before it.
    pub fn behind(port: u16, front: u16) -> Self {
        let address = format!("tcp://localhost:{front}");
        let process = Command::new(program())
            .args(["broker", "--silent", "--storage-engine", "memory://tansu/"])
            .args(["--listener-url", &format!("tcp://127.0.0.1:{port}")])
            .args(["--advertised-listener-url", &address])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("tansu: {error}; run scripts/setup test"));
        Self {
            process,
            port: front,
        }
    }

    /// Where it is reached.
    pub fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// From now on it answers nothing, as if the network were cut.
    #[allow(dead_code, reason = "not every test needs it")]
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// It answers again, with all that it had.
    #[allow(dead_code, reason = "not every test needs it")]
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let told = Command::new("kill")
            .args([signal, &self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(told.success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Below the ports that the system gives to outgoing connections, so that none of those takes it before the program does.
pub fn free_port() -> u16 {
    loop {
        let any = uuid::Uuid::new_v4().as_u128() % 10_000;
        let port = 10_000 + u16::try_from(any).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

fn program() -> PathBuf {
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
        PathBuf::from,
    );
    let installed = cargo.join("bin/tansu");
    if installed.exists() {
        installed
    } else {
        PathBuf::from("tansu")
    }
}
