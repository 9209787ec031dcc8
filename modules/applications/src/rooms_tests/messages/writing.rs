//! Who may write what, and in whose name.

use super::*;

async fn the_same_key_writes_one_message(store: Store) {
    let world = World::on(store).await;
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

async fn what_may_not_be_written_is_refused_and_nothing_is_told(store: Store) {
    let world = World::on(store).await;
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

async fn what_is_the_offices_is_ignored_in_a_citizens_message(store: Store) {
    let world = World::on(store).await;
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

async fn on_a_service_that_only_forwards_the_citizen_answers_a_system_operator_alone(store: Store) {
    let world = World::on(store).await;
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

async fn a_system_operator_brings_the_citizens_message_from_outside(store: Store) {
    let world = World::on(store).await;
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

on_both!(
    the_same_key_writes_one_message,
    what_may_not_be_written_is_refused_and_nothing_is_told,
    what_is_the_offices_is_ignored_in_a_citizens_message,
    on_a_service_that_only_forwards_the_citizen_answers_a_system_operator_alone,
    a_system_operator_brings_the_citizens_message_from_outside,
);
