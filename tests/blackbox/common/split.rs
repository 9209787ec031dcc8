//! Every module as a process of its own: own port, own folder, own role in the one PostgreSQL database. Nothing but
//! events and files goes from one to another.

use std::process::{Command, Stdio};

use super::front::{Front, Upstreams};
use super::platform::free_port;

/// The modules of the platform.
pub const MODULES: &[&str] = &[
    "tenants",
    "identity",
    "services",
    "applications",
    "payments",
    "payment-proxy",
    "documents",
    "protocol-proxy",
    "retry",
    "webhooks",
    "notifications",
    "jobs",
];

/// Keys that the processes of the tests share.
pub const SERVICE_KEY: &str = "a key between the processes of a test";

/// Where the processes are.
pub struct Split {
    pub ports: Upstreams,
    _front: Front,
}

impl Split {
    /// The front listens on `port`; the modules get ports of their own.
    pub fn new(port: u16) -> Self {
        let ports: Upstreams = MODULES
            .iter()
            .map(|module| (*module, free_port()))
            .collect();
        let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        Self {
            _front: Front::start(listener, ports.clone()),
            ports,
        }
    }

    /// What each process is told of the others.
    pub fn settings(&self) -> Vec<(String, String)> {
        let url = |module: &str| format!("http://127.0.0.1:{}", self.ports[module]);
        let mut settings = vec![
            (
                "AUTH__JWKS_URL".to_owned(),
                format!("{}/.well-known/jwks.json", url("identity")),
            ),
            ("AUTH__SERVICE_KEYS".to_owned(), service_keys()),
            ("DATABASE__POOL_SIZE".to_owned(), "4".to_owned()),
        ];
        settings.extend(MODULES.iter().map(|module| {
            let name = module.replace('-', "_").to_uppercase();
            (format!("MODULES__{name}__INTERNAL_URL"), url(module))
        }));
        settings
    }
}

/// `auth.service_keys` of the tests.
pub fn service_keys() -> String {
    format!("[{{id = \"test\", key = \"{SERVICE_KEY}\"}}]")
}

/// The database's address for the role of a module.
pub fn role_url(database: &str, module: &str) -> String {
    let (scheme, rest) = database.split_once("://").unwrap();
    let place = rest.rsplit_once('@').unwrap().1;
    format!(
        "{scheme}://{}{}@{place}",
        role_prefix(database),
        module.replace('-', "_")
    )
}

/// What the names of the roles of a database begin with: roles belong to the whole server.
pub fn role_prefix(database: &str) -> String {
    format!("{}_", database.rsplit_once('/').unwrap().1)
}

/// Runs SQL; whether the database has taken it, and what it said.
pub fn sql(url: &str, text: &str) -> (bool, String) {
    use std::io::Write as _;
    let mut psql = Command::new("psql")
        .args([url, "-X", "-q", "-v", "ON_ERROR_STOP=1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql is installed: scripts/setup test");
    psql.stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = psql.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}
