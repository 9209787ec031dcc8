//! A client that is strict about types works: a test for each sentence on answers and requests of applications.
//!
//! Where the sentences are tested that are not here:
//! - links and offsets of collections, no page but an empty one for an operator for whom nothing exists, 403 for a service
//!   that he may not see: `list.rs`;
//! - the shape of problems, faults of syntax, size, depth, array length and media type, 401 with `message`, other tenants:
//!   the program's `tests/blackbox/bad_input.rs`, and `modules/kernel/src/http/body.rs`; 422 `illegal-transition` with the
//!   state and what is allowed: `lifecycle/mod.rs`;
//! - `Idempotency-Key`: `create.rs`; across a crash: `tests/blackbox/faults.rs`;
//! - who may tell the outcome of a payment: every role of `states.csv`, asked by `lifecycle/mod.rs`.

use serde_json::{Map, Value, json};

use crate::world::{World, sample};
use crate::{app, call};

const REPORT: &str = "segnalazione-disservizio";
const GROUND: &str = "occupazione-suolo-pubblico";

/// Every key of an application.
const KEYS: &[&str] = &[
    "id",
    "user",
    "user_name",
    "external_id",
    "service",
    "service_id",
    "service_name",
    "service_group_name",
    "tenant",
    "tenant_id",
    "subject",
    "locale",
    "user_group_id",
    "operator_id",
    "data",
    "compiled_modules",
    "attachments",
    "creation_time",
    "created_at",
    "submission_time",
    "submitted_at",
    "latest_status_change_time",
    "latest_status_change_at",
    "protocol_folder_number",
    "protocol_folder_code",
    "protocol_number",
    "protocol_document_id",
    "protocol_numbers",
    "protocol_time",
    "protocolled_at",
    "outcome",
    "outcome_motivation",
    "outcome_file",
    "outcome_attachments",
    "outcome_protocol_number",
    "outcome_protocol_document_id",
    "outcome_protocol_numbers",
    "outcome_protocol_time",
    "outcome_protocolled_at",
    "integration_outbound_protocol_number",
    "integration_outbound_protocol_document_id",
    "integration_outbound_protocolled_at",
    "integration_inbound_protocol_number",
    "integration_inbound_protocol_document_id",
    "integration_inbound_protocolled_at",
    "payment_type",
    "payment_data",
    "status",
    "status_name",
    "authentication",
    "links",
    "meetings",
    "integrations",
    "backoffice_data",
    "user_compilation_notes",
    "flow_changed_at",
    "updated_at",
];

/// Makes an application of the citizen; what is answered.
macro_rules! made {
    ($app:expr, $world:expr, $service:expr) => {{
        let body = json!({"service": $service, "data": sample($service)});
        let made = call!($app, $world, POST "applications", citizen, body);
        assert_eq!(made.status, 201, "{}", made.text);
        made.json
    }};
}

/// One that is registered and in charge of the operator; as the citizen gets it.
macro_rules! in_charge {
    ($app:expr, $world:expr) => {{
        let body = json!({"service": "iscrizione-asilo-nido", "data": sample("iscrizione-asilo-nido")});
        let made = call!($app, $world, POST "applications", citizen, body).json;
        let id = made["id"].as_str().unwrap().to_owned();
        let act = $world.last_event(&id).await.payload["act"].clone();
        $world.document(&id, &act, "DOCUMENT_CREATED", None).await;
        $world.document(&id, &act, "REGISTRATION_COMPLETE", Some("2026/1")).await;
        let path = format!("applications/{id}/transition/assign");
        assert_eq!(call!($app, $world, POST path, operator).status, 204);
        call!($app, $world, GET format!("applications/{id}"), citizen).json
    }};
}

fn is_second(value: &Value) -> bool {
    // 2022-04-28T11:15:30+02:00
    let text = value.as_str().unwrap_or_default();
    text.len() == 25 && &text[19..20] == "+" && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

#[actix_web::test]
async fn collections_have_meta_links_and_data_and_count_is_a_number() {
    let world = World::new().await;
    let app = app!(world);
    let id = made!(app, world, REPORT)["id"].as_str().unwrap().to_owned();
    for path in [
        "applications".to_owned(),
        format!("v2/applications/{id}/messages"),
    ] {
        let page = call!(app, world, GET path, citizen).json;
        let keys: Vec<&String> = page.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["meta", "links", "data"], "{path}");
        assert!(page["meta"]["count"].is_i64(), "{path}");
        assert!(page["meta"]["parameter"].is_object(), "{path}");
        let links: Vec<&String> = page["links"].as_object().unwrap().keys().collect();
        assert_eq!(links, ["self", "prev", "next"], "{path}");
        assert!(page["data"].is_array(), "{path}");
    }
}

