//! Bad input: each kind is refused with a problem of its own, and leaves nothing behind.

mod rights;

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use self::rights::{expiry, idempotency, lockout, other_tenant, rights, tokens, uploads};
use crate::common::{Answer, Client, Options, Platform, Store, demo, example, until};
use crate::main_job::{apply, in_state};

const APPLICATIONS: &str = "/lang/api/applications";
const JSON: (&str, &str) = ("content-type", "application/json");
const NOBODY: &str = "00000000-0000-4000-8000-00000000dead";

/// The answer is this problem: its id, and within 1 KiB unless it lists fields.
#[track_caller]
fn refused(what: &str, answer: Answer, status: u16, code: &str) {
    let body = answer.json();
    assert_eq!(
        (answer.status.as_u16(), body["code"].as_str()),
        (status, Some(code)),
        "{what}: {}",
        String::from_utf8_lossy(&answer.bytes)
    );
    if body["errors"].is_null() {
        assert!(answer.bytes.len() < 1024, "{what}: {body}");
    }
    assert_eq!(body["type"], format!("/docs/problems/{code}"), "{what}");
    assert_eq!(
        answer.headers["x-request-id"],
        body["instance"].as_str().unwrap()
    );
    assert_eq!(answer.problem(status), code);
}

/// The field that a `validation` or `unknown-reference` names.
#[track_caller]
fn refused_field(what: &str, answer: Answer, code: &str, field: &str) {
    let body = answer.json();
    let named = body["errors"]
        .as_array()
        .is_some_and(|errors| errors.iter().any(|error| error["field"] == field));
    assert!(named, "{what}: {body}");
    refused(what, answer, 422, code);
}

/// What the modules have told each other. A login, good or bad, is told too, and is not meant here.
fn facts(platform: &Platform) -> Vec<Value> {
    let mut events = platform.events();
    events.retain(|event| event["topic"] != "security" && event["topic"] != "users");
    events
}

/// The facts, once nothing follows any more from what was done before.
async fn settled(platform: &Platform) -> Vec<Value> {
    let before = std::sync::Mutex::new(Vec::new());
    until("no event follows any more", || async {
        let now = facts(platform);
        let last = std::mem::replace(&mut *before.lock().unwrap(), now.clone());
        (now == last).then_some(now)
    })
    .await
}

/// A platform with two citizens, an operator, and an application of the first one, being worked.
struct Town {
    platform: Platform,
    citizen: Client,
    other: Client,
    operator: Client,
    /// Nobody in particular.
    anonymous: Client,
    /// The citizen's report.
    id: String,
}

