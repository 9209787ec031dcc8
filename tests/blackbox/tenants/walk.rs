//! Callers of a second body ask every operation of the API description for the things of the first one, at their own
//! address and at the first one's. What each must get stands in `at_home.csv` and `abroad.csv`: a line for each
//! operation, a column for each caller. A run writes the answers it got to `target/tmp/tenants`, in the
//! same form. At the end people of the first body ask the same, and must find everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::things::Things;
use crate::common::{Answer, Client, Options, Platform, Store, demo};

const HOST: &str = "servizi.altrove.example";
const PASSWORD: &str = "una frase lunga davvero";
const SERVICE_KEY: &str = "a key between the processes of an installation";
/// Bodies and dead letters are the installation's.
const OF_INSTALLATION: &[&str] = &["/lang/api/tenants/{slug}", "/retry/"];
/// People and things of the first body, whose names nobody of the second one may read.
const NAMES: &[&str] = &[
    demo::CITIZEN,
    demo::OTHER_CITIZEN,
    "mario.rossi@example.org",
    "operatore@comune.bugliano.example",
    "Bugliano",
    "bugliano",
    "occupazione-suolo-pubblico",
    "Ufficio relazioni con il pubblico",
];

/// Answers to whoever finds nothing.
const NOT_FOUND: &[u16] = &[401, 403, 404];

/// Links of payments, which are for whoever has them, of whatever body.
const BY_LINK: &[&str] = &[
    "landing",
    "notice",
    "offline-payment",
    "online-payment",
    "receipt",
];

/// An operation of the API description.
struct Operation {
    method: Method,
    path: String,
    /// Whether a token is needed.
    secured: bool,
    /// Parameters that the query must have.
    query: Vec<String>,
    content_type: Option<String>,
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path, with things of the first body.
    fn address(&self, things: &Things) -> String {
        let mut before = "";
        let segments = self.path.split('/').map(|segment| {
            let shown = match segment {
                "{connector}" => "sandbox".to_owned(),
                "{locale}" => "it".to_owned(),
                parameter if parameter.starts_with('{') => {
                    things.of(&self.method, parameter, before)
                }
                plain => plain.to_owned(),
            };
            before = segment;
            shown
        });
        let path = segments.collect::<Vec<_>>().join("/");
        let query = self.query.iter().map(|name| {
            format!(
                "{name}={}",
                things.of(&self.method, &format!("{{{name}}}"), "?")
            )
        });
        match query.collect::<Vec<_>>().join("&").as_str() {
            "" => path,
            query => format!("{path}?{query}"),
        }
    }
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let security = operation["security"].as_array().unwrap();
            operations.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                secured: security
                    .iter()
                    .all(|one| !one.as_object().unwrap().is_empty()),
                query: operation["parameters"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|one| one["in"] == "query" && one["required"] == true)
                    .map(|one| one["name"].as_str().unwrap().to_owned())
                    .collect(),
                content_type: operation["requestBody"]["content"]
                    .as_object()
                    .and_then(|kinds| kinds.keys().next().cloned()),
            });
        }
    }
    operations
}

/// Whoever asks: a column of the tables.
struct Asker {
    name: &'static str,
    client: Client,
}

impl Asker {
    /// An administrator of the platform works in every body, and has what is the installation's.
    fn may_find(&self, operation: &Operation, host: Option<&str>) -> bool {
        self.name == "platform_administrator"
            && (host.is_none()
                || OF_INSTALLATION
                    .iter()
                    .any(|path| operation.path.starts_with(path)))
    }
}

