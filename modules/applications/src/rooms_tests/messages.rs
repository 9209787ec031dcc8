//! Messages over HTTP, and what is told of them.

use std::collections::BTreeMap;

use opencity_contracts::Message;
use opencity_contracts::message::{MessageOrigin, TransmissionType, Visibility};
use opencity_kernel::i18n::Language;
use opencity_kernel::id::MessageId;

use super::*;
use crate::deliveries::DeliveriesConsumer;
use crate::messages::On;
use crate::texts::{Placeholders, StatusMessageInput, status_message};

fn path(application: ApplicationId) -> String {
    format!("/lang/api/applications/{application}/messages")
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|message| message["message"].as_str().unwrap().to_owned())
        .collect()
}

impl World {
    /// The events of messages so far: change and body.
    async fn told(&self) -> Vec<(String, i64, Message)> {
        let events = self.events(&[Topic::Messages]).await;
        events
            .iter()
            .map(|event| {
                (
                    event.change_type().to_owned(),
                    event.aggregate_version,
                    event.body().unwrap(),
                )
            })
            .collect()
    }

    async fn delivered(&self, message: MessageId, application: ApplicationId, status: &str) {
        let id = opencity_kernel::id::DeliveryId::new();
        let body = json!({"id": id, "application_id": application, "message_id": message, "channel": "email",
            "recipient": "applicant", "status": status, "sent_at": "2026-11-24T10:00:00+01:00",
            "created_at": "2026-11-24T10:00:00+01:00", "updated_at": "2026-11-24T10:00:00+01:00"});
        self.platform
            .database
            .write::<_, DbError>(self.tenancy, move |scope| {
                let change = Change::status(None, "sent");
                scope.emit(NewEvent::new(
                    Topic::Deliveries,
                    application,
                    id,
                    1,
                    change,
                    body,
                ))
            })
            .await
            .unwrap();
        let event = self.events(&[Topic::Deliveries]).await.pop().unwrap();
        self.take(DeliveriesConsumer(Arc::clone(&self.platform)), event)
            .await;
    }
}

#[actix_web::test]
async fn internal_messages_are_seen_by_the_office_alone_and_only_in_version_two() {
    let world = World::new().await;
    let app = app!(world);
    let application = world.application(Status::Pending);
    let (operator, citizen) = (world.token(world.operator), world.token(world.citizen));
    let v2 = format!("/lang/api/v2/applications/{application}/messages");
    assert_eq!(send!(app, get(&v2, &citizen)).json()["data"], json!([]));

    let public = json!({"message": "<p>Per Lei</p>", "visibility": "applicant"});
    assert_eq!(
        send!(app, post(&path(application), &operator, public)).status,
        201
    );
    // An operator who does not say so writes to nobody.
    let note = send!(
        app,
        post(&path(application), &operator, json!({"message": "nota"}))
    )
    .json();
    assert_eq!(note["visibility"], "internal");
    let reply = send!(
        app,
        post(&path(application), &citizen, json!({"message": "risposta"}))
    );
    assert_eq!(reply.json()["visibility"], "applicant");

    let (all, seen) = (
        ["<p>Per Lei</p>", "nota", "risposta"],
        ["<p>Per Lei</p>", "risposta"],
    );
    for token in [&operator, &citizen] {
        assert_eq!(
            texts(&send!(app, get(&path(application), token)).json()),
            seen
        );
    }
    let for_office = send!(app, get(&v2, &operator)).json();
    assert_eq!(
        (texts(&for_office["data"]), &for_office["meta"]["count"]),
        (all.map(str::to_owned).to_vec(), &json!(3))
    );
    let for_citizen = send!(app, get(&v2, &citizen)).json();
    assert_eq!(
        (texts(&for_citizen["data"]), &for_citizen["meta"]["count"]),
        (seen.map(str::to_owned).to_vec(), &json!(2))
    );

    let one = format!("{}/{}", path(application), note["id"].as_str().unwrap());
    assert_eq!(send!(app, get(&one, &operator)).json()["message"], "nota");
    assert_eq!(
        send!(app, get(&one, &citizen)).told(),
        (404, "not-found".to_owned())
    );
    let stranger = send!(app, get(&path(application), &world.token(world.stranger)));
    assert_eq!(stranger.told(), (403, "forbidden".to_owned()));
    let unknown = send!(app, get(&path(ApplicationId::new()), &citizen));
    assert_eq!(unknown.told(), (404, "not-found".to_owned()));
}

