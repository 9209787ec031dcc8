//! The router in front of several processes, by the configuration that the program writes for it.

use std::collections::BTreeMap;

use reqwest::Version;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::common::router::{Server, opencity};
use crate::common::{Client, binary, free_port, new_database, serve};

/// The host name of the installation.
const HOST: &str = "servizi.comune.bugliano.test";

/// The modules of the program.
fn modules() -> Vec<String> {
    opencity(&["version"])
        .lines()
        .skip(1)
        .map(|line| line.split_once(' ').unwrap().0.to_owned())
        .collect()
}

/// Answers every request with a name and the path asked for; its URL.
async fn echo(name: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let name = name.clone();
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read_buf(&mut asked).await {
                        Ok(read) if read > 0 => {}
                        _ => return,
                    }
                }
                let head = String::from_utf8_lossy(&asked);
                let path = head.split(' ').nth(1).unwrap_or_default();
                let length = head
                    .to_ascii_lowercase()
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.split("\r\n").next()?.parse().ok())
                    .unwrap_or(0);
                let sent = asked.len() - head.find("\r\n\r\n").unwrap() - 4;
                let mut rest = (&mut stream).take(u64::try_from(length - sent).unwrap());
                let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
                let body = format!("{name} {path}\n{head}");
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    url
}

/// Paths that must lead to a module: one for each operation, and those where the order of the rules counts.
fn expected() -> BTreeMap<String, String> {
    let mut expected = BTreeMap::new();
    for module in modules() {
        let document: Value =
            serde_json::from_str(&opencity(&["openapi", "--module", &module])).unwrap();
        for path in document["paths"].as_object().unwrap().keys() {
            let filled: Vec<&str> = path
                .split('/')
                .map(|segment| match segment {
                    "{locale}" => "it",
                    segment if segment.starts_with('{') => "42c1552d-6ba1-8d3c-9c6c-14d0ededb6fc",
                    segment => segment,
                })
                .collect();
            expected.insert(filled.join("/"), module.clone());
        }
    }
    for (path, module) in [
        (
            "/comune-di-bugliano/api/v2/applications/1/messages",
            "applications",
        ),
        ("/comune-di-bugliano/it/upload/1/content", "applications"),
        ("/lang/api/v1.0/user/1/notes", "applications"),
        ("/lang/auth/login-oauth", "identity"),
        ("/payment-proxy/api/users", "payment-proxy"),
        ("/retry/api/services", "retry"),
        ("/lang/api/form/by-path/a/b", "services"),
        ("/lang/api/v1.0/status", "tenants"),
    ] {
        expected.insert(path.to_owned(), module.to_owned());
    }
    expected
}

/// Starts the router over echoes and asks for everything.
async fn every_path_leads_where_it_belongs(server: Server) {
    let mut upstreams = Vec::new();
    for module in modules() {
        upstreams.push(format!("{module}={}", echo(module.clone()).await));
    }
    let router = server.start(HOST, &upstreams).await;
    let expected = expected();
    assert!(expected.len() > 60, "{} paths", expected.len());
    for (path, module) in expected {
        let answer = router.client.get(&path).await;
        let body = String::from_utf8(answer.bytes).unwrap();
        assert!(
            body.starts_with(&format!("{module} {path}\n")),
            "{path}: {body}"
        );
    }
    for closed in [
        "/",
        "/status",
        "/status/live",
        "/metrics",
        "/_test/clock/1",
        "/lang/api/services/../../../metrics",
        "/internal/files/1",
        "/lang/api/formsx",
        "/lang/api",
    ] {
        let answer = router.client.get(closed).await;
        assert_eq!(answer.json()["code"], "unknown-route", "{closed}");
        assert_eq!(answer.problem(404), "unknown-route", "{closed}");
    }
    let merged: Value = serde_json::from_str(&opencity(&["openapi"])).unwrap();
    assert_eq!(router.client.get("/openapi.json").await.expect(200), merged);
    let one: Value = serde_json::from_str(&opencity(&["openapi", "--module", "payments"])).unwrap();
    assert_eq!(
        router
            .client
            .get("/openapi/payments.json")
            .await
            .expect(200),
        one
    );
    let events: Value = serde_json::from_str(&opencity(&["asyncapi"])).unwrap();
    assert_eq!(
        router.client.get("/asyncapi.json").await.expect(200),
        events
    );
    for page in ["/docs/", "/docs/payments/", "/docs/problems/not-found/"] {
        let answer = router.client.get(page).await;
        assert_eq!(answer.status, 200, "{page}");
        let text = String::from_utf8(answer.bytes).unwrap();
        for part in text
            .split("src=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            let part = format!("{page}{part}");
            assert_eq!(router.client.get(&part).await.status, 200, "{part}");
        }
    }
    let initializer = router
        .client
        .get("/docs/payments/swagger-initializer.js")
        .await;
    let text = String::from_utf8(initializer.bytes).unwrap();
    assert!(text.contains("/openapi/payments.json") && !text.contains("/openapi/jobs.json"));
    let redirect = router.client.get("/lang/api/doc.json").await;
    assert_eq!(redirect.status, 302);
    assert!(
        redirect.headers["location"]
            .to_str()
            .unwrap()
            .ends_with("/openapi.json")
    );
}

#[tokio::test]
async fn caddy_leads_every_path_to_its_module_and_closes_the_others() {
    every_path_leads_where_it_belongs(Server::Caddy).await;
}

#[tokio::test]
async fn nginx_leads_every_path_to_its_module_and_closes_the_others() {
    every_path_leads_where_it_belongs(Server::Nginx).await;
}