#[actix_web::test]
async fn messages_of_version_2_with_none_have_empty_data() {
    let world = World::new().await;
    let app = app!(world);
    let id = made!(app, world, REPORT)["id"].clone();
    let path = format!("v2/applications/{}/messages", id.as_str().unwrap());
    let page = call!(app, world, GET path, citizen).json;
    assert_eq!(
        (&page["meta"]["count"], &page["data"]),
        (&json!(0), &json!([]))
    );
}

#[actix_web::test]
async fn lists_that_are_bare_arrays_stay_bare_arrays() {
    let world = World::new().await;
    let app = app!(world);
    let id = made!(app, world, REPORT)["id"].as_str().unwrap().to_owned();
    for list in ["messages", "history"] {
        let answer = call!(app, world, GET format!("applications/{id}/{list}"), citizen);
        assert!(answer.json.is_array(), "{list}: {}", answer.text);
    }
}

#[actix_web::test]
async fn version_1_is_the_default_and_a_number_from_2_up_is_version_2() {
    let world = World::new().await;
    let app = app!(world);
    let id = made!(app, world, REPORT)["id"].as_str().unwrap().to_owned();
    let flat = |data: &Value| data["applicant.data.completename.data.name"] == "Mario";
    let nested = |data: &Value| data["applicant"]["completename"]["name"] == "Mario";
    for version in ["", "?version=1", "?version=0", "?version=x", "?version="] {
        let read = call!(app, world, GET format!("applications/{id}{version}"), citizen);
        assert!(flat(&read.json["data"]), "{version}: {}", read.text);
    }
    for version in ["?version=2", "?version=3"] {
        let read = call!(app, world, GET format!("applications/{id}{version}"), citizen);
        assert!(nested(&read.json["data"]), "{version}: {}", read.text);
    }
    let read = call!(app, world, GET format!("applications/{id}"), citizen, headers ["x-accept-version" = "2"]);
    assert!(nested(&read.json["data"]), "{}", read.text);
    let list = call!(app, world, GET "applications?version=2", citizen);
    assert!(nested(&list.json["data"][0]["data"]), "{}", list.text);
}

#[actix_web::test]
async fn every_key_is_there_with_null_where_nothing_is_known() {
    let world = World::new().await;
    let app = app!(world);
    for object in [
        made!(app, world, REPORT),
        made!(app, world, GROUND),
        in_charge!(app, world),
    ] {
        let object = object.as_object().unwrap();
        for key in KEYS {
            assert!(object.contains_key(*key), "{key} is missing");
        }
        // What only events have is not in answers.
        for key in ["submission", "form", "act", "change", "event_id"] {
            assert!(!object.contains_key(key), "{key}");
        }
    }
    let sent = made!(app, world, REPORT);
    for key in [
        "external_id",
        "user_group_id",
        "operator_id",
        "protocol_number",
        "protocol_time",
        "protocolled_at",
        "outcome",
        "outcome_motivation",
        "outcome_file",
        "outcome_protocol_number",
        "outcome_protocol_time",
        "payment_type",
        "payment_data",
        "backoffice_data",
        "user_compilation_notes",
    ] {
        assert_eq!(sent[key], Value::Null, "{key}");
    }
}

#[actix_web::test]
async fn status_is_a_string_of_digits_and_requests_take_string_or_number() {
    let world = World::new().await;
    let app = app!(world);
    for status in [json!("1000"), json!(1000)] {
        let draft = json!({"service": REPORT, "status": status, "data": {"subject": "Buca"}});
        let made = call!(app, world, POST "applications", citizen, draft);
        assert_eq!(
            (made.status, &made.json["status"]),
            (201, &json!("1000")),
            "{}",
            made.text
        );
        assert_eq!(made.json["status_name"], "status_draft");
    }
    let object = in_charge!(app, world);
    assert_eq!(object["status"], "4000");
    let path = format!(
        "applications/{}/transition/change-status",
        object["id"].as_str().unwrap()
    );
    for status in [json!(3000), json!("2000")] {
        let set = call!(app, world, POST path, operator, json!({"status": status}));
        assert_eq!(set.status, 204, "{}", set.text);
    }
    let history = call!(app, world, GET format!("applications/{}/history", object["id"].as_str().unwrap()), citizen);
    // The history alone has it as a number.
    assert_eq!(history.json[0]["status_code"], 1900);
}