#[actix_web::test]
async fn pages_follow_one_another_by_their_links() {
    let world = World::new().await;
    let app = app!(world);
    let application = world.application(Status::Pending);
    let token = world.token(world.operator);
    for number in 1..=5 {
        send!(
            app,
            post(
                &path(application),
                &token,
                json!({"message": number.to_string()})
            )
        );
    }
    for (sort, order) in [
        ("ASC", ["1", "2", "3", "4", "5"]),
        ("DESC", ["5", "4", "3", "2", "1"]),
    ] {
        let mut next =
            format!("/lang/api/v2/applications/{application}/messages?limit=2&sort={sort}");
        let mut read = Vec::new();
        let mut pages = 0;
        loop {
            let page = send!(app, get(&next, &token)).json();
            read.extend(texts(&page["data"]));
            pages += 1;
            if page["links"]["next"].is_null() {
                break;
            }
            next = path_of(&page["links"]["next"]);
        }
        assert_eq!(
            (pages, read),
            (3, order.map(str::to_owned).to_vec()),
            "{sort}"
        );
    }
    let by_offset = format!("/lang/api/v2/applications/{application}/messages?offset=3");
    assert_eq!(
        texts(&send!(app, get(&by_offset, &token)).json()["data"]),
        ["4", "5"]
    );
    for wrong in ["limit=101", "cursor=x", "offset=-1"] {
        let wrong = format!("/lang/api/v2/applications/{application}/messages?{wrong}");
        assert_eq!(
            send!(app, get(&wrong, &token)).told(),
            (400, "bad-parameter".to_owned())
        );
    }
}

#[actix_web::test]
async fn a_message_is_given_back_as_it_came_and_told_with_its_files() {
    let world = World::new().await;
    let app = app!(world);
    let application = world.application(Status::Pending);
    let token = world.token(world.operator);
    let html = "<p onclick='x'>  Testo &amp; <b>così</b>\r\n</p>";
    let file = base64::engine::general_purpose::STANDARD.encode(PDF);
    let body = json!({"message": html, "subject": "Planimetria", "visibility": "applicant", "external_id": 4711,
        "attachments": [{"name": "a.pdf", "mime_type": "application/pdf", "file": file, "protocol_required": false}]});
    let created = send!(app, post(&path(application), &token, body));
    assert_eq!(created.status, 201, "{}", created.json());
    let message = created.json();
    let keys: Vec<&str> = message
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "id",
            "message",
            "subject",
            "author",
            "application",
            "visibility",
            "email",
            "created_at",
            "sent_at",
            "read_at",
            "clicked_at",
            "attachments",
            "protocol_required",
            "protocolled_at",
            "protocol_number",
            "external_id"
        ]
    );
    assert_eq!(
        (&message["message"], &message["external_id"]),
        (&json!(html), &json!(4711))
    );
    assert_eq!(message["author"], json!(world.operator));
    assert_eq!(message["email"], "mario.rossi@example.org");
    let attachment = &message["attachments"][0];
    assert_eq!(
        (&attachment["name"], &attachment["protocol_required"]),
        (&json!("a.pdf"), &json!(false))
    );
    let bytes = send!(
        app,
        get(&path_of(&attachment["url"]), &world.token(world.citizen))
    );
    assert_eq!(bytes.bytes.as_ref(), PDF);
    let external = format!("{}/byexternal-id/4711", path(application));
    assert_eq!(send!(app, get(&external, &token)).json(), message);

    let (change, version, event) = world.told().await.pop().unwrap();
    assert_eq!(
        (change.as_str(), version, event.origin),
        ("created", 1, MessageOrigin::Person)
    );
    assert_eq!(event.message, html);
    assert_eq!(event.related_entity_id, application.uuid());
    assert_eq!(event.remote_collection.id, world.service.uuid());
    assert_eq!(
        (event.author_id, event.user_id),
        (Some(world.operator.uuid()), Some(world.citizen.uuid()))
    );
    assert_eq!(event.transmission_type, TransmissionType::Outbound);
    assert_eq!(serde_json::to_value(&event).unwrap()["external_id"], 4711);
    let told = &event.attachments[0];
    assert_eq!(
        (told.size, told.sha256.clone()),
        (Some(PDF.len() as u64), Some(sha256_hex(PDF)))
    );
    let told = serde_json::to_value(told).unwrap();
    assert_eq!(
        send!(app, get(&path_of(&told["url"]), &world.service_token()))
            .bytes
            .as_ref(),
        PDF
    );
}

