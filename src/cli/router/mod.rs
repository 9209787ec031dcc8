//! `opencity router-config`: what stands in front of the processes, from the modules' own tables of paths.

mod caddy;
mod nginx;
mod traefik;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use opencity_kernel::http::{BodyLimits, segments, static_documents};
use opencity_kernel::module::{Module, StartError};

use super::{Common, describe, say};
use crate::modules;

/// Where a module answers unless it is said otherwise.
const UPSTREAM: &str = "http://opencity-{module}:8080";

/// The router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A Caddyfile.
    Caddy,
    /// A dynamic configuration (TOML) for the file provider; in a folder the static one besides.
    Traefik,
    /// A file for the `http` block.
    Nginx,
}

/// Where the certificates come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tls {
    /// By ACME, for the hosts named (Caddy, Traefik).
    Auto,
    /// From an authority of the router's own, which no browser knows: for trials (Caddy, Traefik).
    Internal,
    /// From two PEM files.
    Files,
}

/// What to write, and for which installation.
#[derive(Debug, Args)]
pub struct RouterConfig {
    /// The router.
    #[arg(long, value_enum)]
    format: Format,
    /// A host name under which the installation is reached; may be repeated.
    #[arg(long = "host", value_name = "HOST", required = true)]
    hosts: Vec<String>,
    /// Where modules answer: one URL for all, with {module} for the name, or MODULE=URL for one. May be repeated; several
    /// URLs of one module share its requests. [default: http://opencity-{module}:8080]
    #[arg(long = "upstream", value_name = "[MODULE=]URL")]
    upstreams: Vec<String>,
    /// Where the certificates come from.
    #[arg(long, value_enum, default_value = "auto")]
    tls: Tls,
    /// The certificate with its chain, as the router finds it (with --tls files).
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/opencity/tls/cert.pem"
    )]
    tls_cert: String,
    /// Its key.
    #[arg(long, value_name = "FILE", default_value = "/etc/opencity/tls/key.pem")]
    tls_key: String,
    /// The address to listen on; all of the machine without it.
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<std::net::IpAddr>,
    /// The port of HTTP, which leads to HTTPS.
    #[arg(long, default_value_t = 80)]
    http_port: u16,
    /// The port of HTTPS.
    #[arg(long, default_value_t = 443)]
    https_port: u16,
    /// The most bytes of a body. The modules have finer limits, and say so as a problem.
    #[arg(long, value_name = "BYTES", default_value_t = 150 * 1024 * 1024)]
    body_limit: u64,
    /// A folder for the configuration and, in `public`, the documents (/docs, /openapi.json, /asyncapi.json); without it the
    /// configuration goes to standard output.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Where the router finds those documents. [default: `public` of --output, else /srv/opencity]
    #[arg(long, value_name = "DIR")]
    documents: Option<String>,
}

/// What every format is written from.
struct Site {
    hosts: Vec<String>,
    tls: Tls,
    tls_cert: String,
    tls_key: String,
    bind: Option<std::net::IpAddr>,
    http_port: u16,
    https_port: u16,
    body_limit: u64,
    documents: String,
    routes: Vec<Route>,
}

/// Paths that lead to one module. The first route that matches counts.
struct Route {
    /// Unique among the routes; that of the module where it can be.
    name: String,
    /// A regular expression over the whole path, as RE2 and PCRE read it.
    pattern: String,
    /// Where the module answers.
    upstreams: Vec<String>,
}

/// A file to write.
struct File {
    name: &'static str,
    content: String,
}

impl RouterConfig {
    /// Carries the command out.
    pub fn run(self, common: &Common) -> Result<(), StartError> {
        let composition = describe(common, modules::linked())?;
        let limits = BodyLimits::of(&composition.platform.config.http);
        let modules = composition.modules;
        let format = self.format;
        let output = self.output.clone();
        let site = self.site(&modules)?;
        let files = match format {
            Format::Caddy => vec![caddy::render(&site)],
            Format::Nginx => vec![nginx::render(&site)?],
            Format::Traefik => vec![traefik::dynamic(&site)?, traefik::fixed(&site)?],
        };
        let Some(folder) = output else {
            let printed = files.first().map(|file| file.content.trim_end());
            return say(printed.unwrap_or_default());
        };
        for file in files {
            write(&folder.join(file.name), file.content.as_bytes())?;
        }
        for document in static_documents(&modules, limits)? {
            write(&folder.join("public").join(document.path), &document.bytes)?;
        }
        Ok(())
    }

