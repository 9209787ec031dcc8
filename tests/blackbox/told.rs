//! Who is told from outside and what comes from outside: webhooks, systems that fail, dead letters that are
//! redriven, files of dues.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Client, Options, Platform, Store, demo, example, until};
use crate::main_job::{PDF, apply, in_state, pay};

/// One call that the receiver has got.
#[derive(Clone, Debug)]
pub struct Call {
    headers: HashMap<String, String>,
    body: String,
}

impl Call {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Checks the signature as Standard Webhooks says.
    fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let signed = format!(
            "{}.{}.{}",
            self.headers["webhook-id"], self.headers["webhook-timestamp"], self.body
        );
        let right = opencity_kernel::crypto::hmac_sha256(&key, signed.as_bytes());
        self.headers["webhook-signature"]
            .split(' ')
            .any(|item| item == format!("v1,{}", STANDARD.encode(right)))
    }
}

/// A web server of somebody who wants to be told. It refuses the first call with 500.
pub struct Receiver {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/opencity", listener.local_addr().unwrap());
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let kept = Arc::clone(&calls);
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let Some(call) = read_call(&connection) else {
                    continue;
                };
                let mut kept = kept.lock().unwrap();
                let status = if kept.is_empty() {
                    "500 Internal Server Error"
                } else {
                    "204 No Content"
                };
                kept.push(call);
                drop(kept);
                let _ = write!(
                    &connection,
                    "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
            }
        });
        Self { url, calls }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

fn read_call(connection: &TcpStream) -> Option<Call> {
    let mut reader = BufReader::new(connection);
    let mut headers = HashMap::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Call {
        headers,
        body: String::from_utf8(body).ok()?,
    })
}

pub async fn nursery_application(citizen: &Client) -> String {
    let mut answers = example("iscrizione-asilo-nido");
    for file in ["vaccination_certificate", "isee_certificate"] {
        answers[file] = json!([citizen.upload(&format!("{file}.pdf"), PDF).await]);
    }
    let sent = apply(citizen, demo::NURSERY, answers).await;
    sent["id"].as_str().unwrap().to_owned()
}

