//! Sending, drafts, and what is refused at the door.

use opencity_kernel::events::{Change, Topic};
use opencity_kernel::id::ServiceId;
use serde_json::{Value, json};

use crate::offered::offer;
use crate::world::{Served, World, sample};
use crate::{app, call};

#[actix_web::test]
async fn a_report_without_login_is_sent_and_acquired_when_its_pdf_exists() {
    let world = World::new().await;
    let app = app!(world);
    let body =
        json!({"service": "segnalazione-disservizio", "data": sample("segnalazione-disservizio")});
    let made = call!(app, world, POST "applications", anonymous, body);
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json["id"].as_str().unwrap();
    assert_eq!(made.json["status"], "1900");
    assert_eq!(made.json["user"], json!(world.anonymous));
    assert_eq!(made.json["tenant"], made.json["tenant_id"]);
    assert_eq!(made.json["data"]["objects.0.object_code"], "BG-0457");
    assert!(made.json["submission_time"].is_i64());
    assert_eq!(made.json["protocol_number"], Value::Null);

    let event = world.last_event(id).await;
    assert_eq!(event.key, world.report.to_string());
    let act = event.payload["act"].clone();
    assert_eq!(act["type"], "application-request");
    assert_eq!(
        event.payload["submission"]["objects"][0]["object_code"],
        "BG-0457"
    );

    world.document(id, &act, "DOCUMENT_CREATED", None).await;
    let read = call!(app, world, GET format!("applications/{id}?version=2"), anonymous);
    assert_eq!(read.json["status"], "2000", "{}", read.text);
    assert_eq!(
        read.json["data"]["applicant"]["completename"]["name"],
        "Mario"
    );
    assert!(
        read.json["compiled_modules"][0]["url"]
            .as_str()
            .unwrap()
            .ends_with("/download")
    );
    assert_eq!(world.told(id).await, ["->1900", "1900>2000"]);

    let history = call!(app, world, GET format!("applications/{id}/history"), operator);
    let states: Vec<i64> = history
        .json
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["status_code"].as_i64().unwrap())
        .collect();
    assert_eq!(states, [1900, 2000]);
    assert_eq!(
        call!(app, world, GET format!("applications/{id}"), stranger).told(),
        (403, "forbidden")
    );
}

#[actix_web::test]
async fn a_paid_application_waits_for_its_payment() {
    let world = World::new().await;
    let app = app!(world);
    let body = json!({"service": world.ground, "data": sample("occupazione-suolo-pubblico")});
    let made = call!(app, world, POST "applications", citizen, body);
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json["status"], "1500");
    let payment = &made.json["payment_data"];
    assert_eq!(payment["amount"], "48.00");
    assert_eq!(payment["reason"], "Canone di occupazione di suolo pubblico");
    assert_eq!(payment["config_id"], crate::world::CONFIG);
    assert_eq!(payment["attempt"], 1);
    assert_eq!(payment["split"], Value::Null);
    assert!(
        payment["landing"]["url"]
            .as_str()
            .unwrap()
            .ends_with("/detail")
    );
    assert_eq!(made.json["payment_type"], "sandbox");
    assert_eq!(made.json["user_name"], "Mario Rossi");
}

#[actix_web::test]
async fn the_same_key_gives_the_same_application_and_another_body_is_refused() {
    let world = World::new().await;
    let app = app!(world);
    let body =
        json!({"service": "segnalazione-disservizio", "data": sample("segnalazione-disservizio")});
    let first =
        call!(app, world, POST "applications", citizen, headers ["idempotency-key" = "k1"], body);
    let again =
        call!(app, world, POST "applications", citizen, headers ["idempotency-key" = "k1"], body);
    assert_eq!((first.status, again.status), (201, 201), "{}", first.text);
    assert_eq!(first.json["id"], again.json["id"]);
    let other =
        json!({"service": "segnalazione-disservizio", "status": "1000", "data": {"subject": "x"}});
    let other =
        call!(app, world, POST "applications", citizen, headers ["idempotency-key" = "k1"], other);
    assert_eq!(other.told(), (422, "idempotency-mismatch"));
}