#[actix_web::test]
async fn times_are_integers_or_null_and_dates_have_an_offset_and_whole_seconds() {
    let world = World::new().await;
    let app = app!(world);
    let object = in_charge!(app, world);
    let pairs = [
        ("creation_time", "created_at"),
        ("submission_time", "submitted_at"),
        ("latest_status_change_time", "latest_status_change_at"),
        ("protocol_time", "protocolled_at"),
    ];
    for (time, date) in pairs {
        assert!(is_second(&object[date]), "{date}: {}", object[date]);
        let date = chrono::DateTime::parse_from_rfc3339(object[date].as_str().unwrap()).unwrap();
        assert_eq!(object[time], date.timestamp(), "{time}");
    }
    assert!(is_second(&object["flow_changed_at"]));
    assert_eq!(object["outcome_protocol_time"], Value::Null);
    let paid = made!(app, world, GROUND);
    assert!(
        is_second(&paid["payment_data"]["expire_at"]),
        "{}",
        paid["payment_data"]
    );
}

#[actix_web::test]
async fn protocol_number_is_a_string_or_null() {
    let world = World::new().await;
    let app = app!(world);
    assert_eq!(made!(app, world, REPORT)["protocol_number"], Value::Null);
    let object = in_charge!(app, world);
    assert_eq!(object["protocol_number"], "2026/1");
    assert_eq!(object["protocol_numbers"][0]["protocollo"], "2026/1");
    assert!(object["protocol_numbers"][0]["id"].is_string());
}

#[actix_web::test]
async fn empty_maps_are_objects_and_empty_lists_arrays() {
    let world = World::new().await;
    let app = app!(world);
    let sent = made!(app, world, REPORT);
    for list in [
        "compiled_modules",
        "attachments",
        "outcome_attachments",
        "meetings",
        "integrations",
    ] {
        assert_eq!(sent[list], json!([]), "{list}");
    }
    let paid = made!(app, world, GROUND);
    let id = paid["id"].as_str().unwrap();
    world.payment(id, 1, "PAYMENT_CONFIRMED").await;
    let payment = call!(app, world, GET format!("applications/{id}/payment"), citizen);
    assert_eq!(payment.json["links"], json!({}), "{}", payment.text);
}