#[actix_web::test]
async fn the_file_of_an_internal_message_is_not_there_for_the_citizen() {
    let world = World::new().await;
    let app = app!(world);
    let application = world.application(Status::Pending);
    let file = base64::engine::general_purpose::STANDARD.encode(PDF);
    let body = json!({"message": "nota", "attachments": [{"name": "a.pdf", "file": file}]});
    let note = send!(
        app,
        post(&path(application), &world.token(world.operator), body)
    )
    .json();
    let (message, file) = (
        note["id"].as_str().unwrap(),
        note["attachments"][0]["id"].as_str().unwrap(),
    );
    for path in [
        format!("{}/{message}/attachments/{file}", path(application)),
        format!("/lang/api/applications/{application}/attachments/{file}"),
    ] {
        let hidden = send!(app, get(&path, &world.token(world.citizen)));
        assert_eq!(hidden.told(), (404, "not-found".to_owned()), "{path}");
        assert_eq!(
            send!(app, get(&path, &world.token(world.operator))).status,
            200,
            "{path}"
        );
    }
}

#[actix_web::test]
async fn the_same_key_writes_one_message() {
    let world = World::new().await;
    let app = app!(world);
    let application = world.application(Status::Pending);
    let token = world.token(world.citizen);
    let write = |text: &str| {
        post(&path(application), &token, json!({"message": text}))
            .insert_header(("idempotency-key", "k1"))
    };
    let (first, again) = (send!(app, write("uno")), send!(app, write("uno")));
    assert_eq!((first.status.as_u16(), first.json()), (201, again.json()));
    assert_eq!(
        send!(app, write("due")).told(),
        (422, "idempotency-mismatch".to_owned())
    );
    assert_eq!(world.told().await.len(), 1);
}

#[actix_web::test]
async fn what_may_not_be_written_is_refused_and_nothing_is_told() {
    let world = World::new().await;
    let app = app!(world);
    let (open, draft) = (
        world.application(Status::Pending),
        world.application(Status::Draft),
    );
    let (citizen, operator) = (world.token(world.citizen), world.token(world.operator));
    let text = json!({"message": "ciao"});
    let with = |key: &str, value: Value| {
        let mut body = text.clone();
        body[key] = value;
        body
    };
    let author = with("author_id", json!(world.admin));
    for (application, token, body, told) in [
        (
            open,
            &citizen,
            with("visibility", json!("internal")),
            (403, "forbidden"),
        ),
        (
            open,
            &world.token(world.stranger),
            text.clone(),
            (403, "forbidden"),
        ),
        (draft, &citizen, text.clone(), (422, "illegal-transition")),
        (
            ApplicationId::new(),
            &citizen,
            text.clone(),
            (404, "not-found"),
        ),
        (
            open,
            &operator,
            with("message", json!("  ")),
            (422, "validation"),
        ),
        (
            open,
            &operator,
            with("visibility", json!("everybody")),
            (422, "validation"),
        ),
        (
            open,
            &operator,
            with("email", json!("a@b.it, c@d.it")),
            (422, "validation"),
        ),
        (open, &operator, json!({}), (422, "validation")),
        (open, &operator, author, (403, "forbidden")),
        (
            open,
            &world.token(world.system),
            with("author_id", json!(world.stranger)),
            (422, "unknown-reference"),
        ),
        (
            open,
            &citizen,
            with("attachments", json!([{"name": "a.exe", "file": "QQ=="}])),
            (422, "file-refused"),
        ),
    ] {
        let refused = send!(app, post(&path(application), token, body.clone()));
        assert_eq!(refused.told(), (told.0, told.1.to_owned()), "{body}");
    }
    assert!(world.told().await.is_empty());
}