impl Town {
    async fn start(store: Store) -> Self {
        let platform = Platform::start(store).await;
        let client = platform.client();
        let citizen = client.login(demo::CITIZEN).await;
        let other = client.login(demo::OTHER_CITIZEN).await;
        let operator = client.login("operatore").await;
        let anonymous = client.anonymous().await;
        let sent = apply(&citizen, demo::REPORT, report()).await;
        let id = sent["id"].as_str().unwrap().to_owned();
        in_state(&citizen, &id, "2000").await;
        // The mails to the citizen and to the operator are the last that follows.
        until("the mails", || async {
            let events = platform.events();
            let sent = events
                .iter()
                .filter(|event| event["topic"] == "deliveries")
                .count();
            let known = events
                .iter()
                .any(|event| event["topic"] == "messages" && !event["event"]["sent_at"].is_null());
            (sent == 2 && known).then_some(())
        })
        .await;
        Self {
            platform,
            citizen,
            other,
            operator,
            anonymous,
            id,
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{APPLICATIONS}/{}{path}", self.id)
    }

    /// Nothing has happened since; the application is as it was.
    async fn unchanged(&self, what: &str, before: &Snapshot) {
        let now = self.snapshot().await;
        assert_eq!(now.events, before.events, "{what} left events");
        assert_eq!(
            now.seen, before.seen,
            "{what} changed what the operator sees"
        );
        assert_eq!(now.tables, before.tables, "{what} changed rows");
    }

    async fn snapshot(&self) -> Snapshot {
        let events = settled(&self.platform).await;
        let one = self.operator.get(&self.at("")).await.expect(200);
        let messages = self.operator.get(&self.at("/messages")).await.expect(200);
        let history = self.operator.get(&self.at("/history")).await.expect(200);
        let list = self.operator.get(APPLICATIONS).await.expect(200);
        let mut tables = self.platform.tables();
        tables.retain(|table, _| !MOVING.contains(&table.as_str()));
        Snapshot {
            events,
            seen: json!([one, messages, history, list["meta"]["count"]]),
            tables,
        }
    }
}

/// Tables that follow logins, good or bad, and the process's own pulse; and uploads begun, which refer
/// to nothing.
const MOVING: [&str; 8] = [
    "applications_file",
    "identity_attempt",
    "identity_user",
    "kernel_call",
    "kernel_cursor",
    "kernel_event",
    "kernel_inbox",
    "kernel_lease",
];

/// What there is.
struct Snapshot {
    events: Vec<Value>,
    seen: Value,
    tables: BTreeMap<String, String>,
}

fn report() -> Value {
    example("segnalazione-disservizio")
}

async fn send_raw(client: &Client, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
    client
        .send(
            Method::POST,
            path,
            &[("content-type", kind)],
            Some(body.into()),
        )
        .await
        .unwrap()
}

/// Bodies that cannot be read.
async fn bodies(town: &Town) {
    let citizen = &town.citizen;
    let cases: [(&str, Vec<u8>, u16, &str); 6] = [
        (
            "broken JSON",
            b"{\"service\": ".to_vec(),
            400,
            "malformed-json",
        ),
        ("no body", Vec::new(), 400, "malformed-json"),
        (
            "not UTF-8",
            b"{\"service\": \"\xff\"}".to_vec(),
            400,
            "malformed-json",
        ),
        (
            "33 levels",
            format!(
                "{{\"service\": \"{}\", \"data\": {{\"a\": {}{}}}}}",
                demo::REPORT,
                "[".repeat(31),
                "]".repeat(31)
            )
            .into_bytes(),
            400,
            "json-too-deep",
        ),
        (
            "10001 elements",
            json!({"service": demo::REPORT, "data": {"docs": vec![0; 10_001]}})
                .to_string()
                .into_bytes(),
            400,
            "array-too-long",
        ),
        (
            "over 5 MiB",
            format!("{{\"service\": \"{}\"}}", "x".repeat(5 * 1024 * 1024)).into_bytes(),
            413,
            "body-too-large",
        ),
    ];
    for (what, body, status, code) in cases {
        let answer = send_raw(citizen, APPLICATIONS, JSON.1, body).await;
        refused(what, answer, status, code);
    }
    let whole = json!({"service": demo::REPORT, "data": report()}).to_string();
    let answer = send_raw(citizen, APPLICATIONS, "text/plain", whole).await;
    refused("plain text", answer, 415, "unsupported-media-type");

    let mut data = report();
    data["details"] = json!("buca\u{0}");
    let body = json!({"service": demo::REPORT, "data": data});
    refused(
        "NUL",
        citizen.post(APPLICATIONS, &body).await,
        422,
        "nul-character",
    );
    let message = json!({"message": "a\u{0}b", "visibility": "applicant"});
    let answer = citizen.post(&town.at("/messages"), &message).await;
    refused("NUL in a message", answer, 422, "nul-character");
    let login = json!({"username": "opera\u{0}tore", "password": demo::PASSWORD});
    let answer = citizen.post("/lang/api/auth", &login).await;
    refused("NUL in a name", answer, 422, "nul-character");
}

/// Bodies that can be read, and say what cannot be.
async fn fields(town: &Town) {
    let (citizen, operator) = (&town.citizen, &town.operator);
    let cases = [
        ("a number as service", json!({"service": 7}), "service"),
        ("no service", json!({"data": report()}), "service"),
        (
            "a user that is no id",
            json!({"service": demo::REPORT, "user": "mario"}),
            "user",
        ),
        (
            "an unknown state",
            json!({"service": demo::REPORT, "status": "1234", "data": report()}),
            "status",
        ),
    ];
    for (what, body, field) in cases {
        let answer = citizen.post(APPLICATIONS, &body).await;
        refused_field(what, answer, "validation", field);
    }
    let answer = citizen.post(APPLICATIONS, &json!("text")).await;
    refused("a text for an object", answer, 422, "validation");

    // The last character is the check character: U is right.
    let mut data = report();
    data["applicant"]["data"]["fiscal_code"]["data"]["fiscal_code"] = json!("RSSMRA80A01H501X");
    let body = json!({"service": demo::REPORT, "data": data});
    let field = "data.applicant.data.fiscal_code.data.fiscal_code";
    for client in [citizen, operator] {
        let answer = client.post(APPLICATIONS, &body).await;
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("RSSMRA"));
        refused_field("a wrong check character", answer, "validation", field);
    }