    fn site(self, modules: &[Arc<dyn Module>]) -> Result<Site, StartError> {
        let documents = match (self.documents, &self.output) {
            (Some(folder), _) => folder,
            (None, Some(output)) => std::path::absolute(output.join("public"))
                .map_err(|error| StartError::new("--output is not a folder", error))?
                .to_string_lossy()
                .into_owned(),
            (None, None) => "/srv/opencity".to_owned(),
        };
        Ok(Site {
            routes: routes(modules, &self.upstreams)?,
            hosts: self.hosts,
            tls: self.tls,
            tls_cert: self.tls_cert,
            tls_key: self.tls_key,
            bind: self.bind,
            http_port: self.http_port,
            https_port: self.https_port,
            body_limit: self.body_limit,
            documents,
        })
    }
}

/// The routes of these modules. Those that begin with a fixed segment come first: `/retry/api/…` is no tenant's.
fn routes(modules: &[Arc<dyn Module>], upstreams: &[String]) -> Result<Vec<Route>, StartError> {
    check(modules, upstreams)?;
    let mut routes = Vec::new();
    for fixed in [true, false] {
        for module in modules {
            let name = module.info().name;
            let patterns: Vec<String> = module
                .paths()
                .iter()
                .filter(|prefix| (segments(prefix).next() != Some("{tenant}")) == fixed)
                .map(|prefix| pattern(prefix))
                .collect();
            if patterns.is_empty() {
                continue;
            }
            let taken = routes.iter().any(|route: &Route| route.name == name);
            routes.push(Route {
                name: if taken {
                    format!("{name}-tenants")
                } else {
                    name.to_owned()
                },
                pattern: format!("^(?:{})(?:/|$)", patterns.join("|")),
                upstreams: upstreams_of(name, upstreams),
            });
        }
    }
    // What every process answers, the first one does.
    if let Some(first) = modules.first() {
        routes.push(Route {
            name: "status".to_owned(),
            pattern: format!("^{}$", pattern("v1.0/status")),
            upstreams: upstreams_of(first.info().name, upstreams),
        });
    }
    Ok(routes)
}

/// A prefix as a regular expression.
fn pattern(prefix: &str) -> String {
    segments(prefix)
        .map(|segment| match segment {
            "{tenant}" => "/[^/]+".to_owned(),
            "{locale}" => "/[a-z][a-z]".to_owned(),
            text => format!("/{}", text.replace('.', "\\.")),
        })
        .collect()
}

fn upstreams_of(module: &str, upstreams: &[String]) -> Vec<String> {
    let own: Vec<String> = upstreams
        .iter()
        .filter_map(|upstream| named(upstream))
        .filter(|(name, _)| *name == module)
        .map(|(_, url)| url.to_owned())
        .collect();
    if !own.is_empty() {
        return own;
    }
    let mut patterns = upstreams
        .iter()
        .filter(|upstream| named(upstream).is_none())
        .peekable();
    if patterns.peek().is_none() {
        return vec![UPSTREAM.replace("{module}", module)];
    }
    patterns
        .map(|pattern| pattern.replace("{module}", module))
        .collect()
}

/// `payments=http://…` in its two parts.
fn named(upstream: &str) -> Option<(&str, &str)> {
    let (name, url) = upstream.split_once('=')?;
    (!name.contains(':')).then_some((name, url))
}

fn check(modules: &[Arc<dyn Module>], upstreams: &[String]) -> Result<(), StartError> {
    for upstream in upstreams {
        let url = match named(upstream) {
            Some((name, url)) => {
                if modules.iter().all(|module| module.info().name != name) {
                    return Err(StartError(format!(
                        "--upstream {upstream}: there is no module {name} in this binary"
                    )));
                }
                url
            }
            None => upstream,
        };
        let host = url.strip_prefix("http://").or(url.strip_prefix("https://"));
        if host.is_none_or(|host| host.is_empty() || host.contains(['/', ' ', '"', ';'])) {
            return Err(StartError(format!(
                "--upstream {upstream}: give it as http://host:port, without a path"
            )));
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), StartError> {
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|error| StartError::new(format!("cannot write {}", path.display()), error))
}

/// The headers that every answer gets, in all formats.
const SECURITY_HEADERS: &[(&str, &str)] = &[
    ("Strict-Transport-Security", "max-age=31536000"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    (
        "Content-Security-Policy",
        "frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
    ),
    (
        "Permissions-Policy",
        "camera=(), geolocation=(), microphone=(), payment=()",
    ),
];

/// How long the router keeps an idle connection to a module: less than the 5 seconds after which the module closes it, so that no
/// request is sent into a connection that is just being closed.
const IDLE: &str = "4s";

/// What the router serves by itself, from the documents.
const DOCUMENTS: &str = r"^/(?:docs(?:/.*)?|openapi/[a-z-]+\.json|openapi\.json|asyncapi\.json)$";

/// Where `/lang/api/doc` and `/lang/api/doc.json` lead.
const REDIRECTS: &[(&str, &str)] = &[
    (r"^/[^/]+/api/doc$", "/docs/"),
    (r"^/[^/]+/api/doc\.json$", "/openapi.json"),
];