#[actix_web::test]
async fn what_is_the_offices_is_ignored_in_a_citizens_message() {
    let world = World::new().await;
    let app = app!(world);
    let application = world.application(Status::Pending);
    let body = json!({"message": "ciao", "protocol_number": "1", "sent_at": "2026-01-01T00:00:00Z", "external_id": "x",
        "author_id": world.operator, "email": "altro@example.org"});
    let written = send!(
        app,
        post(&path(application), &world.token(world.citizen), body)
    )
    .json();
    for key in ["protocol_number", "sent_at", "external_id", "email"] {
        assert!(written[key].is_null(), "{key}");
    }
    assert_eq!(written["author"], json!(world.citizen));
    let (_, _, event) = world.told().await.pop().unwrap();
    assert_eq!(event.transmission_type, TransmissionType::Inbound);
}

#[actix_web::test]
async fn on_a_service_that_only_forwards_the_citizen_answers_a_system_operator_alone() {
    let world = World::new().await;
    let app = app!(world);
    let forward = Facts {
        forward: true,
        ..Facts::default()
    };
    let application = world.application_with(Status::Submitted, forward);
    let (citizen, system) = (world.token(world.citizen), world.token(world.system));
    let text = json!({"message": "ciao", "visibility": "applicant"});
    let write = |token: &str| post(&path(application), token, text.clone());
    for token in [&citizen, &world.token(world.operator)] {
        assert_eq!(
            send!(app, write(token)).told(),
            (422, "workflow-forward".to_owned())
        );
    }
    assert_eq!(send!(app, write(&system)).status, 201);
    assert_eq!(send!(app, write(&citizen)).status, 201);
}

#[actix_web::test]
async fn a_system_operator_brings_the_citizens_message_from_outside() {
    let world = World::new().await;
    let app = app!(world);
    let application = world.application(Status::Pending);
    let body = json!({"message": "da fuori", "visibility": "applicant", "author_id": world.citizen, "external_id": "A-1"});
    let written = send!(
        app,
        post(&path(application), &world.token(world.system), body)
    )
    .json();
    assert_eq!(
        (&written["author"], &written["external_id"]),
        (&json!(world.citizen), &json!("A-1"))
    );
    let (_, _, event) = world.told().await.pop().unwrap();
    assert_eq!(event.transmission_type, TransmissionType::Inbound);
}

#[actix_web::test]
async fn a_patch_changes_what_it_names_until_the_message_is_registered() {
    let world = World::new().await;
    let app = app!(world);
    let application = world.application(Status::Pending);
    let (citizen, system) = (world.token(world.citizen), world.token(world.system));
    let text = json!({"message": "ciao", "visibility": "applicant", "external_id": "A"});
    let id = send!(app, post(&path(application), &system, text)).json();
    let one = format!("{}/{}", path(application), id["id"].as_str().unwrap());

    let read = json!({"read_at": "2026-01-01T12:00:00+01:00"});
    let done = send!(app, patch(&one, &citizen, read.clone()));
    assert_eq!(
        (done.status.as_u16(), done.json()),
        (200, json!(["Message Patched Successfully"]))
    );
    let office_only = send!(app, patch(&one, &citizen, json!({"protocol_number": "1"})));
    assert_eq!(office_only.told(), (403, "forbidden".to_owned()));
    let cleared = json!({"external_id": null, "sent_at": "2026-01-01T10:00:00Z"});
    assert_eq!(send!(app, patch(&one, &system, cleared)).status, 200);
    let now = send!(app, get(&one, &citizen)).json();
    assert_eq!(now["read_at"], "2026-01-01T12:00:00+01:00");
    assert_eq!(
        (&now["sent_at"], &now["external_id"]),
        (&json!("2026-01-01T11:00:00+01:00"), &Value::Null)
    );

    let registered = json!({"protocol_number": "2026/1", "protocolled_at": "2026-01-02T10:00:00Z"});
    assert_eq!(send!(app, patch(&one, &system, registered)).status, 200);
    for token in [&system, &citizen] {
        let late = send!(app, patch(&one, token, read.clone()));
        assert_eq!(late.told(), (409, "message-registered".to_owned()));
    }
    let told: Vec<_> = world
        .told()
        .await
        .into_iter()
        .map(|(change, version, _)| (change, version))
        .collect();
    let expected = [("created", 1), ("data", 2), ("data", 3), ("data", 4)];
    assert_eq!(
        told,
        expected.map(|(change, version)| (change.to_owned(), version))
    );
}