    for service in [NOBODY, "nessun-servizio"] {
        let body = json!({"service": service, "data": report()});
        let answer = citizen.post(APPLICATIONS, &body).await;
        refused_field("an unknown service", answer, "unknown-reference", "service");
    }
    let body = json!({"service": demo::REPORT, "data": report(), "user": NOBODY});
    let answer = operator.post(APPLICATIONS, &body).await;
    refused_field("an unknown citizen", answer, "unknown-reference", "user");
    let body = json!({"service": demo::REPORT, "data": report()});
    let answer = town.other.post(APPLICATIONS, &body).await;
    refused("somebody else's data", answer, 422, "applicant-mismatch");
}

/// Addresses and their parameters.
async fn addresses(town: &Town) {
    let operator = &town.operator;
    for (path, parameters) in [
        (
            APPLICATIONS,
            &[
                "limit=0",
                "limit=101",
                "limit=dieci",
                "offset=-1",
                "sort=UP",
                "order=name",
                "status=9999",
                "createdAt[after]=ieri",
                "cursor=%C3%A8",
            ][..],
        ),
        ("/lang/api/payments", &["remote_id=7"][..]),
        ("/lang/api/documents", &["limit=dieci"][..]),
        ("/lang/api/services", &["limit=dieci"][..]),
    ] {
        for parameter in parameters {
            let what = format!("{path}?{parameter}");
            refused(&what, operator.get(&what).await, 400, "bad-parameter");
        }
    }
    let answer = operator
        .get(&format!("{APPLICATIONS}?service_id={NOBODY}"))
        .await;
    refused("the list of no service", answer, 404, "not-found");
    for path in [
        format!("{APPLICATIONS}/{NOBODY}"),
        format!("{APPLICATIONS}/{NOBODY}/history"),
        format!("/lang/api/services/{NOBODY}"),
        format!("/lang/api/documents/{NOBODY}"),
    ] {
        refused(&path, operator.get(&path).await, 404, "not-found");
    }
    let answer = operator.get(&format!("{APPLICATIONS}/7")).await;
    refused("an id that is none", answer, 400, "bad-parameter");
    for path in [
        format!("{APPLICATIONS}?service=%00"),
        format!("{APPLICATIONS}/byexternal-id/%00"),
        "/lang/api/services/%00".to_owned(),
        "/%00/api/services".to_owned(),
    ] {
        refused(&path, operator.get(&path).await, 400, "bad-parameter");
    }
    for path in [
        "/lang/api/nothing",
        "/nothing",
        "/lang/api/applications/a/b/c",
    ] {
        refused(path, operator.get(path).await, 404, "unknown-route");
    }
    for (method, path) in [
        (Method::DELETE, APPLICATIONS.to_owned()),
        (Method::PATCH, "/lang/api/auth".to_owned()),
        (Method::GET, town.at("/transition/accept")),
    ] {
        let what = format!("{method} {path}");
        let answer = operator.json(method, &path, &json!({})).await;
        refused(&what, answer, 405, "method-not-allowed");
    }
    let answer = operator.get("/nessun-comune/api/services").await;
    refused("an unknown tenant", answer, 404, "unknown-tenant");
}