#[tokio::test]
async fn caddy_is_the_end_of_tls_and_says_who_asks() {
    let upstream = echo("all".to_owned()).await;
    let router = Server::Caddy.start(HOST, &[upstream]).await;
    let client = router.http();
    let address = router.url("/lang/api/services");
    let answer = client
        .get(&address)
        .header("forwarded", "host=evil.example")
        .header("x-forwarded-host", "evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    assert!(answer.headers()["alt-svc"].to_str().unwrap().contains("h3"));
    for (name, value) in [
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
    ] {
        assert_eq!(answer.headers()[name], value, "{name}");
    }
    assert!(!answer.headers().contains_key("server"));
    let seen = answer.text().await.unwrap().to_ascii_lowercase();
    assert!(!seen.contains("evil.example"), "{seen}");
    assert!(seen.contains("x-forwarded-proto: https"), "{seen}");
    assert!(seen.contains(&format!("host: {HOST}")), "{seen}");

    let plain = client
        .get(router.plain_url("/lang/api/services"))
        .send()
        .await
        .unwrap();
    assert_eq!(plain.status(), 308);
    assert!(
        plain.headers()["location"]
            .to_str()
            .unwrap()
            .starts_with("https://")
    );

    let stranger = reqwest::Client::builder()
        .no_proxy()
        .resolve(HOST, router.address())
        .build()
        .unwrap();
    assert!(
        stranger.get(&address).send().await.is_err(),
        "its authority is unknown to others"
    );

    let too_large = client
        .post(&address)
        .body(vec![b'x'; 3 * 1024 * 1024])
        .send()
        .await
        .unwrap();
    assert_eq!(too_large.status(), 413);
}

#[tokio::test]
async fn a_module_that_is_down_is_a_problem_for_its_paths_only() {
    let there = echo("there".to_owned()).await;
    let away = format!("payments=http://127.0.0.1:{}", free_port());
    let router = Server::Caddy.start(HOST, &[there, away]).await;
    assert_eq!(router.client.get("/lang/api/services").await.status, 200);
    let answer = router.client.get("/lang/api/payments").await;
    let status = answer.status.as_u16();
    assert!(matches!(status, 502 | 503), "{status}");
    assert_eq!(answer.problem(status), "unavailable");
}

#[tokio::test]
async fn two_processes_behind_caddy_are_one_installation() {
    let database = new_database();
    let folder = tempfile::tempdir().unwrap();
    let (_catalogue, catalogue) =
        serve("tenants,identity,services", &database, folder.path()).await;
    let (_applications, applications) =
        serve("applications,payments", &database, folder.path()).await;
    let router = Server::Caddy
        .start(
            HOST,
            &[
                catalogue.clone(),
                format!("applications={applications}"),
                format!("payments={applications}"),
            ],
        )
        .await;
    let services = router.client.get("/lang/api/services").await.expect(200);
    assert_eq!(services.as_array().unwrap().len(), 3);
    // Only the process that has the module knows the path.
    for path in [
        "/lang/api/applications",
        "/lang/api/payments",
        "/comune-di-bugliano/api/applications",
    ] {
        let alone = Client::new(&catalogue).get(path).await;
        assert_eq!(alone.problem(404), "unknown-route", "{path}");
        assert_eq!(
            router.client.get(path).await.problem(401),
            "unauthenticated",
            "{path}"
        );
    }
    assert_eq!(
        router.client.get("/status").await.problem(404),
        "unknown-route"
    );
}

#[test]
fn the_configuration_of_traefik_has_a_router_and_a_service_for_each_module() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().to_str().unwrap();
    opencity(&[
        "router-config",
        "--format",
        "traefik",
        "--host",
        HOST,
        "--output",
        output,
    ]);
    let read = |name: &str| -> toml::Value {
        toml::from_str(&std::fs::read_to_string(folder.path().join(name)).unwrap()).unwrap()
    };
    let (dynamic, fixed) = (read("dynamic.toml"), read("traefik.toml"));
    let http = &dynamic["http"];
    let routers = http["routers"].as_table().unwrap();
    let services = http["services"].as_table().unwrap();
    for module in modules() {
        let url = services[&module]["loadBalancer"]["servers"][0]["url"].as_str();
        assert_eq!(url, Some(&*format!("http://opencity-{module}:8080")));
        assert!(routers.contains_key(&module), "{module}");
    }
    let priorities: std::collections::BTreeSet<i64> = routers
        .iter()
        .filter(|(_, router)| router["service"].as_str() != Some("noop@internal"))
        .map(|(name, router)| {
            let service = router["service"].as_str().unwrap();
            assert!(services.contains_key(service), "{name}");
            let rule = router["rule"].as_str().unwrap();
            assert!(
                rule.starts_with(&format!("(Host(`{HOST}`)) && PathRegexp(`^")),
                "{rule}"
            );
            let resolver = router["tls"]["certResolver"].as_str().unwrap();
            assert!(fixed["certificatesResolvers"].get(resolver).is_some());
            for middleware in router["middlewares"].as_array().unwrap() {
                assert!(
                    http["middlewares"]
                        .get(middleware.as_str().unwrap())
                        .is_some()
                );
            }
            router["priority"].as_integer().unwrap()
        })
        .collect();
    assert_eq!(
        priorities.len(),
        services.len(),
        "the order of the rules is fixed"
    );
}

#[test]
fn a_wrong_upstream_is_refused_with_a_sentence() {
    for (upstream, hint) in [
        ("nothing=http://127.0.0.1:1", "no module nothing"),
        ("127.0.0.1:8080", "http://host:port"),
        ("http://127.0.0.1:8080/path", "without a path"),
    ] {
        let output = binary()
            .args([
                "router-config",
                "--format",
                "caddy",
                "--host",
                HOST,
                "--upstream",
                upstream,
            ])
            .output()
            .unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(hint), "{said}");
    }
}
