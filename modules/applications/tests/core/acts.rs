//! Registration, the office's work, the citizen's answers.

use serde_json::{Value, json};

use crate::world::{World, sample};
use crate::{app, call};

macro_rules! state {
    ($app:expr, $world:expr, $id:expr) => {
        call!($app, $world, GET format!("applications/{}", $id), system).json["status"].as_str().unwrap().to_owned()
    };
}

macro_rules! sent {
    ($app:expr, $world:expr) => {{
        let body = json!({"service": "iscrizione-asilo-nido", "data": sample("iscrizione-asilo-nido")});
        let made = call!($app, $world, POST "applications", citizen, body);
        assert_eq!(made.status, 201, "{}", made.text);
        let id = made.json["id"].as_str().unwrap().to_owned();
        let act = $world.last_event(&id).await.payload["act"].clone();
        $world.document(&id, &act, "DOCUMENT_CREATED", None).await;
        (id, act)
    }};
}

#[actix_web::test]
async fn an_application_walks_the_whole_way_to_its_outcome() {
    let world = World::new().await;
    let app = app!(world);
    let (id, act) = sent!(app, world);
    let to = |name: &str| format!("applications/{id}/transition/{name}");

    let early = call!(app, world, POST to("assign"), operator);
    assert_eq!(early.told(), (422, "protocol-number-missing"));
    world
        .document(&id, &act, "REGISTRATION_COMPLETE", Some("2026/1"))
        .await;
    let read = call!(app, world, GET format!("applications/{id}"), citizen);
    assert_eq!(read.json["status"], "3000");
    assert_eq!(read.json["protocol_number"], "2026/1");
    assert_eq!(read.json["protocol_folder_number"], "6.3-12");
    assert!(read.json["protocol_time"].is_i64());

    assert_eq!(
        call!(app, world, POST to("assign"), citizen).told(),
        (403, "forbidden")
    );
    assert_eq!(
        call!(app, world, POST to("accept"), operator).told(),
        (422, "illegal-transition")
    );
    let assigned = call!(app, world, POST to("assign"), operator);
    assert_eq!(assigned.status, 204, "{}", assigned.text);
    let read = call!(app, world, GET format!("applications/{id}"), operator);
    assert_eq!(read.json["operator_id"], json!(world.operator));
    assert_eq!(read.json["user_group_id"], json!(world.office));
    let actions: Vec<&str> = read.json["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["action"].as_str().unwrap())
        .collect();
    for action in [
        "assign",
        "accept",
        "reject",
        "request-integration",
        "change-status",
    ] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    assert!(
        !actions.contains(&"register") && !actions.contains(&"withdraw"),
        "{actions:?}"
    );
    assert_eq!(
        call!(app, world, POST to("assign"), operator).told(),
        (422, "same-assignee")
    );
    // Enabled on the service, but not the assigned one.
    assert_eq!(
        call!(app, world, POST to("accept"), colleague).told(),
        (403, "forbidden")
    );

    let silent = call!(app, world, POST to("request-integration"), operator, json!({}));
    assert_eq!(silent.told(), (422, "validation"));
    let pdf = "JVBERi0xLjQKJSVFT0YK";
    let asked = call!(app, world, POST to("request-integration"), operator, json!({"message": "Manca l'ISEE",
        "attachments": [{"name": "modulo.pdf", "mime_type": "application/pdf", "file": pdf}]}));
    assert_eq!(asked.status, 204, "{}", asked.text);
    let event = world.last_event(&id).await;
    let request = event.payload["act"].clone();
    assert_eq!(event.changed_to(), Some("4100"));
    assert_eq!(request["type"], "integration-request");
    assert_eq!(
        (
            request["message_ids"].as_array().unwrap().len(),
            request["file_ids"].as_array().unwrap().len()
        ),
        (1, 1)
    );
    world
        .document(&id, &request, "REGISTRATION_COMPLETE", Some("2026/2"))
        .await;
    assert_eq!(state!(app, world, id), "4200");

    let reply = call!(app, world, POST format!("applications/{id}/messages"), citizen,
        json!({"message": "Eccolo", "visibility": "applicant"}));
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(call!(app, world, POST to("submit"), citizen).status, 204);
    let event = world.last_event(&id).await;
    let answer = event.payload["act"].clone();
    assert_eq!(event.changed_to(), Some("4300"));
    assert_eq!(answer["message_ids"], json!([reply.json["id"]]));
    // A number for an act that is over moves nothing.
    world
        .document(&id, &act, "REGISTRATION_COMPLETE", Some("2026/1"))
        .await;
    assert_eq!(state!(app, world, id), "4300");
    world
        .document(&id, &answer, "REGISTRATION_COMPLETE", Some("2026/3"))
        .await;
    assert_eq!(state!(app, world, id), "4000");

    let accepted = call!(app, world, POST to("accept"), operator, json!({"message": "Accolta",
        "attachments": [{"name": "esito.pdf", "mime_type": "application/pdf", "file": pdf}]}));
    assert_eq!(accepted.status, 204, "{}", accepted.text);
    let event = world.last_event(&id).await;
    let outcome = event.payload["act"].clone();
    assert_eq!(event.changed_to(), Some("6000"));
    assert_eq!(
        call!(app, world, GET format!("status/applications/{id}"), citizen).status,
        406
    );
    let register = call!(app, world, POST to("register-outcome"), operator, json!({"protocol_number": "2026/4"}));
    assert_eq!(register.status, 204, "{}", register.text);
    let read = call!(app, world, GET format!("applications/{id}"), citizen);
    assert_eq!(
        (&read.json["status"], &read.json["outcome"]),
        (&json!("7000"), &json!(true))
    );
    assert_eq!(read.json["outcome_motivation"], "Accolta");
    assert_eq!(read.json["outcome_protocol_number"], "2026/4");
    assert_eq!(
        read.json["outcome_attachments"][0]["originalName"],
        "esito.pdf"
    );
    assert_eq!(
        read.json["integrations"][0]["outbound"]["protocol_number"],
        "2026/2"
    );
    assert_eq!(
        read.json["integrations"][0]["inbound"]["protocol_number"],
        "2026/3"
    );
    assert_eq!(read.json["integration_inbound_protocol_number"], "2026/3");
    // The registry comes second: the first number stays.
    world
        .document(&id, &outcome, "REGISTRATION_COMPLETE", Some("2026/9"))
        .await;
    let read = call!(app, world, GET format!("applications/{id}"), citizen);
    assert_eq!(read.json["outcome_protocol_number"], "2026/4");
    assert_eq!(
        world.told(&id).await,
        [
            "->1900",
            "1900>2000",
            "2000>3000",
            "3000>4000",
            "4000>4100",
            "4100>4200",
            "4200>4300",
            "4300>4400",
            "4400>4000",
            "4000>6000",
            "6000>7000"
        ]
    );
    let versions: Vec<i64> = world
        .events(&[opencity_kernel::events::Topic::Applications])
        .await
        .iter()
        .map(|event| event.aggregate_version)
        .collect();
    assert_eq!(versions, (1..=11).collect::<Vec<i64>>());
    let reopened = call!(app, world, POST to("change-status"), admin, json!({"status": 4000}));
    assert_eq!(reopened.status, 204, "{}", reopened.text);
    let read = call!(app, world, GET format!("applications/{id}"), citizen);
    assert_eq!(
        (&read.json["outcome"], &read.json["outcome_protocol_number"]),
        (&Value::Null, &Value::Null)
    );
}

#[actix_web::test]
async fn a_number_that_came_before_the_document_moves_the_application_when_that_is_there() {
    let world = World::new().await;
    let app = app!(world);
    let service = "iscrizione-asilo-nido";
    let body = json!({"service": service, "data": sample(service)});
    let made = call!(app, world, POST "applications", citizen, body);
    let id = made.json["id"].as_str().unwrap();
    assert_eq!(made.json["status"], "1900", "{}", made.text);
    let act = world.last_event(id).await.payload["act"].clone();
    let path = format!("applications/{id}");
    let early = call!(app, world, PATCH path, operator, json!({"protocol_number": "H/1"}));
    assert_eq!(early.status, 200, "{}", early.text);
    assert_eq!(state!(app, world, id), "1900");
    world.document(id, &act, "DOCUMENT_CREATED", None).await;
    assert_eq!(state!(app, world, id), "3000");
}

#[actix_web::test]
async fn a_blank_is_no_number() {
    let world = World::new().await;
    let app = app!(world);
    let (id, _) = sent!(app, world);
    let blank = json!({"protocol_number": " ", "protocol_folder_number": "F1"});
    for refused in [
        call!(app, world, POST format!("applications/{id}/transition/register"), operator, blank),
        call!(app, world, PATCH format!("applications/{id}"), operator, blank),
    ] {
        assert_eq!(
            (refused.told(), &refused.json["errors"][0]["field"]),
            ((422, "validation"), &json!("protocol_number"))
        );
    }
    assert_eq!(state!(app, world, id), "2000");
}

#[actix_web::test]
async fn a_number_by_hand_moves_the_application_once() {
    let world = World::new().await;
    let app = app!(world);
    let (id, _) = sent!(app, world);
    let path = format!("applications/{id}");
    let owner = call!(app, world, PATCH path, citizen, json!({"protocol_number": "H/1"}));
    assert_eq!(owner.told(), (403, "forbidden"));
    // A folder alone is no number.
    let folder = call!(app, world, PATCH path, operator, json!({"protocol_folder_number": "F1"}));
    assert_eq!(folder.status, 200, "{}", folder.text);
    assert_eq!(state!(app, world, id), "2000");
    let done = call!(app, world, PATCH path, operator, json!({"protocol_number": "H/1"}));
    assert_eq!(
        (done.status, done.text.as_str()),
        (200, "[\"Object Patched Successfully\"]")
    );
    assert_eq!(state!(app, world, id), "3000");
    let register = format!("applications/{id}/transition/register");
    let body = json!({"protocol_number": "H/2", "protocol_folder_number": "F1"});
    assert_eq!(
        call!(app, world, POST register, operator, body).told(),
        (422, "illegal-transition")
    );
    // Another number, and what comes with it, is not taken; the same one again is.
    let both = json!({"protocol_number": "H/1", "protocol_document_id": "D/1"});
    assert_eq!(call!(app, world, PATCH path, operator, both).status, 200);
    let other = json!({"protocol_number": "H/2", "protocol_document_id": "D/2"});
    assert_eq!(
        call!(app, world, PATCH path, operator, other).told(),
        (422, "registered-already")
    );
    assert_eq!(call!(app, world, PATCH path, operator, both).status, 200);
    let read = call!(app, world, GET path, operator);
    assert_eq!(
        (
            &read.json["protocol_number"],
            &read.json["protocol_document_id"],
            &read.json["protocol_folder_number"]
        ),
        (&json!("H/1"), &json!("D/1"), &json!("F1"))
    );
    for act in ["outcome", "integration_outbound", "integration_inbound"] {
        let (number, document) = (
            format!("{act}_protocol_number"),
            format!("{act}_protocol_document_id"),
        );
        let first = json!({&number: "H/3", &document: "D/3"});
        assert_eq!(call!(app, world, PATCH path, operator, first).status, 200);
        let other = json!({&number: "H/4", &document: "D/4"});
        assert_eq!(
            call!(app, world, PATCH path, operator, other).told(),
            (422, "registered-already")
        );
        let read = call!(app, world, GET path, operator);
        assert_eq!(
            (&read.json[&number], &read.json[&document]),
            (&json!("H/3"), &json!("D/3"))
        );
    }
}

#[actix_web::test]
async fn the_citizens_notes_are_shown_to_himself_alone() {
    let world = World::new().await;
    let app = app!(world);
    let (id, _) = sent!(app, world);
    let served = world.serve();
    let notes = format!("{}/v1.0/user/{id}/notes", served.base);
    let written = served.client.post(notes);
    let written = written.bearer_auth(world.token(world.citizen));
    let written = written.body("Chiedere alla nonna").send().await.unwrap();
    assert_eq!(written.status().as_u16(), 200);
    let path = format!("applications/{id}");
    let own = call!(app, world, GET path, citizen);
    assert_eq!(own.json["user_compilation_notes"], "Chiedere alla nonna");
    for read in [
        call!(app, world, GET path, operator),
        call!(app, world, GET path, admin),
        call!(app, world, GET path, system),
    ] {
        let object = read.json.as_object().unwrap();
        assert_eq!(object.get("user_compilation_notes"), Some(&Value::Null));
    }
    let event = world.last_event(&id).await.payload;
    assert_eq!(event.get("user_compilation_notes"), Some(&Value::Null));
    assert!(!event.to_string().contains("nonna"), "{event}");
}

#[actix_web::test]
async fn the_offices_own_data_are_never_the_citizens() {
    let world = World::new().await;
    let app = app!(world);
    let (id, _) = sent!(app, world);
    let path = format!("applications/{id}/backoffice");
    let body = json!({"backoffice_data": {"sopralluogo": "ok"}});
    assert_eq!(
        call!(app, world, PUT path, citizen, body).told(),
        (403, "forbidden")
    );
    assert_eq!(
        call!(app, world, GET path, citizen).told(),
        (403, "forbidden")
    );
    assert_eq!(call!(app, world, PUT path, operator, body).status, 201);
    assert_eq!(call!(app, world, GET path, operator).json, body);
    let path = format!("applications/{id}");
    let seen = call!(app, world, GET path, citizen);
    assert_eq!(seen.json["backoffice_data"], Value::Null);
}

#[actix_web::test]
async fn what_a_draft_was_read_as_can_be_sent_back_by_whoever_read_it() {
    let world = World::new().await;
    let app = app!(world);
    let draft = json!({"service": world.nursery, "status": "1000", "data": sample("iscrizione-asilo-nido")});
    let made = call!(app, world, POST "applications", citizen, draft);
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("applications/{}", made.json["id"].as_str().unwrap());
    let nothing = json!({"backoffice_data": null});
    assert_eq!(call!(app, world, PATCH path, citizen, nothing).status, 200);
    assert_eq!(
        call!(app, world, PATCH path, stranger, nothing).told(),
        (403, "forbidden")
    );
    let read = call!(app, world, GET path, citizen).json;
    assert_eq!(call!(app, world, PUT path, citizen, read).status, 200);
    let read = call!(app, world, GET path, citizen).json;
    let with = |field: &str, value: Value| {
        let mut other = read.clone();
        other[field] = value;
        other
    };
    let office = with("backoffice_data", json!({"sopralluogo": "ok"}));
    assert_eq!(
        call!(app, world, PUT path, citizen, office).told(),
        (403, "forbidden")
    );
    // Who may not, hears that, whatever is wrong with what he sends.
    let numbered = with("protocol_number", json!("A/1"));
    assert_eq!(
        call!(app, world, PUT path, citizen, numbered).told(),
        (422, "validation")
    );
    assert_eq!(
        call!(app, world, PUT path, stranger, numbered).told(),
        (403, "forbidden")
    );
    assert_eq!(call!(app, world, GET path, citizen).json, read);
}

#[actix_web::test]
async fn assigning_to_people_and_offices_is_checked() {
    let world = World::new().await;
    let app = app!(world);
    let (id, act) = sent!(app, world);
    world
        .document(&id, &act, "REGISTRATION_COMPLETE", Some("2026/1"))
        .await;
    let assign = format!("applications/{id}/transition/assign");
    let told = call!(app, world, POST assign, operator, json!({"user_id": world.citizen}));
    assert_eq!(told.told(), (422, "unknown-reference"));
    let told = call!(app, world, POST assign, operator, json!({"user_id": world.colleague, "user_group_id": world.office}));
    assert_eq!(told.told(), (422, "operator-not-in-office"));
    let told = call!(app, world, POST assign, operator, json!({"user_id": null, "user_group_id": world.office}));
    assert_eq!(told.status, 204, "{}", told.text);
    let read = call!(app, world, GET format!("applications/{id}"), operator);
    assert_eq!(
        (&read.json["operator_id"], &read.json["user_group_id"]),
        (&Value::Null, &json!(world.office))
    );
    let told = call!(app, world, POST assign, operator, json!({"user_id": world.colleague}));
    assert_eq!(told.status, 204, "{}", told.text);
    assert_eq!(state!(app, world, id), "4000");
    let unknown = uuid::Uuid::new_v4();
    let told =
        call!(app, world, POST format!("applications/{unknown}/transition/assign"), operator);
    assert_eq!(told.told(), (404, "not-found"));
}

#[actix_web::test]
async fn the_citizen_withdraws_what_nobody_registered() {
    let world = World::new().await;
    let app = app!(world);
    let body =
        json!({"service": "segnalazione-disservizio", "data": sample("segnalazione-disservizio")});
    let made = call!(app, world, POST "applications", citizen, body);
    let id = made.json["id"].as_str().unwrap();
    let withdraw = format!("applications/{id}/transition/withdraw");
    assert_eq!(
        call!(app, world, POST withdraw, operator).told(),
        (403, "forbidden")
    );
    let done = call!(app, world, POST withdraw, citizen, json!({"message": "Risolto"}));
    assert_eq!(done.status, 204, "{}", done.text);
    let event = world.last_event(id).await;
    assert_eq!(
        (event.changed_to(), &event.payload["act"]["type"]),
        (Some("20000"), &json!("application-withdraw"))
    );
    let history = call!(app, world, GET format!("applications/{id}/history"), citizen);
    assert_eq!(history.json[1]["message"], "Risolto");
}