/// The second body, with a user of each kind.
async fn second_body(platform: &Platform) -> Vec<Asker> {
    platform.command(&[
        "tenant",
        "create",
        "--slug",
        "altrove",
        "--name",
        "Comune di Altrove",
        "--host",
        HOST,
    ]);
    let names = ["--given-name", "Neri", "--family-name", "Altrove"];
    let user = |arguments: &[&str]| {
        let all = [
            &["user", "create", "--tenant", "altrove"],
            &names[..],
            arguments,
        ]
        .concat();
        platform.command_with_input(&all, PASSWORD);
    };
    user(&["--kind", "admin", "--username", "administrator"]);
    user(&["--kind", "operator", "--username", "operator"]);
    user(&[
        "--kind",
        "operator",
        "--username",
        "system_operator",
        "--system-user",
    ]);
    user(&["--kind", "platform", "--username", "platform_administrator"]);
    user(&["--kind", "citizen", "--tax-code", "BNCLRA85D41H501O"]);
    let nobody = platform.client();
    let token = async |path: &str, body: Value| {
        let headers = [("host", HOST), ("content-type", "application/json")];
        let answer = nobody
            .send(
                Method::POST,
                path,
                &headers,
                Some(body.to_string().into_bytes()),
            )
            .await
            .unwrap()
            .expect(200);
        answer["token"].as_str().unwrap().to_owned()
    };
    let mut askers = vec![Asker {
        name: "none",
        client: nobody.clone(),
    }];
    let mut add = |name, token: &str| {
        askers.push(Asker {
            name,
            client: nobody.with_token(token),
        });
    };
    add(
        "anonymous",
        &token("/lang/api/session-auth", json!({})).await,
    );
    for (name, username) in [
        ("citizen", "BNCLRA85D41H501O"),
        ("operator", "operator"),
        ("system_operator", "system_operator"),
        ("administrator", "administrator"),
        ("platform_administrator", "platform_administrator"),
    ] {
        let body = json!({"username": username, "password": PASSWORD});
        add(name, &token("/lang/api/auth", body).await);
    }
    add("service", &service_token(&askers_tenant(platform).await));
    askers
}

async fn askers_tenant(platform: &Platform) -> String {
    let info = platform
        .client()
        .send(
            Method::GET,
            "/lang/api/tenants/info",
            &[("host", HOST)],
            None,
        )
        .await
        .unwrap()
        .expect(200);
    info["id"].as_str().unwrap().to_owned()
}

/// As a process of the installation signs it for another one.
fn service_token(tenant: &str) -> String {
    let settings = serde_json::from_value(json!({
        "issuer": "opencity", "token_life_seconds": 3600, "jwks_url": "", "service_keys": [{"id": "walk", "key": SERVICE_KEY}]
    }));
    opencity_kernel::auth::Verifier::new(&settings.unwrap())
        .service_token("documents", "applications", tenant.parse().unwrap())
        .unwrap()
}

async fn ask(client: &Client, operation: &Operation, address: &str, host: Option<&str>) -> Answer {
    // Whoever replaces something gives it a name, where that is looked at first.
    let body = if operation.method == Method::PUT {
        r#"{"name": "Altrove"}"#
    } else {
        "{}"
    };
    ask_with(client, operation, address, host, body).await
}

async fn ask_with(
    client: &Client,
    operation: &Operation,
    address: &str,
    host: Option<&str>,
    body: &str,
) -> Answer {
    let body = operation
        .content_type
        .as_ref()
        .map(|_| body.as_bytes().to_vec());
    let kind = operation
        .content_type
        .as_deref()
        .unwrap_or("application/json");
    let mut headers = vec![("content-type", kind)];
    headers.extend(host.map(|host| ("host", host)));
    client
        .send(operation.method.clone(), address, &headers, body)
        .await
        .unwrap()
}

/// Every id that a text holds.
fn ids(text: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for start in text.match_indices('-').map(|(at, _)| at.saturating_sub(8)) {
        let id = text.get(start..start + 36).unwrap_or_default();
        if uuid::Uuid::parse_str(id).is_ok() {
            ids.insert(id.to_owned());
        }
    }
    ids
}

/// All that people of the first body read by GET: ids to look for, and a state that must not change.
async fn seen_by_first_body(
    platform: &Platform,
    all: &[Operation],
    things: &Things,
) -> (BTreeSet<String>, String) {
    let client = platform.client();
    let mut state = String::new();
    for user in ["admin", "operatore", demo::CITIZEN] {
        let client = client.login(user).await;
        for operation in all.iter().filter(|operation| {
            operation.method == Method::GET
                && operation.path.starts_with("/lang/api/")
                // A download is counted.
                && !operation.path.ends_with("/download")
        }) {
            let answer = ask(&client, operation, &operation.address(things), None).await;
            if answer.status == 200 {
                let _ = writeln!(state, "{}", String::from_utf8_lossy(&answer.bytes));
            }
        }
    }
    (ids(&state), state)
}