#[actix_web::test]
async fn links_are_only_what_this_caller_may_do_now() {
    let world = World::new().await;
    let app = app!(world);
    let object = in_charge!(app, world);
    let id = object["id"].as_str().unwrap().to_owned();
    let actions = |object: &Value| -> Vec<String> {
        let links = object["links"].as_array().unwrap();
        links
            .iter()
            .map(|link| link["action"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(actions(&object), ["withdraw"]);
    let path = format!("applications/{id}?version=2");
    let works = call!(app, world, GET path, operator).json;
    assert_eq!(
        actions(&works),
        [
            "assign",
            "accept",
            "reject",
            "request-integration",
            "change-status"
        ]
    );
    // Enabled on the service, and not the assigned one.
    let enabled = actions(&call!(app, world, GET path, colleague).json);
    assert!(
        enabled.contains(&"assign".to_owned()) && !enabled.contains(&"accept".to_owned()),
        "{enabled:?}"
    );
    let link = &works["links"][0];
    let keys: Vec<&String> = link.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["action", "description", "url"]);
    let url = link["url"].as_str().unwrap();
    assert!(
        url.ends_with(&format!(
            "/api/applications/{id}/transition/assign?version=2"
        )),
        "{url}"
    );
    // Whoever follows a link is let in.
    for (role, taken) in [("citizen", true), ("operator", false)] {
        let path = format!("applications/{id}/transition/withdraw");
        let told = match role {
            "citizen" => call!(app, world, POST path, citizen),
            _ => call!(app, world, POST path, operator),
        };
        assert_eq!(told.status == 204, taken, "{role}: {}", told.text);
    }
    assert_eq!(actions(&call!(app, world, GET path, citizen).json), [""; 0]);
}

#[actix_web::test]
async fn register_is_a_link_only_where_registration_is_required() {
    let world = World::new().await;
    let app = app!(world);
    let offers_register = |object: &Value| {
        let links = object["links"].as_array().unwrap().clone();
        links.iter().any(|link| link["action"] == "register")
    };
    for (service, required) in [(REPORT, false), ("iscrizione-asilo-nido", true)] {
        let body = json!({"service": service, "data": sample(service)});
        let id = call!(app, world, POST "applications", citizen, body).json["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let act = world.last_event(&id).await.payload["act"].clone();
        world.document(&id, &act, "DOCUMENT_CREATED", None).await;
        let read = call!(app, world, GET format!("applications/{id}"), system).json;
        assert_eq!(read["status"], "2000");
        assert_eq!(offers_register(&read), required, "{service}");
    }
}

#[actix_web::test]
async fn office_and_operator_are_always_there() {
    let world = World::new().await;
    let app = app!(world);
    let sent = made!(app, world, REPORT);
    assert_eq!(
        (&sent["user_group_id"], &sent["operator_id"]),
        (&Value::Null, &Value::Null)
    );
    let object = in_charge!(app, world);
    assert_eq!(object["user_group_id"], json!(world.office));
    assert_eq!(object["operator_id"], json!(world.operator));
}

#[actix_web::test]
async fn objects_carry_both_tenant_and_tenant_id() {
    let world = World::new().await;
    let app = app!(world);
    let sent = made!(app, world, REPORT);
    let tenant = json!(world.tenancy.tenant_id());
    assert_eq!((&sent["tenant"], &sent["tenant_id"]), (&tenant, &tenant));
    let event = world.last_event(sent["id"].as_str().unwrap()).await;
    assert_eq!(
        (&event.payload["tenant"], &event.payload["tenant_id"]),
        (&tenant, &tenant)
    );
}

#[actix_web::test]
async fn the_body_of_a_get_may_be_sent_back() {
    let world = World::new().await;
    let app = app!(world);
    let draft = json!({"service": GROUND, "status": 1000, "data": sample(GROUND)});
    let id = call!(app, world, POST "applications", citizen, draft).json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("applications/{id}");
    for version in ["", "?version=2"] {
        let before = call!(app, world, GET format!("{path}{version}"), citizen).json;
        let mut echoed = before.clone();
        echoed["a_key_that_nobody_knows"] = json!({"x": [1]});
        let put = call!(app, world, PUT path, citizen, echoed);
        assert_eq!(
            put.json,
            json!(["Application Modified Successfully"]),
            "{}",
            put.text
        );
        let after = call!(app, world, GET format!("{path}{version}"), citizen).json;
        for key in ["data", "status", "subject", "payment_type", "external_id"] {
            assert_eq!(after[key], before[key], "{version}: {key}");
        }
    }
    // The office may do so on what is worked; nothing moves.
    let object = in_charge!(app, world);
    let path = format!("applications/{}", object["id"].as_str().unwrap());
    let seen = call!(app, world, GET path, operator).json;
    let put = call!(app, world, PUT path, operator, seen);
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(call!(app, world, GET path, operator).json["status"], "4000");
}

#[actix_web::test]
async fn flat_and_nested_data_may_be_mixed() {
    let world = World::new().await;
    let app = app!(world);
    let mut data = sample(REPORT);
    data.as_object_mut().unwrap().remove("subject");
    let applicant = data["applicant"]["data"].as_object_mut().unwrap();
    let email = applicant.remove("email_address").unwrap();
    data["subject"] = json!("Lampione spento");
    data["applicant.data.email_address"] = email.clone();
    let made =
        call!(app, world, POST "applications", citizen, json!({"service": REPORT, "data": data}));
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json["data"]["applicant.data.email_address"], email);
    assert_eq!(
        made.json["data"]["applicant.data.completename.data.name"],
        "Mario"
    );
}

#[actix_web::test]
async fn input_takes_both_versions_and_the_form_as_it_is_sent() {
    let world = World::new().await;
    let app = app!(world);
    let whole = made!(app, world, REPORT);
    let id = whole["id"].as_str().unwrap();
    let nested = call!(app, world, GET format!("applications/{id}?version=2"), citizen).json;
    for data in [&whole["data"], &nested["data"], &sample(REPORT)] {
        let made = call!(app, world, POST "applications", citizen, json!({"service": REPORT, "data": data}));
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.json["data"], whole["data"]);
        let event = world.last_event(made.json["id"].as_str().unwrap()).await;
        let first = world.last_event(id).await;
        assert_eq!(event.payload["submission"], first.payload["submission"]);
    }
}

#[actix_web::test]
async fn an_empty_array_is_an_empty_body_of_a_transition() {
    let world = World::new().await;
    let app = app!(world);
    for body in [json!([]), json!({})] {
        let object = in_charge!(app, world);
        let path = format!(
            "applications/{}/transition/accept",
            object["id"].as_str().unwrap()
        );
        let done = call!(app, world, POST path, operator, body);
        assert_eq!((done.status, done.text.as_str()), (204, ""), "{body}");
    }
    let object = in_charge!(app, world);
    let path = format!(
        "applications/{}/transition/accept",
        object["id"].as_str().unwrap()
    );
    assert_eq!(call!(app, world, POST path, operator).status, 204);
    assert_eq!(
        call!(app, world, POST path, operator, json!([1])).told(),
        (422, "validation")
    );
}

#[actix_web::test]
async fn answers_are_json_without_an_accept_header_and_whatever_it_says() {
    let world = World::new().await;
    let app = app!(world);
    let id = made!(app, world, REPORT)["id"].as_str().unwrap().to_owned();
    let path = format!("applications/{id}");
    let answers = [
        call!(app, world, GET path, citizen),
        call!(app, world, GET path, citizen, headers ["accept" = "text/html"]),
        call!(app, world, GET path, citizen, headers ["accept" = "application/geo+json, application/json"]),
    ];
    for answer in answers {
        assert_eq!(
            (answer.status, &answer.json["id"]),
            (200, &json!(id)),
            "{}",
            answer.text
        );
    }
}

#[actix_web::test]
async fn version_1_has_flat_keys_arrays_by_number_and_keeps_empty_containers() {
    let world = World::new().await;
    let app = app!(world);
    let data = &made!(app, world, REPORT)["data"];
    assert_eq!(data["objects.0.object_code"], "BG-0457");
    assert_eq!(data["dangers.pedestrians"], true);
    assert_eq!((&data["images"], &data["docs"]), (&json!([]), &json!([])));
    let nested: Vec<(&String, &Value)> = data
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| value.as_object().is_some_and(|map| !map.is_empty()))
        .collect();
    assert!(nested.is_empty(), "{nested:?}");
}