async fn bad_input(store: Store) {
    let mut town = Town::start(store).await;
    let stranger = other_tenant(&town.platform).await;
    let before = town.snapshot().await;
    assert_eq!(
        before.tables.contains_key("applications_application"),
        store == Store::Postgres
    );
    bodies(&town).await;
    town.unchanged("a body that cannot be read", &before).await;
    fields(&town).await;
    town.unchanged("a field that is not valid", &before).await;
    addresses(&town).await;
    town.unchanged("an address that is not valid", &before)
        .await;
    rights(&town).await;
    town.unchanged("what is not allowed", &before).await;
    uploads(&town).await;
    town.unchanged("an upload that is refused", &before).await;
    tokens(&town, &stranger).await;
    town.unchanged("a token that is refused", &before).await;
    lockout(&town).await;
    town.unchanged("wrong passwords", &before).await;
    idempotency(&town).await;

    // The one message that was written shows: the comparison can see a change.
    let after = town.snapshot().await;
    assert_ne!(after.events, before.events);
    assert_ne!(after.seen, before.seen);
    assert_eq!(after.tables != before.tables, store == Store::Postgres);
    let before = after;
    let used: Vec<String> = [&town.citizen, &town.other, &town.operator, &stranger]
        .map(|client| client.token().to_owned())
        .to_vec();
    expiry(&town).await;
    town.operator = town.platform.client().login("operatore").await;
    town.unchanged("an expired token", &before).await;

    let log = town.platform.log();
    for secret in [
        demo::CITIZEN,
        demo::OTHER_CITIZEN,
        "RSSMRA80A01H501X",
        "mario.rossi@example.org",
        "giulia.verdi@example.org",
        "3331234567",
        "333 0000000",
        demo::PASSWORD,
    ] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
    for token in used {
        let signature = token.rsplit('.').next().unwrap();
        assert!(!log.contains(signature), "the log holds a token");
    }
}

#[tokio::test]
async fn bad_input_is_named_and_changes_nothing_on_sqlite() {
    bad_input(Store::Sqlite).await;
}

#[tokio::test]
async fn bad_input_is_named_and_changes_nothing_on_postgres() {
    bad_input(Store::Postgres).await;
}

/// Each installation signs with keys of its own.
#[tokio::test]
async fn bad_input_a_token_signed_by_another_installation_is_refused_by_both() {
    let here = Platform::start(Store::Sqlite).await;
    let there = Platform::start(Store::Postgres).await;
    let (ours, theirs) = (
        here.client().login("admin").await,
        there.client().login("admin").await,
    );
    // With the key id of the one that is asked, so that it is the signature that is wrong.
    let head = |client: &Client| client.token().split_once('.').unwrap().0.to_owned();
    let rest = |client: &Client| client.token().split_once('.').unwrap().1.to_owned();
    for (asked, own, foreign) in [(&here, &ours, &theirs), (&there, &theirs, &ours)] {
        own.get(APPLICATIONS).await.expect(200);
        let mixed = format!("{}.{}", head(own), rest(foreign));
        for token in [foreign.token(), &mixed] {
            let client = asked.client().with_token(token);
            refused(
                "a foreign key",
                client.get(APPLICATIONS).await,
                401,
                "unauthenticated",
            );
        }
    }
}

#[tokio::test]
async fn the_id_of_a_refusal_is_in_the_log() {
    let mut platform = Platform::start(Store::Sqlite).await;
    let refused = platform.client().get("/lang/api/applications").await;
    let id = refused.expect(401)["instance"].as_str().unwrap().to_owned();
    assert!(platform.terminate().success());
    let log = platform.log();
    let mut lines = log.lines().filter(|line| line.contains(&id));
    assert!(lines.any(|line| line.contains("/lang/api/applications") && line.contains(" 401 ")));
}