/// What nobody of the first body finds, and nobody of the second one therefore proves anything about.
async fn not_found_by_first_body(
    platform: &Platform,
    all: &[Operation],
    things: &Things,
) -> Vec<String> {
    let mut people = vec![platform.client()];
    for user in ["admin", "operatore", demo::CITIZEN, "api", "piattaforma"] {
        people.push(people[0].login(user).await);
    }
    let nothing = things.of_nobody();
    let mut all: Vec<&Operation> = all
        .iter()
        .filter(|one| one.address(things) != one.address(&nothing))
        .collect();
    // What is read is there still, and what is deleted is not missed.
    all.sort_by_key(|one| match one.method {
        Method::GET => 0,
        Method::DELETE => 2,
        _ => 1,
    });
    let mut wrong = Vec::new();
    for operation in all {
        let mut answers = Vec::new();
        for one in &people {
            let answer = ask(one, operation, &operation.address(things), None).await;
            answers.push(answer.status.as_u16());
        }
        if answers.iter().all(|status| NOT_FOUND.contains(status)) {
            wrong.push(format!(
                "{} gives people of the first body {answers:?}",
                operation.name()
            ));
        }
    }
    wrong
}

/// A table: a line for each operation, a column for each caller.
type Table = BTreeMap<String, BTreeMap<String, String>>;

fn expected(name: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/blackbox/tenants")
        .join(name);
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned));
    let callers: Vec<String> = lines
        .next()
        .map(|line| line.skip(1).collect())
        .unwrap_or_default();
    lines
        .map(|mut line| {
            let operation = line.next().unwrap();
            (operation, callers.iter().cloned().zip(line).collect())
        })
        .collect()
}

fn write(store: Store, name: &str, all: &[Operation], askers: &[Asker], found: &Table) {
    let folder = format!("tenants/{store:?}");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let names: Vec<&str> = askers.iter().map(|asker| asker.name).collect();
    let mut text = format!("operation,{}\n", names.join(","));
    for operation in all.iter().map(Operation::name) {
        let statuses: Vec<&str> = names
            .iter()
            .map(|name| found[&operation][*name].as_str())
            .collect();
        let _ = writeln!(text, "{operation},{}", statuses.join(","));
    }
    std::fs::write(folder.join(name), text).unwrap();
}

/// Whoever may not call an operation hears that, and not what is wrong with the body or the path: answers to no JSON, and to
/// ids that are none, must be those to a request that is well-formed.
async fn refused_first(
    all: &[Operation],
    address: impl Fn(&Operation, &Asker) -> String,
    askers: &[Asker],
    host: Option<&str>,
    found: &Table,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for operation in all {
        for asker in askers {
            let before = found[&operation.name()][asker.name].as_str();
            let of_the_caller = ["401", "403"].contains(&before);
            let unreadable = operation.content_type.as_deref() == Some("application/json");
            if unreadable && (of_the_caller || before == "404") {
                let address = address(operation, asker);
                let answer = ask_with(&asker.client, operation, &address, host, "{").await;
                if answer.status.as_str() != before {
                    wrong.push(format!(
                        "{} gives {} {} for no JSON, and {before} else",
                        operation.name(),
                        asker.name,
                        answer.status
                    ));
                }
            }
            if before == "401" && operation.path.contains("id}") {
                let address = operation
                    .path
                    .replace("{locale}", "it")
                    .replace('{', "no-")
                    .replace('}', "");
                let answer = ask(&asker.client, operation, &address, host).await;
                if answer.status != 401 {
                    wrong.push(format!("{address} gives {} {}", asker.name, answer.status));
                }
            }
        }
    }
    wrong
}