#[actix_web::test]
async fn version_2_drops_the_data_of_nested_forms_and_nothing_else() {
    let world = World::new().await;
    let app = app!(world);
    let id = made!(app, world, REPORT)["id"].as_str().unwrap().to_owned();
    let data =
        call!(app, world, GET format!("applications/{id}?version=2"), citizen).json["data"].clone();
    let mut expected = sample(REPORT);
    let applicant = expected["applicant"]["data"].as_object().unwrap();
    let unwrapped: Map<String, Value> = applicant
        .iter()
        .map(|(key, value)| (key.clone(), value.get("data").unwrap_or(value).clone()))
        .collect();
    expected["applicant"] = Value::Object(unwrapped);
    assert_eq!(data, expected);
}

#[actix_web::test]
async fn numbers_stay_numbers_and_strings_strings() {
    let world = World::new().await;
    let app = app!(world);
    let data = json!({"subject": "Buca", "severity": "3", "free": {"count": 3, "share": 0.5, "code": "007"}});
    let draft = json!({"service": REPORT, "status": 1000, "data": data});
    let flat = call!(app, world, POST "applications", citizen, draft).json;
    assert_eq!(flat["data"]["severity"], "3");
    let path = format!("applications/{}?version=2", flat["id"].as_str().unwrap());
    let nested = call!(app, world, GET path, citizen).json;
    for (data, free) in [(&flat["data"], None), (&nested["data"], Some("free"))] {
        let value = |key: &str| match free {
            Some(name) => data[name][key].clone(),
            None => data[format!("free.{key}")].clone(),
        };
        assert_eq!(
            (value("count"), value("share"), value("code")),
            (json!(3), json!(0.5), json!("007")),
            "{data}"
        );
    }
}

#[actix_web::test]
async fn a_citizen_named_in_the_form_may_see_the_application_and_no_more() {
    let world = World::new().await;
    let app = app!(world);
    let mut data = sample(REPORT);
    data["related_cfs"] = json!("vrdgli92m54f205a");
    let made =
        call!(app, world, POST "applications", citizen, json!({"service": REPORT, "data": data}));
    let id = made.json["id"].as_str().unwrap().to_owned();
    let path = format!("applications/{id}");
    assert_eq!(
        call!(app, world, GET path, stranger).json["links"],
        json!([])
    );
    assert_eq!(
        call!(app, world, GET format!("{path}/history"), stranger).status,
        200
    );
    let withdraw = call!(app, world, POST format!("{path}/transition/withdraw"), stranger);
    assert_eq!(withdraw.told(), (403, "forbidden"));
    data["related_cfs"] = json!(["VRDGLI92M54F205X"]);
    let wrong =
        call!(app, world, POST "applications", citizen, json!({"service": REPORT, "data": data}));
    assert_eq!(wrong.told(), (422, "validation"));
    assert_eq!(wrong.json["errors"][0]["field"], "data.related_cfs");
}
