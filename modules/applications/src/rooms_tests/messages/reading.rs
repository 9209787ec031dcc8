//! Who sees which messages, in which lists, and how they come back.

use super::*;

async fn internal_messages_are_seen_by_the_office_alone_and_only_in_version_two(store: Store) {
    let world = World::on(store).await;
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

async fn pages_follow_one_another_by_their_links(store: Store) {
    let world = World::on(store).await;
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

async fn a_message_is_given_back_as_it_came_and_told_with_its_files(store: Store) {
    let world = World::on(store).await;
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

async fn the_file_of_an_internal_message_is_not_there_for_the_citizen(store: Store) {
    let world = World::on(store).await;
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

on_both!(
    internal_messages_are_seen_by_the_office_alone_and_only_in_version_two,
    pages_follow_one_another_by_their_links,
    a_message_is_given_back_as_it_came_and_told_with_its_files,
    the_file_of_an_internal_message_is_not_there_for_the_citizen,
);
