//! Two files for Traefik 3: the dynamic configuration, and the static one that reads it.

use opencity_kernel::module::StartError;
use serde_json::{Map, Value, json};

use super::{DOCUMENTS, File, IDLE, REDIRECTS, SECURITY_HEADERS, Site, Tls};

/// Where the exported documents are served: Traefik serves no files by itself.
const DOCUMENTS_UPSTREAM: &str = "http://opencity-docs:8080";

pub(super) fn dynamic(site: &Site) -> Result<File, StartError> {
    let mut routers = Map::new();
    let mut services = Map::new();
    let documents = (
        "documents-pages",
        DOCUMENTS.to_owned(),
        vec![DOCUMENTS_UPSTREAM.to_owned()],
        "/openapi.json",
    );
    let modules = site.routes.iter().map(|route| {
        (
            route.name.as_str(),
            route.pattern.clone(),
            route.upstreams.clone(),
            "/status/live",
        )
    });
    // The first route that matches counts: the higher priority wins.
    for (rank, (name, pattern, upstreams, health)) in
        (1..).zip(std::iter::once(documents).chain(modules))
    {
        routers.insert(name.to_owned(), router(site, &pattern, 1000 - rank, name));
        services.insert(name.to_owned(), service(&upstreams, health));
    }
    let mut middlewares = json!({
        "opencity": {"chain": {"middlewares": ["opencity-headers", "opencity-body", "opencity-compress"]}},
        "opencity-headers": {"headers": {
            "customRequestHeaders": {"Forwarded": ""},
            "customResponseHeaders": SECURITY_HEADERS.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Map<_, _>>(),
        }},
        "opencity-body": {"buffering": {"maxRequestBodyBytes": site.body_limit}},
        "opencity-compress": {"compress": {}},
    });
    for (number, (pattern, target)) in (1..).zip(REDIRECTS) {
        let name = format!("doc{number}");
        let mut redirecting = router(site, pattern, 1000, "noop@internal");
        if let (Some(redirecting), Some(middlewares)) =
            (redirecting.as_object_mut(), middlewares.as_object_mut())
        {
            redirecting.insert("middlewares".to_owned(), json!([name]));
            middlewares.insert(
                name.clone(),
                json!({"redirectRegex": {"regex": "^(https?://[^/]+)/.*$", "replacement": format!("${{1}}{target}")}}),
            );
        }
        routers.insert(name, redirecting);
    }
    let mut whole = json!({"http": {
        "serversTransports": {"opencity": {"forwardingTimeouts": {"idleConnTimeout": IDLE}}},
        "routers": routers,
        "services": services,
        "middlewares": middlewares,
    }});
    if let (Tls::Files, Some(whole)) = (site.tls, whole.as_object_mut()) {
        whole.insert(
            "tls".to_owned(),
            json!({"certificates": [{"certFile": site.tls_cert, "keyFile": site.tls_key}]}),
        );
    }
    file("dynamic.toml", &whole)
}

pub(super) fn fixed(site: &Site) -> Result<File, StartError> {
    let mut whole = json!({
        "entryPoints": {
            "web": {
                "address": address(site, site.http_port),
                "http": {"redirections": {"entryPoint": {"to": "websecure", "scheme": "https"}}},
            },
            "websecure": {"address": address(site, site.https_port), "http3": {}},
        },
        "providers": {"file": {"filename": "/etc/traefik/dynamic.toml", "watch": true}},
    });
    if let (Tls::Auto, Some(whole)) = (site.tls, whole.as_object_mut()) {
        whole.insert(
            "certificatesResolvers".to_owned(),
            json!({"acme": {"acme": {"storage": "/var/lib/traefik/acme.json", "tlsChallenge": {}}}}),
        );
    }
    file("traefik.toml", &whole)
}

fn address(site: &Site, port: u16) -> String {
    match site.bind {
        Some(address) => std::net::SocketAddr::new(address, port).to_string(),
        None => format!(":{port}"),
    }
}

fn router(site: &Site, pattern: &str, priority: u32, service: &str) -> Value {
    let hosts: Vec<String> = site
        .hosts
        .iter()
        .map(|host| format!("Host(`{host}`)"))
        .collect();
    let tls = match site.tls {
        Tls::Auto => json!({"certResolver": "acme"}),
        Tls::Internal | Tls::Files => json!({}),
    };
    json!({
        "rule": format!("({}) && PathRegexp(`{pattern}`)", hosts.join(" || ")),
        "priority": priority,
        "entryPoints": ["websecure"],
        "middlewares": ["opencity"],
        "service": service,
        "tls": tls,
    })
}

fn service(upstreams: &[String], health: &str) -> Value {
    let servers: Vec<Value> = upstreams.iter().map(|url| json!({"url": url})).collect();
    json!({"loadBalancer": {
        "passHostHeader": true,
        "serversTransport": "opencity",
        "servers": servers,
        "healthCheck": {"path": health, "interval": "10s", "timeout": "5s"},
    }})
}

fn file(name: &'static str, content: &Value) -> Result<File, StartError> {
    let content = toml::to_string_pretty(content)
        .map_err(|error| StartError::new("the configuration cannot be written as TOML", error))?;
    Ok(File {
        name,
        content: format!(
            "# Made by `opencity router-config`: make it again rather than change it.\n\n{content}"
        ),
    })
}