async fn webhooks_tell_every_step(platform: &Platform) {
    let receiver = Receiver::start();
    let admin = platform.client().login("admin").await;
    let steps = ["2000", "3000", "4000", "7000"];
    let made = admin
        .post(
            "/lang/api/webhooks",
            &json!({
                "title": "Gestionale dei nidi", "endpoint": receiver.url, "filters": [demo::NURSERY],
                "triggers": ["2000", "3000", "4000", "7000", "message_created"], "headers": {"X-Key": "nidi"},
            }),
        )
        .await
        .expect(201);
    let secret = made["secret"].as_str().unwrap();

    let citizen = platform.client().login(demo::CITIZEN).await;
    let operator = platform.client().login("operatore").await;
    let report = platform.client().anonymous().await;
    apply(&report, demo::REPORT, example("segnalazione-disservizio")).await;
    let id = nursery_application(&citizen).await;
    let base = format!("/lang/api/applications/{id}");
    in_state(&citizen, &id, "3000").await;
    operator
        .post(&format!("{base}/transition/assign"), &json!([]))
        .await
        .expect(204);
    in_state(&operator, &id, "4000").await;
    operator
        .post(
            &format!("{base}/messages"),
            &json!({"message": "A presto in municipio.", "visibility": "applicant"}),
        )
        .await
        .expect(201);
    operator
        .post(
            &format!("{base}/transition/accept"),
            &json!({"message": "Accolta."}),
        )
        .await
        .expect(204);
    in_state(&citizen, &id, "7000").await;

    let calls = until("a call for every step", || async {
        let calls = receiver.calls();
        let told = |status: &str| {
            calls
                .iter()
                .any(|call| call.json()["status"].as_str() == Some(status))
        };
        let message = calls
            .iter()
            .any(|call| call.json()["message"] == "A presto in municipio.");
        // The refused first call comes again.
        let first = &calls.first()?.headers["webhook-id"];
        let again = calls
            .iter()
            .filter(|call| call.headers["webhook-id"] == *first)
            .count();
        (steps.iter().all(|status| told(status)) && message && again == 2).then_some(calls)
    })
    .await;
    for call in &calls {
        assert!(call.is_signed_with(secret), "{call:?}");
        assert!(!call.is_signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        assert_eq!(call.headers["x-key"], "nidi");
        let body = call.json();
        assert!(
            body["id"] == id.as_str() || body["related_entity_id"] == id.as_str(),
            "a call about something else: {body}"
        );
    }
    let first = &calls[0];
    let again = calls[1..]
        .iter()
        .find(|call| call.headers["webhook-id"] == first.headers["webhook-id"])
        .unwrap();
    assert_eq!(again.body, first.body);

    // Each body is the application as it was then, not as it is now.
    let body_of = |status: &str| {
        calls
            .iter()
            .map(Call::json)
            .find(|body| body["status"] == status)
            .unwrap()
    };
    assert!(body_of("2000")["protocol_number"].is_null());
    assert_eq!(
        body_of("3000")["protocol_number"].as_str().unwrap().len(),
        7
    );
    assert!(body_of("4000")["outcome_protocol_number"].is_null());
    assert_eq!(
        body_of("7000")["outcome_protocol_number"]
            .as_str()
            .unwrap()
            .len(),
        7
    );
    assert_eq!(
        body_of("2000")["data"]["applicant.data.completename.data.name"],
        "Mario"
    );
}

/// Three rows, the second with wrong check digits.
const DUES: &str = "notice_number;fiscal_code;amount;reason;expire_at\n\
301202400001234539;RSSMRA80A01H501U;50,50;Mensa scolastica marzo;30-04-2027\n\
301202400001234600;RSSMRA80A01H501U;50,50;Mensa scolastica aprile;31-05-2027\n\
301202400001234741;VRDGLI92M54F205A;10,00;Mensa scolastica marzo;30-04-2027\n";

async fn import(operator: &Client, service: &str) -> Value {
    let job = operator
        .post(
            "/lang/api/jobs",
            &json!({
                "type": "import_dovuti", "args": {"service_id": service},
                "attachment": {"name": "dovuti.csv", "mime_type": "text/csv", "file": STANDARD.encode(DUES)},
            }),
        )
        .await
        .expect(201);
    assert_eq!(job["status"], "pending");
    let path = format!("/lang/api/jobs/{}", job["id"].as_str().unwrap());
    until("the import to end", || async {
        let job = operator.get(&path).await.expect(200);
        (!job["terminated_at"].is_null()).then_some(job)
    })
    .await
}

async fn dues_are_imported_once(platform: &Platform) {
    let admin = platform.client().login("admin").await;
    let service = admin
        .post(
            "/lang/api/services",
            &json!({
                "name": "Mensa scolastica", "kind": "dues", "status": 1, "flow_steps": [],
                "payment_parameters": {"gateways": [{"identifier": "sandbox", "parameters": {}}]},
            }),
        )
        .await
        .expect(201);
    let service = service["id"].as_str().unwrap();
    admin
        .post(
            "/payment-proxy/sandbox/configs",
            &json!({
                "payment_type": "PAGOPA", "remote_collection": {"id": service, "type": "service"}, "amount": 1,
                "reason": "Mensa scolastica", "expire_at": 90, "collection_data": "9/0101100IM/", "active": true,
                "receiver": {"tax_identification_number": "77777777777", "name": "Comune di Bugliano"},
            }),
        )
        .await
        .expect(201);

    let job = import(&admin, service).await;
    assert_eq!(job["status"], "finished", "{job}");
    assert_eq!(
        job["progress"],
        json!({"done": 3, "total": 3, "rejected": 1})
    );
    assert_eq!(
        job["output"],
        json!({"added": 2, "known": 0, "rejected": 1})
    );
    let rejects = admin
        .get(&format!(
            "/lang/api/jobs/{}/rejects",
            job["id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(rejects.status, 200);
    let rejects = String::from_utf8(rejects.bytes).unwrap();
    let lines: Vec<&str> = rejects.lines().collect();
    assert_eq!(lines.len(), 2, "{rejects}");
    assert!(
        lines[1].starts_with("3,") && lines[1].contains("notice_number"),
        "{rejects}"
    );

    let again = import(&admin, service).await;
    assert_eq!(
        again["output"],
        json!({"added": 0, "known": 2, "rejected": 1})
    );

    let told: Vec<Value> = platform
        .events()
        .iter()
        .filter(|event| event["topic"] == "payments" && event["event"]["service_id"] == service)
        .map(|event| event["event"].clone())
        .collect();
    let dues: HashMap<&str, &Value> = told
        .iter()
        .map(|due| (due["id"].as_str().unwrap(), due))
        .collect();
    assert_eq!(dues.len(), 2, "{told:#?}");
    let due = dues
        .values()
        .find(|due| due["payment"]["notice_code"] == "301202400001234539")
        .unwrap();
    let path = format!(
        "/lang/api/payments?remote_id={}",
        due["id"].as_str().unwrap()
    );
    let citizen = platform.client().login(demo::CITIZEN).await;
    let seen = until("the due to be seen", || async {
        let answer = citizen.get(&path).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    assert_eq!(seen.as_array().unwrap().len(), 1);
    assert_eq!(seen[0]["payment"]["notice_code"], "301202400001234539");
    assert_eq!(seen[0]["status"], "PAYMENT_PENDING");
    let other = platform.client().login(demo::OTHER_CITIZEN).await;
    other.get(&path).await.problem(404);
}

pub async fn set_fault(platform: &Platform, fault: &Value) {
    Client::new(&platform.sandbox_url)
        .json(Method::PUT, "/_control/faults", fault)
        .await
        .expect(200);
}

async fn a_dead_letter_is_redriven(platform: &Platform) {
    let citizen = platform.client().login(demo::CITIZEN).await;
    set_fault(platform, &json!({"scope": "registry", "kind": "down"})).await;
    let id = nursery_application(&citizen).await;
    let pia = platform.client().login("piattaforma").await;
    let letters = until("a dead letter", || async {
        let letters = pia.get("/retry/dead-letters").await.expect(200);
        (letters["data"][0].is_object()).then_some(letters)
    })
    .await;
    assert_eq!(letters["data"].as_array().unwrap().len(), 1, "{letters}");
    let letter = &letters["data"][0];
    assert_eq!(letter["topic"], "documents");
    assert_eq!(letter["state"], "dead");
    assert_eq!(letter["attempts"], 2, "{letter}");
    let number = letter["id"].as_str().unwrap();
    platform
        .client()
        .login("admin")
        .await
        .get("/retry/dead-letters")
        .await
        .problem(403);
    until("the document to have failed", || async {
        platform
            .events()
            .iter()
            .any(|event| {
                event["topic"] == "documents"
                    && event["event"]["remote_id"] == id.as_str()
                    && event["event"]["status"] == "REGISTRATION_FAILED"
            })
            .then_some(())
    })
    .await;
    assert_eq!(platform.counters().await["numbers"], 0);

    Client::new(&platform.sandbox_url)
        .send(Method::DELETE, "/_control/faults", &[], None)
        .await
        .unwrap()
        .expect(204);
    let listed = platform.command(&["events", "dead-letters"]);
    assert!(
        listed.lines().any(|line| line.starts_with(number)),
        "{listed}"
    );
    platform.command(&["events", "redrive", number]);
    let registered = in_state(&citizen, &id, "3000").await;
    assert_eq!(registered["protocol_number"].as_str().unwrap().len(), 7);
    assert_eq!(platform.counters().await["numbers"], 1);
    let letters = pia.get("/retry/dead-letters?state=dead").await.expect(200);
    assert_eq!(letters["data"], json!([]));
}

async fn lost_answers_and_doubled_notices_change_nothing(platform: &Platform) {
    let before = platform.counters().await;
    for fault in [
        json!({"scope": "intermediary", "kind": "accept_then_timeout", "times": 1, "millis": 50, "operation": "POST /intermediary/positions"}),
        json!({"scope": "registry", "kind": "accept_then_timeout", "times": 1, "millis": 50, "operation": "POST /registry/registrations"}),
        json!({"scope": "intermediary", "kind": "notify_twice"}),
    ] {
        set_fault(platform, &fault).await;
    }
    let citizen = platform.client().login(demo::CITIZEN).await;
    let mut answers = example("occupazione-suolo-pubblico");
    answers["site_plan"] = json!([citizen.upload("planimetria.pdf", PDF).await]);
    let sent = apply(&citizen, demo::PUBLIC_GROUND, answers).await;
    let id = sent["id"].as_str().unwrap();
    pay(&citizen, id, "pay").await;
    in_state(&citizen, id, "3000").await;
    until("both notices", || async {
        let sent = platform.counters().await["notifications_sent"].as_i64()?;
        (sent - before["notifications_sent"].as_i64()? >= 2).then_some(())
    })
    .await;
    let faults = Client::new(&platform.sandbox_url)
        .get("/_control/faults")
        .await
        .expect(200);
    assert_eq!(
        faults["data"].as_array().unwrap().len(),
        1,
        "the answers were not lost: {faults}"
    );
    let after = platform.counters().await;
    for once in ["positions", "payments", "numbers"] {
        let done = after[once].as_i64().unwrap() - before[once].as_i64().unwrap();
        assert_eq!(done, 1, "{once}: {after}");
    }
    let complete = platform
        .events()
        .iter()
        .filter(|event| {
            event["topic"] == "payments"
                && event["event"]["remote_id"] == id
                && event["event"]["change"]["to"] == "COMPLETE"
        })
        .count();
    assert_eq!(complete, 1);
}

async fn told_by_and_to_the_outside(store: Store) {
    let options = Options::default()
        .set("WEBHOOKS__SCHEDULE_SECONDS", "[0, 1, 1]")
        .set("WEBHOOKS__POLL_MS", 50);
    let platform = Platform::start_with(store, options).await;
    webhooks_tell_every_step(&platform).await;
    dues_are_imported_once(&platform).await;
}

async fn told_that_the_outside_fails(store: Store) {
    let options = Options::default()
        .set("RETRY__SCHEDULE_SECONDS", "[1]")
        .set("RETRY__ATTEMPTS", 2)
        .set("RETRY__JITTER_PERCENT", 0)
        .set("RETRY__POLL_MS", 50);
    let platform = Platform::start_with(store, options).await;
    a_dead_letter_is_redriven(&platform).await;
    lost_answers_and_doubled_notices_change_nothing(&platform).await;
}

#[tokio::test]
async fn told_by_and_to_the_outside_on_sqlite() {
    told_by_and_to_the_outside(Store::Sqlite).await;
}

#[tokio::test]
async fn told_by_and_to_the_outside_on_postgres() {
    told_by_and_to_the_outside(Store::Postgres).await;
}

#[tokio::test]
async fn told_that_the_outside_fails_on_sqlite() {
    told_that_the_outside_fails(Store::Sqlite).await;
}

#[tokio::test]
async fn told_that_the_outside_fails_on_postgres() {
    told_that_the_outside_fails(Store::Postgres).await;
}
