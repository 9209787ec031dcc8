//! What the first body has, one of each kind, so that others can ask for it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{Client, PDF, Platform, demo, example, until};
use crate::{main_job, told};

/// The body of the demonstration.
const FIRST_BODY: &str = "01943ffe-0680-7438-ae6b-a7bca9d37914";
/// The form of the first service of the demonstration.
const FORM: &str = "f0000000-0000-4000-8000-000000000001";
/// What another system calls things of the first body.
const EXTERNAL: &str = "fuori-4711";
/// A row that an import refuses.
const NO_DUE: &str = "notice_number;fiscal_code;amount;reason;expire_at\n1;;;;\n";
/// An id of nothing.
const NOTHING: &str = "5f2f0f5e-0000-4000-8000-00000000dead";

/// What the first body has: an id of each kind of thing, by the segment of the path before it, with the method where that
/// needs another one, or a word, by its parameter.
#[derive(Default)]
pub struct Things(BTreeMap<&'static str, String>);

impl Things {
    #[track_caller]
    pub fn of(&self, method: &Method, parameter: &str, before: &str) -> String {
        let of_method = format!("{method} {before}");
        let found = [parameter, &of_method, before]
            .iter()
            .find_map(|key| self.0.get(key));
        found
            .unwrap_or_else(|| panic!("the first body needs a {parameter} of {before}"))
            .clone()
    }

    fn path_of(&self, segment: &str) -> String {
        format!(
            "/lang/api/{segment}/{}",
            self.of(&Method::GET, "{id}", segment)
        )
    }

    /// Words of the same form that name nothing.
    pub fn of_nobody(&self) -> Self {
        let nothing = |word: &String| match Uuid::parse_str(word) {
            Ok(_) => NOTHING.to_owned(),
            Err(_) => word.chars().rev().collect(),
        };
        let words = self.0.iter().map(|(key, word)| (*key, nothing(word)));
        Self(words.collect())
    }

    /// The main job, and one of everything that it leaves out.
    pub async fn of_first_body(platform: &Platform) -> Self {
        let application = main_job::run(platform).await;
        let client = platform.client();
        let (administrator, operator) =
            (client.login("admin").await, client.login("operatore").await);
        let mut things = Self::default();
        let at = |path: &str| format!("/lang/api/applications/{application}{path}");
        let whole = operator.get(&at("")).await.expect(200);
        let messages = operator.get(&at("/messages")).await.expect(200);
        for segment in ["applications", "user", "pratiche", "{remote_id}"] {
            things.0.insert(segment, application.clone());
        }
        let with_file = |message: &&Value| message["attachments"][0].is_object();
        let message = messages.as_array().unwrap().iter().find(with_file).unwrap();
        things.0.insert("messages", first_id(message));
        things
            .0
            .insert("attachments", first_id(&message["attachments"]));
        things.0.insert("upload", first_id(&whole["attachments"]));
        things.0.insert("tenants", FIRST_BODY.to_owned());
        things.0.insert("{slug}", "comune-di-bugliano".to_owned());
        things.of_failure(platform).await;
        things
            .of_other_systems(&client, &operator, &application)
            .await;
        things
            .of_work(&administrator, &operator, &application)
            .await;
        for (segment, path, new) in [
            ("users", "/lang/api/users?cf=VRDGLI92M54F205A", Value::Null),
            ("user-groups", "/lang/api/user-groups", Value::Null),
            ("categories", "/lang/api/categories", Value::Null),
            ("documents", "/lang/api/documents", Value::Null),
            ("folders", "/lang/api/folders", Value::Null),
            (
                "recipients",
                "/lang/api/recipients",
                json!({"name": "Imprese di Bugliano"}),
            ),
            (
                "geographic-areas",
                "/lang/api/geographic-areas",
                json!({"name": "Centro di Bugliano"}),
            ),
            (
                "services-groups",
                "/lang/api/services-groups",
                json!({"name": "Servizi di Bugliano"}),
            ),
            (
                "places",
                "/lang/api/places",
                json!({"name": "Municipio di Bugliano"}),
            ),
            (
                "webhooks",
                "/lang/api/webhooks",
                json!({"title": "Bugliano", "endpoint": "https://127.0.0.1/", "triggers": ["all"], "active": false}),
            ),
            ("configs", "/payment-proxy/sandbox/configs", Value::Null),
        ] {
            let id = if new.is_null() {
                first_id(&administrator.get(path).await.expect(200))
            } else {
                first_id(&administrator.post(path, &new).await.expect(201))
            };
            things.0.insert(segment, id);
        }
        let payments = operator
            .get(&format!("/lang/api/payments?remote_id={application}"))
            .await;
        let payment = first_id(&payments.expect(200));
        for segment in [
            "online-payment",
            "offline-payment",
            "landing",
            "notice",
            "receipt",
            "update",
            "confirm",
            "cancel",
        ] {
            things.0.insert(segment, payment.clone());
        }
        things.0.insert("services", demo::PUBLIC_GROUND.to_owned());
        things.of_webhook(&administrator).await;
        things.of_forms_and_texts(&administrator).await;
        let documents = administrator.get("/lang/api/documents").await.expect(200);
        let code = documents[0]["sha256"].as_str().unwrap();
        things.0.insert("{code}", code.to_owned());
        things.of_citizen(&client).await;
        things
    }

    /// A dead letter: a registration that the registry refuses.
    async fn of_failure(&mut self, platform: &Platform) {
        let refusal = json!({"scope": "registry", "kind": "refuse", "times": 1});
        told::set_fault(platform, &refusal).await;
        let client = platform.client();
        told::nursery_application(&client.login(demo::CITIZEN).await).await;
        let administrator = client.login("piattaforma").await;
        let letter = until("a dead letter", || async {
            let letters = administrator.get("/retry/dead-letters").await.expect(200);
            letters["data"][0]["id"].as_str().map(str::to_owned)
        });
        self.0.insert("dead-letters", letter.await);
    }

    /// An application and a message that another system has numbered.
    async fn of_other_systems(&mut self, client: &Client, operator: &Client, application: &str) {
        let citizen = client.login(demo::CITIZEN).await;
        let report = json!({
            "service": demo::REPORT, "data": example("segnalazione-disservizio"), "external_id": EXTERNAL
        });
        let sent = citizen.post("/lang/api/applications", &report).await;
        main_job::in_state(&citizen, &first_id(&sent.expect(201)), "2000").await;
        let message =
            json!({"message": "Agli atti", "visibility": "internal", "external_id": EXTERNAL});
        let path = format!("/lang/api/applications/{application}/messages");
        operator.post(&path, &message).await.expect(201);
        self.0.insert("{external_id}", EXTERNAL.to_owned());
    }

    /// Work on many applications, and an import, both done.
    async fn of_work(&mut self, administrator: &Client, operator: &Client, application: &str) {
        let note = json!({"action": "message", "ids": [application], "message": "Agli atti", "visibility": "internal"});
        let bulk = operator.post("/lang/api/applications/bulk", &note).await;
        let dues = json!({
            "name": "Mensa scolastica", "kind": "dues", "status": 1, "flow_steps": [],
            "payment_parameters": {"gateways": [{"identifier": "sandbox", "parameters": {}}]},
        });
        let service = administrator.post("/lang/api/services", &dues).await;
        let import = json!({
            "type": "import_dovuti", "args": {"service_id": first_id(&service.expect(201))},
            "attachment": {"name": "dovuti.csv", "mime_type": "text/csv", "file": STANDARD.encode(NO_DUE)},
        });
        let job = administrator.post("/lang/api/jobs", &import).await;
        for (key, path, end, made) in [
            (
                "{bulk}",
                "/lang/api/applications/bulk",
                "ended_at",
                bulk.expect(201),
            ),
            ("jobs", "/lang/api/jobs", "terminated_at", job.expect(201)),
        ] {
            let id = first_id(&made);
            let path = format!("{path}/{id}");
            until("work that is done", || async {
                let work = administrator.get(&path).await.expect(200);
                (!work[end].is_null()).then_some(())
            })
            .await;
            self.0.insert(key, id);
        }
    }

    /// A delivery that was tried.
    async fn of_webhook(&mut self, administrator: &Client) {
        let path = self.path_of("webhooks");
        let test = administrator
            .post(&format!("{path}/test"), &Value::Null)
            .await;
        self.0.insert("{delivery_id}", first_id(&test.expect(201)));
        let path = format!("{path}/deliveries");
        until("a delivery that was tried", || async {
            let deliveries = administrator.get(&path).await.expect(200);
            (deliveries["data"][0]["state"] != "pending").then_some(())
        })
        .await;
    }

    /// A folder of a citizen's own and a document in it, which change as those of acts do not.
    async fn of_citizen(&mut self, client: &Client) {
        let citizen = client.login(demo::CITIZEN).await;
        let folder = json!({"title": "Casa"});
        let folder = citizen.post("/lang/api/folders", &folder).await.expect(201);
        let document = json!({
            "folder": folder["id"], "title": "Planimetria", "original_filename": "planimetria.pdf", "file": STANDARD.encode(PDF),
        });
        let document = citizen.post("/lang/api/documents", &document).await;
        let document = document.expect(201);
        for (keys, made) in [
            (["PUT folders", "PATCH folders", "DELETE folders"], folder),
            (
                ["PUT documents", "PATCH documents", "DELETE documents"],
                document,
            ),
        ] {
            for key in keys {
                self.0.insert(key, first_id(&made));
            }
        }
    }

    /// A form by its id and its path, and a service in a group, each with a file of the same name.
    async fn of_forms_and_texts(&mut self, administrator: &Client) {
        // One that is of the first body alone, as those of built-in services are not.
        let form = FORM.to_owned();
        let whole = administrator.get(&format!("/lang/api/form/{form}")).await;
        let path = whole.expect(200)["path"].as_str().unwrap().to_owned();
        let file = json!([{"name": "tariffe.pdf", "file": STANDARD.encode(PDF)}]);
        for (segment, change) in [
            ("services-groups", json!({"costs_attachments": file})),
            (
                "services",
                json!({"costs_attachments": file, "service_group_id": self.0["services-groups"]}),
            ),
        ] {
            administrator
                .json(Method::PATCH, &self.path_of(segment), &change)
                .await
                .expect(200);
        }
        for (key, value) in [
            ("form", form.clone()),
            ("forms", form),
            ("{path}", path),
            ("{number}", "1".to_owned()),
            ("{list}", "costs".to_owned()),
            ("{filename}", "tariffe.pdf".to_owned()),
        ] {
            self.0.insert(key, value);
        }
    }
}

/// The id of an object, or of the first one of a list.
#[track_caller]
fn first_id(value: &Value) -> String {
    let list = value
        .get("data")
        .filter(|data| data.is_array())
        .unwrap_or(value);
    let one = list.get(0).unwrap_or(list);
    one["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id in {value}"))
        .to_owned()
}
