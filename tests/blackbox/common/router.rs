//! Starts Caddy or nginx on ports of their own, with nothing outside of a temporary folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Client, Running, binary, free_port, until};

/// What a command of the program prints.
pub fn opencity(arguments: &[&str]) -> String {
    let output = binary().args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A program that `scripts/setup test` has unpacked, or that the machine has.
fn tool(name: &str) -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/usr");
    ["bin", "sbin"]
        .iter()
        .map(|folder| tools.join(folder).join(name))
        .find(|program| program.exists())
        .unwrap_or_else(|| PathBuf::from(name))
}

/// The router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Caddy,
    Nginx,
}

/// A router that runs.
pub struct Router {
    /// Speaks to it over TLS.
    pub client: Client,
    host: String,
    root: Vec<u8>,
    http_port: u16,
    https_port: u16,
    _process: Running,
    _folder: TempDir,
}

impl Server {
    /// Writes the configuration for an installation of this host name, has the server check it, and starts it.
    pub async fn start(self, host: &str, upstreams: &[String]) -> Router {
        self.start_on(free_port(), host, upstreams).await
    }

    /// As [`start`](Self::start), on this port.
    pub async fn start_on(self, https_port: u16, host: &str, upstreams: &[String]) -> Router {
        let folder = tempfile::tempdir().unwrap();
        let http_port = free_port();
        let format = match self {
            Self::Caddy => ["caddy", "internal"],
            Self::Nginx => ["nginx", "files"],
        };
        let inside = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let (output, ports) = (
            inside("router"),
            [http_port.to_string(), https_port.to_string()],
        );
        let (certificate, key) = (inside("cert.pem"), inside("key.pem"));
        let mut arguments = vec![
            "router-config",
            "--format",
            format[0],
            "--tls",
            format[1],
            "--host",
            host,
            "--output",
            &output,
            "--http-port",
            &ports[0],
            "--https-port",
            &ports[1],
            "--bind",
            "127.0.0.1",
            "--body-limit",
            "2097152",
            "--tls-cert",
            &certificate,
            "--tls-key",
            &key,
        ];
        for upstream in upstreams {
            arguments.extend(["--upstream", upstream]);
        }
        if self == Self::Nginx {
            make_certificate(host, &certificate, &key);
        }
        opencity(&arguments);
        let (process, root) = match self {
            Self::Caddy => caddy(folder.path()).await,
            Self::Nginx => (nginx(folder.path()), std::fs::read(&certificate).unwrap()),
        };
        let mut router = Router {
            client: Client::new(""),
            host: host.to_owned(),
            root,
            http_port,
            https_port,
            _process: process,
            _folder: folder,
        };
        router.client = Client::over(router.http(), &router.url(""));
        router
            ._process
            .until_answers(&router.client, "/openapi.json")
            .await;
        router
    }
}

impl Router {
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.https_port).into()
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}:{}{path}", self.host, self.https_port)
    }

    pub fn plain_url(&self, path: &str) -> String {
        format!("http://{}:{}{path}", self.host, self.http_port)
    }

    /// A client that knows the router's authority and no other.
    pub fn http(&self) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(&self.root).unwrap();
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([root])
            .resolve(&self.host, SocketAddr::from(([127, 0, 0, 1], 0)))
            .build()
            .unwrap()
    }
}

fn check(mut command: Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!(
            "{:?}: {error}; run scripts/setup test",
            command.get_program()
        )
    });
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn caddy(folder: &Path) -> (Running, Vec<u8>) {
    let command = |action: &str| {
        let mut command = Command::new(tool("caddy"));
        command
            .args([action, "--adapter", "caddyfile", "--config"])
            .arg(folder.join("router/Caddyfile"))
            .env("HOME", folder)
            .env("XDG_DATA_HOME", folder.join("data"))
            .env("XDG_CONFIG_HOME", folder.join("config"))
            .env("CADDY_ADMIN", format!("127.0.0.1:{}", free_port()));
        command
    };
    check(command("validate"));
    let mut run = command("run");
    run.stderr(Stdio::null());
    let process = Running::start(run);
    let root = folder.join("data/caddy/pki/authorities/local/root.crt");
    let root = until("the authority of Caddy", || async {
        std::fs::read(&root).ok()
    })
    .await;
    (process, root)
}

fn nginx(folder: &Path) -> Running {
    let whole = format!(
        "daemon off;\nmaster_process off;\npid {0}/nginx.pid;\nerror_log stderr crit;\nevents {{}}\nhttp {{\n\
         types {{ text/html html; application/json json; text/css css; text/javascript js; image/png png; }}\n\
         access_log off;\nclient_body_temp_path {0}/body;\nproxy_temp_path {0}/proxy;\nfastcgi_temp_path {0}/fastcgi;\n\
         uwsgi_temp_path {0}/uwsgi;\nscgi_temp_path {0}/scgi;\ninclude {0}/router/opencity.conf;\n}}\n",
        folder.display()
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, whole).unwrap();
    let command = || {
        let mut command = Command::new(tool("nginx"));
        command
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(&file)
            .args(["-e", "stderr"]);
        command
    };
    let mut checking = command();
    checking.arg("-t");
    check(checking);
    Running::start(command())
}

fn make_certificate(host: &str, certificate: &str, key: &str) {
    let mut command = Command::new("openssl");
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        &format!("/CN={host}"),
        "-addext",
        &format!("subjectAltName=DNS:{host}"),
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-out",
        certificate,
        "-keyout",
        key,
    ]);
    check(command);
}
