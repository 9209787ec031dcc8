//! A file for the `http` block of nginx. It speaks HTTP/2; its health check is that of requests that fail.

use std::fmt::Write as _;

use opencity_kernel::module::StartError;
use opencity_kernel::problem::ProblemKind;

use super::{DOCUMENTS, File, IDLE, REDIRECTS, Route, SECURITY_HEADERS, Site, Tls};

pub(super) fn render(site: &Site) -> Result<File, StartError> {
    if site.tls != Tls::Files {
        return Err(StartError(
            "nginx takes its certificates from files: add --tls files, with --tls-cert and --tls-key".to_owned(),
        ));
    }
    let mut content =
        "# Made by `opencity router-config`: make it again rather than change it.\n".to_owned();
    for route in &site.routes {
        content.push_str(&upstream(route));
    }
    let hosts = site.hosts.join(" ");
    let port = match site.https_port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let _ = write!(
        content,
        "
server {{
{listen_http}    server_name {hosts};
    return 308 https://$host{port}$request_uri;
}}

server {{
{listen_https}    server_name {hosts};
    server_tokens off;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:opencity:10m;

    client_max_body_size {limit};
    proxy_request_buffering off;
    proxy_http_version 1.1;
    proxy_set_header Connection \"\";
    proxy_set_header Host $http_host;
    proxy_set_header Forwarded \"\";
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
",
        listen_http = listen(site, site.http_port, ""),
        listen_https = listen(site, site.https_port, " ssl http2"),
        cert = site.tls_cert,
        key = site.tls_key,
        limit = site.body_limit,
    );
    for (name, value) in SECURITY_HEADERS {
        let _ = writeln!(content, "    add_header {name} \"{value}\" always;");
    }
    let _ = writeln!(
        content,
        "\n    location ~ {DOCUMENTS} {{\n        root {};\n        index index.html;\n    }}",
        site.documents
    );
    for (pattern, target) in REDIRECTS {
        let _ = writeln!(
            content,
            "    location ~ {pattern} {{\n        return 302 {target};\n    }}"
        );
    }
    for Route { name, pattern, .. } in &site.routes {
        let _ = writeln!(
            content,
            "    location ~ {pattern} {{\n        proxy_pass http://opencity-{name};\n    }}"
        );
    }
    content.push_str("\n    # Everything else is closed: /status, /metrics and whatever a module does not name.\n    location / {\n        return 404;\n    }\n");
    content.push_str(&errors());
    content.push_str("}\n");
    Ok(File {
        name: "opencity.conf",
        content,
    })
}

fn listen(site: &Site, port: u16, options: &str) -> String {
    match site.bind {
        Some(address) => format!(
            "    listen {}{options};\n",
            std::net::SocketAddr::new(address, port)
        ),
        None => format!("    listen {port}{options};\n    listen [::]:{port}{options};\n"),
    }
}

fn upstream(route: &Route) -> String {
    let servers: String = route
        .upstreams
        .iter()
        .map(|url| {
            let address = url.trim_start_matches("http://");
            format!("    server {address} max_fails=3 fail_timeout=10s;\n")
        })
        .collect();
    format!(
        "upstream opencity-{} {{\n    least_conn;\n{servers}    keepalive 16;\n    keepalive_timeout {IDLE};\n}}\n",
        route.name
    )
}

/// The router's own refusals are problems like those of the modules.
fn errors() -> String {
    [
        ("404", "404", ProblemKind::UnknownRoute, "See /docs for what this installation offers."),
        ("413", "413", ProblemKind::BodyTooLarge, "Send less, or upload files apart."),
        ("502 503 504 =503", "503", ProblemKind::Unavailable, "The part that answers here cannot be reached. Repeat in a minute."),
    ]
    .iter()
    .map(|(statuses, status, kind, detail)| {
        format!(
            "    error_page {statuses} @{id};\n    location @{id} {{\n        internal;\n        default_type application/problem+json;\n        \
             return {status} '{{\"type\":\"/docs/problems/{id}\",\"title\":\"{title}\",\"status\":{status},\"detail\":\"{detail}\",\"instance\":\"$request_id\",\"code\":\"{id}\"}}';\n    }}\n",
            id = kind.id(),
            title = kind.title(),
        )
    })
    .collect()
}
