//! Every module as a process of its own behind the web router: own port, own folder, and in PostgreSQL either its own role
//! in the one database or a database of its own. Nothing but events and files goes from one to another.

use std::process::{Command, Stdio};

use super::router::{Router, Server};
use super::{Broker, Client, Database, free_port};

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

/// Where the processes are, and what they share.
pub struct Split {
    /// Module and port of each process: one of each module, then the second ones, and so on.
    pub places: Vec<(&'static str, u16)>,
    router: Option<Router>,
    /// The broker between their databases; without one they share a database.
    broker: Option<Broker>,
}

impl Split {
    /// So many processes of each module.
    pub fn new(broker: Option<Broker>, each: usize) -> Self {
        let rounds = (0..each).flat_map(|_| MODULES);
        Self {
            places: rounds.map(|module| (*module, free_port())).collect(),
            router: None,
            broker,
        }
    }

    /// Opens the installation to its users: its processes are ready.
    pub async fn open(&mut self, port: u16) {
        let upstreams: Vec<String> = self
            .places
            .iter()
            .map(|(module, port)| format!("{module}=http://127.0.0.1:{port}"))
            .collect();
        let router = Server::Caddy.start_on(port, "localhost", &upstreams).await;
        self.router = Some(router);
    }

    /// Somebody at the router.
    pub fn client(&self) -> Client {
        self.router.as_ref().unwrap().client.clone()
    }

    /// Whether each module has a database of its own.
    pub fn is_joined(&self) -> bool {
        self.broker.is_some()
    }

    /// The address of a module's database, in its own name.
    pub fn database(&self, owner: &str, module: &str) -> String {
        match self.broker {
            Some(_) => own_database(owner, module),
            None => role_url(owner, module),
        }
    }

    /// What each process is told of the others.
    pub fn settings(&self) -> Vec<(String, String)> {
        let url = |module: &str| {
            let first = self.places.iter().find(|(name, _)| *name == module);
            format!("http://127.0.0.1:{}", first.unwrap().1)
        };
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
        if let Some(broker) = &self.broker {
            settings.extend(joined_by(broker));
        }
        settings
    }
}

/// The settings of a platform whose databases this broker joins.
pub fn joined_by(broker: &Broker) -> Vec<(String, String)> {
    vec![
        ("EVENTS__CARRIER".to_owned(), "kafka".to_owned()),
        ("KAFKA__BROKERS".to_owned(), broker.address()),
        ("KAFKA__PARTITIONS".to_owned(), "2".to_owned()),
        // tansu has none that end.
        ("KAFKA__TRANSACTIONS".to_owned(), "false".to_owned()),
    ]
}

/// Makes a role and a database of its own for each module, which no other may enter.
pub fn make_databases(owner: &str) {
    let mut server = Database::server(owner);
    for module in MODULES {
        let name = own_name(owner, module);
        server.run(&format!("CREATE ROLE {name} LOGIN"));
        server.run(&format!("GRANT {name} TO CURRENT_USER"));
        server.run(&format!("CREATE DATABASE {name} OWNER {name}"));
        server.run(&format!("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC"));
    }
}

/// The address of a module's own database in its own name.
pub fn own_database(owner: &str, module: &str) -> String {
    let url = role_url(owner, module);
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{}", own_name(owner, module))
}

fn own_name(owner: &str, module: &str) -> String {
    role_prefix(owner) + &module.replace('-', "_")
}

/// `auth.service_keys` of the tests.
pub fn service_keys() -> String {
    format!("[{{id = \"test\", key = \"{SERVICE_KEY}\"}}]")
}

/// The database's address for the role of a module.
pub fn role_url(database: &str, module: &str) -> String {
    let (scheme, rest) = database.split_once("://").unwrap();
    let place = rest.rsplit_once('@').unwrap().1;
    format!("{scheme}://{}@{place}", own_name(database, module))
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
