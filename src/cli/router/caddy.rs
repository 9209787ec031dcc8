//! A Caddyfile: TLS, HTTP/2 and 3, an upstream per module.

use std::fmt::Write as _;

use opencity_kernel::problem::ProblemKind;

use super::{DOCUMENTS, File, IDLE, REDIRECTS, Route, SECURITY_HEADERS, Site, Tls};

/// What a request says of its length. One that does not say it is cut off at the limit.
const LENGTH: &str = "{http.request.header.Content-Length}";

pub(super) fn render(site: &Site) -> File {
    let mut content = options(site);
    content.push_str("(headers) {\n\theader {\n\t\t-Server\n");
    for (name, value) in SECURITY_HEADERS {
        let _ = writeln!(content, "\t\t?{name} \"{value}\"");
    }
    let _ = write!(
        content,
        "\t}}
}}

(proxied) {{
\theader_up -Forwarded
\tlb_policy least_conn
\tlb_try_duration 5s
\thealth_uri /status/live
\thealth_interval 10s
\thealth_timeout 5s
\ttransport http {{
\t\tkeepalive {IDLE}
\t}}
}}

{hosts} {{
\t{tls}
\timport headers
\tencode zstd gzip
\trequest_body {{
\t\tmax_size {limit}
\t}}

\t@large expression {LENGTH} != '' && int({LENGTH}) > {limit}
\thandle @large {{
\t\terror 413
\t}}
\t@exported path_regexp {DOCUMENTS}
\thandle @exported {{
\t\troot * {documents}
\t\tfile_server
\t}}
",
        hosts = site.hosts.join(", "),
        tls = tls(site),
        limit = site.body_limit,
        documents = site.documents,
    );
    for (number, (pattern, target)) in (1..).zip(REDIRECTS) {
        let _ = writeln!(
            content,
            "\t@doc{number} path_regexp {pattern}\n\thandle @doc{number} {{\n\t\tredir * {target} 302\n\t}}"
        );
    }
    for route in &site.routes {
        content.push_str(&handle(route));
    }
    content.push_str("\n\t# Everything else is closed: /status, /metrics and whatever a module does not name.\n\thandle {\n\t\terror 404\n\t}\n");
    content.push_str(&errors());
    content.push_str("}\n");
    File {
        name: "Caddyfile",
        content,
    }
}

/// What holds for the whole server.
fn options(site: &Site) -> String {
    let bind = site
        .bind
        .as_ref()
        .map(|address| format!("\tdefault_bind {address}\n"))
        .unwrap_or_default();
    format!(
        "# Made by `opencity router-config`: make it again rather than change it.
{{
{bind}\thttp_port {http}
\thttps_port {https}
\tadmin {{$CADDY_ADMIN:localhost:2019}}
\tskip_install_trust
\tgrace_period 10s
\tservers {{
\t\tprotocols h1 h2 h3
\t\ttimeouts {{
\t\t\tread_header 10s
\t\t\tidle 2m
\t\t}}
\t}}
}}

",
        http = site.http_port,
        https = site.https_port,
    )
}

fn tls(site: &Site) -> String {
    match site.tls {
        Tls::Auto => "# TLS: certificates by ACME".to_owned(),
        Tls::Internal => "tls internal".to_owned(),
        Tls::Files => format!("tls {} {}", site.tls_cert, site.tls_key),
    }
}

fn handle(route: &Route) -> String {
    format!(
        "\t@{name} path_regexp {pattern}\n\thandle @{name} {{\n\t\treverse_proxy {upstreams} {{\n\t\t\timport proxied\n\t\t}}\n\t}}\n",
        name = route.name,
        pattern = route.pattern,
        upstreams = route.upstreams.join(" "),
    )
}

/// The router's own refusals are problems like those of the modules.
fn errors() -> String {
    let kinds = [
        (
            "404",
            ProblemKind::UnknownRoute,
            "See /docs for what this installation offers.",
        ),
        (
            "413",
            ProblemKind::BodyTooLarge,
            "Send less, or upload files apart.",
        ),
        (
            "default",
            ProblemKind::Unavailable,
            "The part that answers here cannot be reached. Repeat in a minute.",
        ),
    ];
    let mut content =
        "\n\thandle_errors {\n\t\tmap {err.status_code} {code} {title} {detail} {\n".to_owned();
    for (status, kind, detail) in kinds {
        let (id, title) = (kind.id(), kind.title());
        let _ = writeln!(content, "\t\t\t{status} {id} \"{title}\" \"{detail}\"");
    }
    content.push_str("\t\t}\n\t\timport headers\n\t\theader Content-Type application/problem+json\n\t\trespond `\\{\"type\":\"/docs/problems/{code}\",\"title\":\"{title}\",\"status\":{err.status_code},\"detail\":\"{detail}\",\"instance\":\"{http.request.uuid}\",\"code\":\"{code}\"\\}` {err.status_code}\n\t}\n");
    content
}
