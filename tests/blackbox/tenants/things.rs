//! What the first body has, one of each kind, so that others can ask for it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Client, PDF, Platform, demo, example, until};
use crate::main_job;

/// The body of the demonstration.
const FIRST_BODY: &str = "01943ffe-0680-7438-ae6b-a7bca9d37914";
/// The form of the first service of the demonstration.
const FORM: &str = "f0000000-0000-4000-8000-000000000001";
/// What another system calls things of the first body.
const EXTERNAL: &str = "fuori-4711";
/// An id of nothing.
pub const NOTHING: &str = "5f2f0f5e-0000-4000-8000-00000000dead";

/// What the first body has: an id of each kind of thing, by the segment of the path before it, or another word, by its
/// parameter.
#[derive(Default)]
pub struct Things(BTreeMap<&'static str, String>);

impl Things {
    pub fn of(&self, parameter: &str, before: &str) -> String {
        let found = self.0.get(parameter).or_else(|| self.0.get(before));
        found.cloned().unwrap_or_else(|| NOTHING.to_owned())
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
        for segment in ["applications", "user", "pratiche"] {
            things.0.insert(segment, application.clone());
        }
        things.0.insert("messages", first_id(&messages));
        things.0.insert("tenants", FIRST_BODY.to_owned());
        for segment in ["attachments", "upload"] {
            things.0.insert(segment, first_id(&whole["attachments"]));
        }
        things
            .of_other_systems(&client, &operator, &application)
            .await;
        things
            .of_work(&administrator, &operator, &application)
            .await;
        for (segment, path, new) in [
            ("services", "/lang/api/services", Value::Null),
            ("forms", "/lang/api/forms", Value::Null),
            ("users", "/lang/api/users", Value::Null),
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
        things.of_webhook(&administrator).await;
        things.of_forms_and_texts(&administrator).await;
        let documents = administrator.get("/lang/api/documents").await.expect(200);
        let code = documents[0]["sha256"].as_str().unwrap();
        things.0.insert("{code}", code.to_owned());
        things
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
            "attachment": {"name": "dovuti.csv", "mime_type": "text/csv", "file": STANDARD.encode("notice_number\n")},
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
        let path = format!("/lang/api/webhooks/{}", self.of("{id}", "webhooks"));
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

    /// A form by its id and its path, and a file of the same name of a service and of a group.
    async fn of_forms_and_texts(&mut self, administrator: &Client) {
        // One that is of the first body alone, as those of built-in services are not.
        let form = FORM.to_owned();
        let whole = administrator.get(&format!("/lang/api/form/{form}")).await;
        let path = whole.expect(200)["path"].as_str().unwrap().to_owned();
        let file =
            json!({"costs_attachments": [{"name": "tariffe.pdf", "file": STANDARD.encode(PDF)}]});
        for segment in ["services", "services-groups"] {
            let path = format!("/lang/api/{segment}/{}", self.of("{id}", segment));
            administrator
                .json(Method::PATCH, &path, &file)
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