#[actix_web::test]
async fn the_first_delivery_that_was_handed_over_says_when_a_message_was_sent() {
    let world = World::new().await;
    let app = app!(world);
    let application = world.application(Status::Pending);
    let token = world.token(world.operator);
    let text = json!({"message": "ciao", "visibility": "applicant"});
    let written = send!(app, post(&path(application), &token, text)).json();
    let id: MessageId = written["id"].as_str().unwrap().parse().unwrap();
    let one = format!("{}/{id}", path(application));

    world.delivered(id, application, "failed").await;
    world.delivered(id, ApplicationId::new(), "sent").await;
    assert!(send!(app, get(&one, &token)).json()["sent_at"].is_null());
    world.delivered(id, application, "sent").await;
    world.delivered(id, application, "sent").await;
    assert_eq!(
        send!(app, get(&one, &token)).json()["sent_at"],
        "2026-11-24T10:00:00+01:00"
    );
    let told = world.told().await;
    assert_eq!(told.len(), 2);
    assert_eq!((told[1].0.as_str(), told[1].1), ("data", 2));
}

#[actix_web::test]
async fn the_message_of_a_change_of_state_is_told_once_and_fires_nothing() {
    let world = World::new().await;
    let app = app!(world);
    let application = world.application(Status::Complete);
    let on = On {
        application,
        service: world.service,
        owner: world.citizen,
    };
    let platform = Arc::clone(&world.platform);
    let id = world
        .access
        .files
        .ctx
        .db
        .write::<_, DbError>(world.tenancy, move |scope| {
            let api = crate::messages::public_api(&platform, scope)?;
            let input = StatusMessageInput {
                on,
                status: Status::Complete,
                texts: &BTreeMap::new(),
                language: Language::It,
                email: Some("mario.rossi@example.org".to_owned()),
                api: &api,
                placeholders: Placeholders {
                    service: "Suolo".to_owned(),
                    ..Placeholders::default()
                },
            };
            status_message(scope, &input)
        })
        .await
        .unwrap()
        .unwrap();
    let shown = send!(app, get(&path(application), &world.token(world.citizen))).json();
    assert_eq!(
        (&shown[0]["id"], &shown[0]["author"]),
        (&json!(id), &Value::Null)
    );
    let (change, version, event) = world.told().await.pop().unwrap();
    assert_eq!(
        (change.as_str(), version, event.origin),
        ("data", 1, MessageOrigin::Status)
    );
    assert_eq!(
        (event.visibility, event.sent_at),
        (Visibility::Applicant, None)
    );
    assert_eq!(event.email.as_deref(), Some("mario.rossi@example.org"));
    assert!(event.message.contains(&format!(
        "http://localhost:8080/lang/it/pratiche/{application}/detail"
    )));
}

#[actix_web::test]
async fn messages_are_told_again_as_they_are_with_their_files() {
    let world = World::new().await;
    let app = app!(world);
    let application = world.application(Status::Pending);
    let token = world.token(world.operator);
    let file = base64::engine::general_purpose::STANDARD.encode(PDF);
    let body = json!({"message": "con allegato", "attachments": [{"name": "a.pdf", "file": file}]});
    send!(app, post(&path(application), &token, body));
    send!(
        app,
        post(&path(application), &token, json!({"message": "senza"}))
    );
    let first = world.told().await;
    assert_eq!(
        crate::messages::republish(&world.access.files.ctx)
            .await
            .unwrap(),
        2
    );
    let again = world.told().await.split_off(2);
    assert!(again.iter().all(|(change, ..)| change == "republished"));
    let bodies = |told: &[(String, i64, Message)]| {
        told.iter()
            .map(|(_, version, body)| (*version, body.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(bodies(&again), bodies(&first));
    assert_eq!(again[0].2.attachments.len(), 1);
}