#[tokio::test]
async fn the_limits_of_bodies_are_those_of_the_configuration() {
    let options = Options::default()
        .set("HTTP__BODY_LIMIT_BYTES", 2000)
        .set("HTTP__JSON_DEPTH", 4)
        .set("HTTP__JSON_ARRAY_LENGTH", 3);
    let platform = Platform::start_with(Store::Sqlite, options).await;
    let admin = platform.client().login("admin").await;
    let cases = [
        (json!({"title": "a".repeat(2000)}), 413, "body-too-large"),
        (json!({"title": [[[["a"]]]]}), 400, "json-too-deep"),
        (
            json!({"triggers": ["a", "b", "c", "d"]}),
            400,
            "array-too-long",
        ),
    ];
    for (body, status, code) in cases {
        let refused = admin.post("/lang/api/webhooks", &body).await;
        assert_eq!(refused.problem(status), code);
    }
}

/// What an installation takes of files is its own affair: their size, their number, their types.
#[tokio::test]
async fn files_are_refused_beyond_what_the_configuration_takes() {
    let options = Options::default()
        .set("APPLICATIONS__FILES__MAX_BYTES", 1000)
        .set("APPLICATIONS__FILES__MAX_COUNT", 2)
        .set("APPLICATIONS__FILES__TYPES__PNG", "[]")
        .set("APPLICATIONS__FILES__TYPES__DXF", r#"["image/vnd.dxf"]"#);
    let platform = Platform::start_with(Store::Sqlite, options).await;
    let citizen = platform.client().login(demo::CITIZEN).await;
    let begin = async |name: &str, size: u32| {
        let body = json!({"name": name, "size": size});
        citizen.post("/lang/it/upload", &body).await
    };
    begin("pianta.dxf", 1000).await.expect(201);
    let large = begin("pianta.pdf", 1001).await;
    assert!(
        large.json()["detail"]
            .as_str()
            .unwrap()
            .contains("1000 bytes")
    );
    refused("a large file", large, 413, "upload-too-large");
    refused("a type", begin("foto.png", 10).await, 422, "file-refused");

    let report = example("segnalazione-disservizio");
    let sent = apply(&citizen, demo::REPORT, report).await;
    let id = sent["id"].as_str().unwrap();
    in_state(&citizen, id, "2000").await;
    let file = json!({"name": "nota.txt", "file": "bm90YQ=="});
    let path = format!("{APPLICATIONS}/{id}/messages");
    let message = json!({"message": "Ecco", "attachments": [file, file]});
    citizen.post(&path, &message).await.expect(201);
    let message = json!({"message": "Ancora", "attachments": [file]});
    let many = citizen.post(&path, &message).await;
    assert!(
        many.json()["detail"]
            .as_str()
            .unwrap()
            .contains("At most 2 files")
    );
    refused("a third file", many, 422, "too-many-files");
}

/// What a body has no room for goes by an upload, as the refusal says.
#[tokio::test]
async fn a_file_that_is_too_large_for_a_message_is_uploaded_and_named() {
    let options = Options::default().set("HTTP__BODY_LIMIT_BYTES", 20_000);
    let platform = Platform::start_with(Store::Sqlite, options).await;
    let citizen = platform.client().login(demo::CITIZEN).await;
    let sent = apply(&citizen, demo::REPORT, example("segnalazione-disservizio")).await;
    let id = sent["id"].as_str().unwrap();
    in_state(&citizen, id, "2000").await;
    let path = format!("{APPLICATIONS}/{id}/messages");
    let with = |file: Value| json!({"message": "Ecco", "attachments": [file]});
    let inside = with(json!({"name": "nota.txt", "file": "bm90YQ==".repeat(5000)}));
    let large = citizen.post(&path, &inside).await;
    let detail = large.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("/upload"), "{detail}");
    refused("a large file inside", large, 413, "body-too-large");

    let mut bytes = b"%PDF-1.7\n".to_vec();
    bytes.resize(50_000, b' ');
    let upload = citizen.upload("pianta.pdf", &bytes).await;
    let named = with(json!({"name": "pianta.pdf", "id": upload["data"]["id"]}));
    let written = citizen.post(&path, &named).await.expect(201);
    let url = written["attachments"][0]["url"].as_str().unwrap();
    let read = citizen.send(Method::GET, url, &[], None).await.unwrap();
    assert!(read.status.is_success() && read.bytes == bytes);
}
