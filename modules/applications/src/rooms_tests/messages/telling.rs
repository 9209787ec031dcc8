//! What becomes of a message, and what is told of it.

use std::collections::BTreeMap;

use opencity_kernel::i18n::Language;

use super::*;
use crate::messages::On;
use crate::texts::{Placeholders, StatusMessageInput, status_message};

async fn a_patch_changes_what_it_names_until_the_message_is_registered(store: Store) {
    let world = World::on(store).await;
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

async fn the_first_delivery_that_was_handed_over_says_when_a_message_was_sent(store: Store) {
    let world = World::on(store).await;
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

async fn the_message_of_a_change_of_state_is_told_once_and_fires_nothing(store: Store) {
    let world = World::on(store).await;
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

async fn messages_are_told_again_as_they_are_with_their_files(store: Store) {
    let world = World::on(store).await;
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

on_both!(
    a_patch_changes_what_it_names_until_the_message_is_registered,
    the_first_delivery_that_was_handed_over_says_when_a_message_was_sent,
    the_message_of_a_change_of_state_is_told_once_and_fires_nothing,
    messages_are_told_again_as_they_are_with_their_files,
);