#[actix_web::test]
async fn what_cannot_be_sent_is_refused_by_its_own_problem() {
    let world = World::new().await;
    let app = app!(world);
    let report = sample("segnalazione-disservizio");
    let send = |service: &str, data: &Value| json!({"service": service, "data": data});
    let told = |answer: crate::world::Answer| {
        (
            answer.status,
            answer.json["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let refused = |status: u16, code: &str| (status, code.to_owned());

    let answer = call!(app, world, POST "applications", citizen, send("nothing", &report));
    assert_eq!(told(answer), refused(422, "unknown-reference"));
    let answer = call!(app, world, POST "applications", citizen, send("segnalazione-disservizio", &json!({})));
    assert_eq!(told(answer), refused(422, "validation"));
    let answer = call!(app, world, POST "applications", citizen, send("segnalazione-disservizio", &json!({"subject": "x"})));
    assert_eq!(told(answer), refused(422, "validation"));
    // Another citizen in the applicant block.
    let answer =
        call!(app, world, POST "applications", stranger, send("segnalazione-disservizio", &report));
    assert_eq!(told(answer), refused(422, "applicant-mismatch"));
    // Without a login where one is needed.
    let nursery = sample("iscrizione-asilo-nido");
    let answer =
        call!(app, world, POST "applications", anonymous, send("iscrizione-asilo-nido", &nursery));
    assert_eq!(told(answer), refused(403, "forbidden"));
    // A wrong check character.
    let mut wrong = report.clone();
    wrong["applicant"]["data"]["fiscal_code"]["data"]["fiscal_code"] = json!("RSSMRA80A01H501X");
    let answer =
        call!(app, world, POST "applications", citizen, send("segnalazione-disservizio", &wrong));
    assert_eq!(told(answer), refused(422, "validation"));
    // A state that is not to be asked for.
    let mut asked = send("segnalazione-disservizio", &report);
    asked["status"] = json!(2000);
    let answer = call!(app, world, POST "applications", citizen, asked);
    assert_eq!(told(answer), refused(422, "illegal-transition"));
    // An operator who does not work the service.
    let answer = call!(app, world, POST "applications", colleague, send("segnalazione-disservizio", &report));
    assert_eq!(told(answer), refused(403, "forbidden"));
    assert!(
        world
            .events(&[opencity_kernel::events::Topic::Applications])
            .await
            .is_empty()
    );
}

#[actix_web::test]
async fn the_token_of_a_deleted_account_sends_nothing() {
    let world = World::new().await;
    let app = app!(world);
    let report = sample("segnalazione-disservizio");
    let draft = json!({"service": "segnalazione-disservizio", "status": "1000", "data": report});
    let draft = call!(app, world, POST "applications", citizen, draft);
    let now = opencity_kernel::clock::now();
    let gone = json!({"id": world.citizen, "role": "user", "event_reason": "deleted",
        "created_at": now, "updated_at": now});
    world
        .outside(Topic::Users, world.citizen.uuid(), Change::deleted(), gone)
        .await;
    let body = json!({"service": "segnalazione-disservizio", "data": report});
    let refused = call!(app, world, POST "applications", citizen, body);
    assert_eq!(refused.told(), (401, "unauthenticated"));
    let id = draft.json["id"].as_str().unwrap();
    let path = format!("applications/{id}");
    let refused = call!(app, world, PUT path, citizen, json!({"data": report}));
    assert_eq!(refused.told(), (401, "unauthenticated"));
}

#[actix_web::test]
async fn an_operator_sends_for_a_citizen_who_then_sees_it() {
    let world = World::new().await;
    let app = app!(world);
    let body = json!({"service": "iscrizione-asilo-nido", "status": "2000", "external_id": "EXT 1",
        "data": sample("iscrizione-asilo-nido")});
    let made = call!(app, world, POST "applications", operator, body);
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json["user"], json!(world.citizen));
    let id = made.json["id"].as_str().unwrap();
    assert_eq!(
        call!(app, world, GET format!("applications/{id}"), citizen).status,
        200
    );
    let history = call!(app, world, GET format!("applications/{id}/history"), citizen);
    assert_eq!(
        history.json[0]["message"],
        "Creazione pratica da altro soggetto. Olga Operatrice"
    );
    let found = call!(app, world, GET "applications/byexternal-id/EXT%201", operator);
    assert_eq!(found.json["id"], made.json["id"]);
    let again = call!(app, world, POST "applications", operator, body);
    assert_eq!(again.told(), (409, "already-exists"));
}

#[actix_web::test]
async fn a_draft_is_written_on_sent_or_deleted_and_nobody_is_told() {
    let world = World::new().await;
    let app = app!(world);
    let draft = json!({"service": "segnalazione-disservizio", "status": "1000", "data": {"subject": "Buca"}});
    let made = call!(app, world, POST "applications", citizen, draft);
    assert_eq!(
        (made.status, &made.json["status"]),
        (201, &json!("1000")),
        "{}",
        made.text
    );
    let id = made.json["id"].as_str().unwrap().to_owned();
    let unfinished =
        call!(app, world, POST format!("applications/{id}/transition/submit"), citizen);
    assert_eq!(unfinished.told(), (422, "validation"));
    let notes = format!("v1.0/user/{id}/notes");
    assert_eq!(
        call!(app, world, POST notes, citizen, "ricordare la foto").status,
        200
    );
    assert_eq!(
        call!(app, world, GET notes, citizen).text,
        "\"ricordare la foto\""
    );
    assert_eq!(call!(app, world, GET notes, operator).status, 404);

    let whole = json!({"data": sample("segnalazione-disservizio")});
    let put = call!(app, world, PUT format!("applications/{id}"), citizen, whole);
    assert_eq!(
        (put.status, put.text.as_str()),
        (200, "[\"Application Modified Successfully\"]")
    );
    // The body of a GET may come back as it is.
    let read = call!(app, world, GET format!("applications/{id}"), citizen);
    assert_eq!(
        call!(app, world, PUT format!("applications/{id}"), citizen, read.json).status,
        200
    );
    assert!(world.told(&id).await.is_empty());

    let sent =
        call!(app, world, POST format!("applications/{id}/transition/submit"), citizen, json!([]));
    assert_eq!(sent.status, 204, "{}", sent.text);
    assert_eq!(world.told(&id).await, ["1000>1900"]);
    assert_eq!(
        call!(app, world, DELETE format!("applications/{id}"), citizen).told(),
        (422, "illegal-transition")
    );
    // Sent is sent: the citizen writes on it no more.
    let late = call!(app, world, PUT format!("applications/{id}"), citizen, whole);
    assert_eq!(late.told(), (422, "illegal-transition"));

    let other = call!(app, world, POST "applications", citizen, draft);
    let other = other.json["id"].as_str().unwrap();
    assert_eq!(
        call!(app, world, DELETE format!("applications/{other}"), citizen).status,
        204
    );
    assert_eq!(
        call!(app, world, GET format!("applications/{other}"), citizen).told(),
        (404, "not-found")
    );
}

/// An upload of the citizen, confirmed: its id, and the address with its key.
async fn uploaded(served: &Served, token: &str) -> (Value, String) {
    let file = b"%PDF-1.7\ncertificato";
    let announced = json!({"name": "certificato.pdf", "original_filename": "certificato.pdf", "size": file.len(),
        "mime_type": "application/pdf", "description": "Certificato", "protocol_required": false});
    let begun = served.call("POST", "../it/upload", token, &announced).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    let (id, uri) = (&begun.json["id"], begun.json["uri"].as_str().unwrap());
    let path = uri.split_once("/lang/").unwrap().1;
    let put = served.client.put(format!("{}/../{path}", served.base));
    let put = put.body(file.to_vec()).send().await.unwrap();
    assert!(put.status().is_success(), "{put:?}");
    let hash = opencity_kernel::crypto::sha256_hex(file);
    let finished = format!("../it/upload/{}", id.as_str().unwrap());
    let ended = json!({"file_hash": hash, "check_signature": false});
    let ended = served.call("PUT", &finished, token, &ended).await;
    assert_eq!(ended.status, 200, "{}", ended.text);
    (id.clone(), uri.to_owned())
}

#[actix_web::test]
async fn the_uploads_of_a_deleted_draft_are_free_again() {
    let world = World::new().await;
    let served = world.serve();
    let token = world.token(world.citizen);
    let (id, uri) = uploaded(&served, &token).await;
    let named = json!([{"name": "certificato.pdf", "url": uri, "type": "application/pdf",
        "originalName": "certificato.pdf", "data": {"id": id, "uri": uri}}]);
    let draft = json!({"service": "iscrizione-asilo-nido", "status": 1000,
        "data": {"vaccination_certificate": named}});
    let first = served.call("POST", "applications", &token, &draft).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let second = served.call("POST", "applications", &token, &draft).await;
    assert_eq!(second.status, 422, "{}", second.text);
    let path = format!("applications/{}", first.json["id"].as_str().unwrap());
    let deleted = served.call("DELETE", &path, &token, &Value::Null).await;
    assert_eq!(deleted.status, 204, "{}", deleted.text);
    let third = served.call("POST", "applications", &token, &draft).await;
    assert_eq!(third.status, 201, "{}", third.text);
}

#[actix_web::test]
async fn a_draft_is_sent_only_while_its_service_is_open_to_who_sends_it() {
    let world = World::new().await;
    let app = app!(world);
    let id = ServiceId::random();
    let offered = async |status: u32, access_level: u32| {
        let more = json!({"status": status, "access_level": access_level});
        offer(&world, id, "aperto", "segnalazione-disservizio", more).await;
    };
    offered(1, 1000).await;
    let draft =
        json!({"service": id, "status": "1000", "data": sample("segnalazione-disservizio")});
    let made = call!(app, world, POST "applications", citizen, draft);
    assert_eq!(made.status, 201, "{}", made.text);
    let application = made.json["id"].as_str().unwrap();
    let submit = format!("applications/{application}/transition/submit");
    offered(2, 1000).await;
    assert_eq!(
        call!(app, world, POST submit, citizen, json!({})).told(),
        (422, "validation")
    );
    offered(1, 3000).await;
    assert_eq!(
        call!(app, world, POST submit, citizen, json!({})).told(),
        (403, "forbidden")
    );
    offered(1, 1000).await;
    assert_eq!(
        call!(app, world, POST submit, citizen, json!({})).status,
        204
    );
}

#[actix_web::test]
async fn an_upload_in_the_data_is_shown_as_it_is_known_and_not_as_it_was_sent() {
    let world = World::new().await;
    let served = world.serve();
    let token = world.token(world.citizen);
    let (file, uri) = uploaded(&served, &token).await;
    let mut data = sample("iscrizione-asilo-nido");
    data["vaccination_certificate"] = json!([{"name": "other.pdf", "url": "https://evil.example/x",
        "originalName": "other.pdf", "description": "Altro", "storage": "url", "other": {"url": "https://evil.example/y"},
        "data": {"id": file, "uri": uri}}]);
    // An id beside other fields makes no reference of them.
    data["id"] = file.clone();
    let draft = json!({"service": "iscrizione-asilo-nido", "status": 1000, "data": data});
    let made = served.call("POST", "applications", &token, &draft).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json["id"].as_str().unwrap();
    let path = format!("applications/{id}");
    let url = |version: &str| {
        let file = file.as_str().unwrap();
        format!("/api/applications/{id}/attachments/{file}?version={version}")
    };
    let is_ours = |shown: &Value, version: &str| {
        let keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
        let wanted = [
            "id",
            "name",
            "url",
            "originalName",
            "description",
            "protocol_required",
        ];
        assert_eq!(keys, wanted, "{shown}");
        assert_eq!(shown["id"], file);
        assert_eq!(shown["originalName"], "certificato.pdf");
        assert_eq!(shown["description"], "Certificato");
        assert_eq!(shown["protocol_required"], false);
        assert!(
            shown["url"].as_str().unwrap().ends_with(&url(version)),
            "{shown}"
        );
    };
    let is_clean = |text: &str| {
        for sent in ["key=", "evil.example", "other.pdf", "Altro"] {
            assert!(!text.contains(sent), "{sent}: {text}");
        }
    };
    is_clean(&made.text);
    for version in ["1", "2"] {
        let read = served
            .get(&format!("{path}?version={version}"), &token)
            .await;
        is_clean(&read.text);
        if version == "2" {
            is_ours(&read.json["data"]["vaccination_certificate"][0], version);
        } else {
            let shown = &read.json["data"]["vaccination_certificate.0.url"];
            assert!(
                shown.as_str().unwrap().ends_with(&url(version)),
                "{}",
                read.text
            );
            let name = &read.json["data"]["vaccination_certificate.0.originalName"];
            assert_eq!(name, "certificato.pdf");
        }
        let attached = &read.json["attachments"][0];
        assert_eq!(attached["id"], file);
        assert!(
            attached["url"].as_str().unwrap().ends_with(&url(version)),
            "{attached}"
        );
        let echo = served.call("PUT", &path, &token, &read.json).await;
        assert_eq!(echo.status, 200, "{}", echo.text);
    }
    let sent = format!("{path}/transition/submit");
    let sent = served.call("POST", &sent, &token, &Value::Null).await;
    assert_eq!(sent.status, 204, "{}", sent.text);
    let event = world.last_event(id).await.payload;
    is_clean(&event.to_string());
    is_ours(&event["submission"]["vaccination_certificate"][0], "1");
    let shown = &event["data"]["vaccination_certificate.0.url"];
    assert!(shown.as_str().unwrap().ends_with(&url("1")), "{event}");
    assert!(
        event["attachments"][0]["url"]
            .as_str()
            .unwrap()
            .ends_with(&url("1")),
        "{event}"
    );
}
