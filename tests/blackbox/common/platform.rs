//! A platform of its own for each test: processes, data folder, database.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::split::{self, MODULES, Split};
use super::{Broker, Client, Database, free_port, until};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    Sqlite,
    Postgres,
}

/// What is different from the demo.
#[derive(Default, Clone)]
pub struct Options {
    /// Settings, as environment variables.
    pub settings: Vec<(String, String)>,
}

impl Options {
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }
}

/// The platform and its outside world.
pub struct Platform {
    pub url: String,
    pub sandbox_url: String,
    folder: TempDir,
    database_url: Option<String>,
    port: u16,
    settings: Vec<(String, String)>,
    split: Option<Split>,
    processes: Vec<Child>,
    sandbox: Option<Child>,
    deaths: u32,
    log: Arc<Mutex<Vec<String>>>,
}

/// The program.
pub fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_opencity"))
}

/// A new database on the server that `make test` has started.
pub fn new_database() -> String {
    new_database_like("template1")
}

/// A new database that begins as a copy of another, to which nobody is connected.
fn new_database_like(template: &str) -> String {
    let server = std::env::var("OPENCITY_TEST_DATABASE_URL")
        .expect("OPENCITY_TEST_DATABASE_URL names no PostgreSQL server: run `make test`, or scripts/postgres start");
    let name = format!("blackbox_{}", Uuid::new_v4().simple());
    let made = Command::new("psql")
        .args([
            &server,
            "-qc",
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        ])
        .status()
        .expect("psql is installed: scripts/setup test");
    assert!(made.success());
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

impl Platform {
    /// The demo municipality, ready.
    pub async fn start(store: Store) -> Self {
        Self::start_with(store, Options::default()).await
    }

    pub async fn start_with(store: Store, options: Options) -> Self {
        let database = (store == Store::Postgres).then(new_database);
        let mut platform = Self::prepare(database, options.settings).await;
        platform.run(&[]).await;
        platform
    }

    /// Another platform, not started yet, on copies of this one's files and database; this one must not run.
    pub async fn copy(&self) -> Self {
        let database = self
            .database_url
            .as_deref()
            .map(|url| new_database_like(url.rsplit_once('/').unwrap().1));
        let platform = Self::prepare(database, self.settings.clone()).await;
        let copied = Command::new("cp")
            .arg("-a")
            .args([self.data_dir(), platform.data_dir()])
            .status()
            .unwrap();
        assert!(copied.success());
        platform
    }

    /// The demo municipality with so many processes of each module on one PostgreSQL database, behind Caddy, ready.
    pub async fn start_split(options: Options, each: usize) -> Self {
        let mut platform = Self::prepare(Some(new_database()), options.settings).await;
        let database = platform.database_url();
        let grants = platform.command(&["migrate", "--grant", &split::role_prefix(database)]);
        let (granted, said) = split::sql(database, &grants);
        assert!(granted, "{said}");
        platform.divide(Split::new(None, each));
        platform.open().await;
        platform
    }

    /// The demo municipality in twelve processes, each with a PostgreSQL database of its own, joined by Kafka and behind
    /// Caddy, ready.
    pub async fn start_joined(options: Options) -> Self {
        let mut platform = Self::prepare(Some(new_database()), options.settings).await;
        split::make_databases(platform.database_url());
        platform.divide(Split::new(Some(Broker::start()), 1));
        platform.command(&["kafka", "init"]);
        platform.open().await;
        platform.until_every_module_knows_the_body().await;
        platform
    }

    async fn open(&mut self) {
        self.run(&[]).await;
        self.split.as_mut().unwrap().open(self.port).await;
    }

    /// Nobody waits for a host name that he does not know.
    async fn until_every_module_knows_the_body(&self) {
        let split = self.split.as_ref().unwrap();
        for module in MODULES {
            let url = split.database(self.database_url(), module);
            until("the body in the directory of a module", || async {
                let bodies = Database::server(&url).number("SELECT COUNT(*) FROM kernel_tenant");
                (bodies > 0).then_some(())
            })
            .await;
        }
    }

    fn divide(&mut self, split: Split) {
        self.url = format!("https://localhost:{}", self.port);
        self.settings.extend(split.settings());
        self.settings.push((
            "MAIL__FOLDER".to_owned(),
            self.data_dir().join("mail").to_string_lossy().into_owned(),
        ));
        self.split = Some(split);
    }

    async fn prepare(database_url: Option<String>, settings: Vec<(String, String)>) -> Self {
        let (port, sandbox_port) = (free_port(), free_port());
        let mut platform = Self {
            url: format!("http://127.0.0.1:{port}"),
            sandbox_url: format!("http://127.0.0.1:{sandbox_port}"),
            folder: tempfile::tempdir().unwrap(),
            database_url,
            port,
            settings,
            split: None,
            processes: Vec::new(),
            sandbox: None,
            deaths: 0,
            log: Arc::default(),
        };
        let sandbox = binary()
            .args([
                "sandbox",
                "--listen",
                &format!("127.0.0.1:{sandbox_port}"),
                "--data-dir",
            ])
            .arg(platform.folder.path().join("sandbox"))
            .env("OPENCITY__LOG__FILTER", "warn")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        platform.sandbox = Some(sandbox);
        let control = Client::new(&platform.sandbox_url);
        until("the sandbox", || async {
            control
                .send(reqwest::Method::GET, "/_control/counters", &[], None)
                .await
                .ok()
        })
        .await;
        platform
    }

    /// The database, as its owner reaches it.
    pub fn database_url(&self) -> &str {
        self.database_url.as_deref().unwrap()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A connection to its database, beside its own.
    pub fn database(&self) -> Database {
        match &self.database_url {
            Some(url) => Database::server(url),
            None => Database::file(&self.data_dir().join("opencity.sqlite")),
        }
    }

    /// The id of its process.
    #[allow(
        dead_code,
        reason = "what a process takes is measured by the benchmarks"
    )]
    pub fn pid(&self) -> u32 {
        self.processes[0].id()
    }

    fn configured(&self, mut command: Command) -> Command {
        command
            .env("OPENCITY__DATA_DIR", self.data_dir())
            .env("OPENCITY__HTTP__PUBLIC_URL", &self.url)
            .env("OPENCITY__DEMO__SANDBOX_LISTEN", "")
            .env(
                "OPENCITY__PAYMENT_PROXY__SANDBOX__BASE_URL",
                &self.sandbox_url,
            )
            .env(
                "OPENCITY__PROTOCOL_PROXY__SANDBOX__BASE_URL",
                &self.sandbox_url,
            )
            .env("OPENCITY__EVENTS__LEASE_SECONDS", "1")
            .env("OPENCITY__EVENTS__CALL_LEASE_SECONDS", "2")
            .env("OPENCITY__IDENTITY__ARGON2_MEMORY_KIB", "32")
            .env("OPENCITY__IDENTITY__ARGON2_PASSES", "1")
            .env("RUST_BACKTRACE", "0");
        if let Some(url) = &self.database_url {
            command.env("OPENCITY__DATABASE__URL", url);
        }
        for (key, value) in &self.settings {
            command.env(format!("OPENCITY__{key}"), value);
        }
        command
    }

    /// Starts the process, or each module's, and waits until it is ready or has died.
    pub async fn run(&mut self, environment: &[(&str, String)]) {
        self.serve(&["--demo"], environment).await;
    }

    /// As [`run`](Self::run), with options of `serve`.
    pub async fn serve(&mut self, options: &[&str], environment: &[(&str, String)]) {
        // The first process of a module writes its part of the demonstration before a second one starts.
        for places in self.places().chunks(MODULES.len()) {
            for (module, port) in places {
                let process = self.spawn(*module, *port, options, environment);
                self.processes.push(process);
            }
            for (_, port) in places {
                self.ready(*port).await;
            }
        }
    }

    /// Module and port of each of its processes.
    fn places(&self) -> Vec<(Option<&'static str>, u16)> {
        match &self.split {
            None => vec![(None, self.port)],
            Some(split) => split
                .places
                .iter()
                .map(|(module, port)| (Some(*module), *port))
                .collect(),
        }
    }

    fn spawn(
        &self,
        module: Option<&str>,
        port: u16,
        options: &[&str],
        environment: &[(&str, String)],
    ) -> Child {
        let mut command = binary();
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
        command.args(options);
        let mut command = self.configured(command);
        if let Some(module) = module {
            let split = self.split.as_ref().unwrap();
            let database = split.database(self.database_url(), module);
            command
                .args(["--only", module])
                .env("OPENCITY__DATA_DIR", self.data_dir().join(module))
                .env("OPENCITY__DATABASE__URL", database);
        }
        for (key, value) in environment {
            command.env(key, value);
        }
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = process.stderr.take().unwrap();
        let log = Arc::clone(&self.log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                log.lock().unwrap().push(line);
            }
        });
        process
    }

    async fn ready(&mut self, port: u16) {
        let client = Client::new(&format!("http://127.0.0.1:{port}"));
        let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            if client
                .send(reqwest::Method::GET, "/status", &[], None)
                .await
                .is_ok_and(|answer| answer.status == 200)
            {
                return;
            }
            if self.has_ended() {
                return;
            }
            assert!(
                tokio::time::Instant::now() < patience,
                "it does not start:\n{}",
                self.log()
            );
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// The database that the next start works on.
    pub fn move_to(&mut self, database_url: String) {
        self.database_url = Some(database_url);
    }

    /// Whether a process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.processes.is_empty()
            || self
                .processes
                .iter_mut()
                .any(|process| process.try_wait().unwrap().is_some())
    }

    /// If a process has died, starts it again on the same files, without the fault.
    pub async fn recover(&mut self) {
        if self.split.is_some() {
            self.revive().await;
        } else if self.has_ended() {
            self.kill();
            self.deaths += 1;
            self.run(&[]).await;
        }
    }

    async fn revive(&mut self) {
        for (number, (module, port)) in self.places().into_iter().enumerate() {
            if self.processes[number].try_wait().unwrap().is_some() {
                self.deaths += 1;
                self.processes[number] = self.spawn(module, port, &["--demo"], &[]);
                self.ready(port).await;
            }
        }
    }

    /// Its processes, by number.
    pub fn pids(&self) -> Vec<u32> {
        self.processes.iter().map(Child::id).collect()
    }

    /// How often it has died by itself and was started again.
    pub fn deaths(&self) -> u32 {
        self.deaths
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        for mut process in self.processes.drain(..) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Asks it to stop; its exit status.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        let mut process = self.processes.pop().unwrap();
        let told = Command::new("kill")
            .args(["-TERM", &process.id().to_string()])
            .status()
            .unwrap();
        assert!(told.success());
        process.wait().unwrap()
    }

    /// Everything it has written to its log.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    pub fn client(&self) -> Client {
        match &self.split {
            Some(split) => split.client(),
            None => Client::new(&self.url),
        }
    }

    /// What the sandbox has really done.
    pub async fn counters(&self) -> Value {
        Client::new(&self.sandbox_url)
            .get("/_control/counters")
            .await
            .expect(200)
    }

    /// Runs a command of the binary on the same installation; what it prints.
    pub fn command(&self, arguments: &[&str]) -> String {
        let mut command = binary();
        command.args(arguments);
        let output = self.configured(command).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must fail; what it says.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let mut command = binary();
        command.args(arguments);
        let output = self.configured(command).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    /// As [`command`](Self::command), with something on standard input.
    pub fn command_with_input(&self, arguments: &[&str], input: &str) -> String {
        use std::io::Write as _;
        let mut command = binary();
        command.args(arguments);
        let mut process = self
            .configured(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let output = process.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// All events, as `opencity events tail` shows them; where each module has a database of its own, what each wrote.
    pub fn events(&self) -> Vec<Value> {
        const WRITTEN: &str = "SELECT json_build_object('topic', topic, 'key', key, 'event', payload::json)::text \
            FROM kernel_event WHERE NOT received ORDER BY seq";
        if let Some(split) = self.split.as_ref().filter(|split| split.is_joined()) {
            let lines = MODULES.iter().flat_map(|module| {
                Database::server(&split.database(self.database_url(), module)).lines(WRITTEN)
            });
            return lines
                .map(|line| serde_json::from_str(&line).unwrap())
                .collect();
        }
        self.command(&["events", "tail", "--json", "--from", "start"])
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// A digest of the rows of each table; nothing on SQLite, whose tables are the same.
    pub fn tables(&self) -> BTreeMap<String, String> {
        const DIGESTS: &str = "SELECT table_name, (xpath('/row/d/text()', query_to_xml(format(\
            'SELECT md5(string_agg(t::text, '''' ORDER BY t::text)) AS d FROM %I t', table_name), \
            false, true, '')))[1]::text FROM information_schema.tables WHERE table_schema = 'public'";
        let Some(url) = &self.database_url else {
            return BTreeMap::new();
        };
        let output = Command::new("psql")
            .args([url, "-Atc", DIGESTS])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .filter_map(|line| line.split_once('|'))
            .map(|(table, digest)| (table.to_owned(), digest.to_owned()))
            .collect()
    }

    /// All mails written so far, decoded as far as text goes.
    pub fn mails(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.data_dir().join("mail")) else {
            return Vec::new();
        };
        folder
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                (path.extension()? == "eml")
                    .then(|| std::fs::read_to_string(path).ok())
                    .flatten()
            })
            .collect()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the platform's log ---\n{}", self.log());
        }
        self.kill();
        if let Some(mut sandbox) = self.sandbox.take() {
            let _ = sandbox.kill();
            let _ = sandbox.wait();
        }
    }
}