/// What is different from the table, in both directions.
fn differences(name: &str, found: &Table) -> Vec<String> {
    let expected = expected(name);
    let mut differences = Vec::new();
    for (operation, callers) in found {
        let Some(line) = expected.get(operation) else {
            differences.push(format!("{name} has no line for {operation}"));
            continue;
        };
        for (caller, status) in callers {
            let wanted = line.get(caller).map_or("", String::as_str);
            if status != wanted {
                differences.push(format!(
                    "{name}: {operation} gives {caller} {status}, not {wanted}"
                ));
            }
        }
    }
    let gone = expected
        .keys()
        .filter(|operation| !found.contains_key(*operation));
    differences.extend(
        gone.map(|operation| format!("{name} has a line for {operation}, which is no operation")),
    );
    differences
}

#[tokio::test]
async fn tenants_on_sqlite_are_walked_by_every_operation_and_caller() {
    walk(Store::Sqlite).await;
}

#[tokio::test]
async fn tenants_on_postgres_are_walked_by_every_operation_and_caller() {
    walk(Store::Postgres).await;
}

async fn walk(store: Store) {
    let keys = format!(r#"[{{ id = "walk", key = "{SERVICE_KEY}" }}]"#);
    let options = Options::default()
        .set("AUTH__SERVICE_KEYS", keys)
        .set("PAYMENT_PROXY__PUBLIC_LINKS_PER_MINUTE", 10_000);
    let platform = Platform::start_with(store, options).await;
    let all = operations(&platform.client().get("/openapi.json").await.expect(200));
    let things = Things::of_first_body(&platform).await;
    let nothing = things.of_nobody();
    let askers = second_body(&platform).await;
    let (forbidden, before) = seen_by_first_body(&platform, &all, &things).await;
    assert!(forbidden.len() > 50, "{forbidden:?}");
    let mut wrong = Vec::new();

    for (table, host) in [("at_home.csv", Some(HOST)), ("abroad.csv", None)] {
        let mut found = Table::new();
        // Who may find a thing asks for nothing that exists.
        let address = |operation: &Operation, asker: &Asker| {
            let asked = if asker.may_find(operation, host) {
                &nothing
            } else {
                &things
            };
            operation.address(asked)
        };
        for operation in &all {
            let of_a_thing = operation.address(&things) != operation.address(&nothing);
            for asker in &askers {
                let address = address(operation, asker);
                let answer = ask(&asker.client, operation, &address, host).await;
                let status = answer.status.as_u16();
                let public = host.is_none() && !operation.secured && asker.name == "none"
                    || operation.path.split('/').any(|one| BY_LINK.contains(&one));
                let text = String::from_utf8_lossy(&answer.bytes);
                let shown: Vec<String> = NAMES
                    .iter()
                    .filter(|name| text.contains(**name))
                    .map(|name| (*name).to_owned())
                    .chain(ids(&text).intersection(&forbidden).cloned())
                    .collect();
                if !public && !asker.may_find(operation, host) && !shown.is_empty() {
                    wrong.push(format!(
                        "{table}: {} shows {} {shown:?}",
                        operation.name(),
                        asker.name
                    ));
                }
                if of_a_thing && !public && !NOT_FOUND.contains(&status) {
                    wrong.push(format!(
                        "{table}: {} gives {} {status}: {text}",
                        operation.name(),
                        asker.name
                    ));
                }
                if status >= 500 {
                    wrong.push(format!(
                        "{table}: {} fails for {}: {text}",
                        operation.name(),
                        asker.name
                    ));
                }
                found
                    .entry(operation.name())
                    .or_default()
                    .insert(asker.name.to_owned(), status.to_string());
            }
        }
        if host.is_some() {
            wrong.extend(refused_first(&all, address, &askers, host, &found).await);
        }
        write(store, table, &all, &askers, &found);
        wrong.extend(differences(table, &found));
    }
    let (_, after) = seen_by_first_body(&platform, &all, &things).await;
    for (before, after) in before.lines().zip(after.lines()) {
        if before != after {
            wrong.push(format!(
                "the second body changed the first one: {before}\n{after}"
            ));
        }
    }
    wrong.extend(not_found_by_first_body(&platform, &all, &things).await);
    assert!(
        wrong.is_empty(),
        "{wrong:#?}\nThe answers are in target/tmp/tenants."
    );
}
