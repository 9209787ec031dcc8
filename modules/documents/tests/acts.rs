//! From an act to its document: what the citizen, the registry and the other modules find.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

mod world;

use opencity_contracts::file::File;
use opencity_contracts::{DocumentStatus, DocumentType};
use opencity_formio::{AnswerValue, Form};
use opencity_kernel::events::{Change, Topic};
use serde_json::{Value, json};
use uuid::Uuid;
use world::{FORM, SERVICE, World, application, document, flowing, on_both, read};

fn example(name: &str) -> (Value, Value) {
    let file = |ending: &str| {
        let path = format!(
            "{}/../../examples/forms/{name}{ending}",
            env!("CARGO_MANIFEST_DIR")
        );
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    (file(".json"), file(".submission.json"))
}

/// Every text of the answers that must be found, in order; cells of tables may be broken anywhere, so only those that
/// come as a whole.
fn expected(schema: &Value, data: &Value) -> Vec<String> {
    let form = Form::parse(schema).unwrap();
    let mut texts = Vec::new();
    for section in form.answers(data) {
        texts.push(section.title);
        for answer in section.answers {
            texts.push(answer.label);
            match answer.value {
                AnswerValue::Text(text) => texts.push(text),
                AnswerValue::List(list) => texts.extend(list),
                AnswerValue::Rows(rows) => {
                    texts.extend(rows[0].iter().map(|answer| answer.label.clone()));
                    texts.extend(
                        rows.iter()
                            .flatten()
                            .filter_map(|answer| match &answer.value {
                                AnswerValue::Text(text) => Some(text.clone()),
                                _ => None,
                            }),
                    );
                }
            }
        }
    }
    texts
}

async fn every_label_and_answer_of_a_form_is_in_the_pdf_in_order(world: World) {
    for (number, name) in [
        "occupazione-suolo-pubblico",
        "iscrizione-asilo-nido",
        "segnalazione-disservizio",
    ]
    .iter()
    .enumerate()
    {
        let (schema, data) = example(name);
        let form = Uuid::from_u128(0xf1 + number as u128);
        world.form(form, &schema).await;
        let mut sent = application(DocumentType::ApplicationRequest, Uuid::now_v7());
        sent.id = Uuid::from_u128(0xa2 + number as u128);
        sent.submission = data.as_object().unwrap().clone();
        sent.form = Some(opencity_contracts::application::FormRef {
            id: form,
            version: 1,
        });
        world.act(&sent, 1).await;
        let told = world.told(number + 1).await;
        let text = read(&world.pdf(&document(&told[number])).await);
        let expected = expected(&schema, &data);
        assert!(expected.len() > 40, "{name}: {}", expected.len());
        let mut rest = text.as_str();
        for part in expected.iter().map(|part| flowing(part)) {
            let at = rest
                .find(&part)
                .unwrap_or_else(|| panic!("{name}: {part:?} is not in what follows: {rest:.400}"));
            rest = &rest[at + part.len()..];
        }
    }
    world.stop().await;
}
on_both!(
    answers,
    every_label_and_answer_of_a_form_is_in_the_pdf_in_order
);

async fn the_event_tells_everything_that_a_registry_needs(world: World) {
    world
        .form(FORM, &json!({"display": "form", "components": []}))
        .await;
    let mut sent = application(DocumentType::ApplicationRequest, Uuid::now_v7());
    let file = File {
        id: Uuid::from_u128(0xff),
        name: "ff.pdf".to_owned(),
        url: Some("http://localhost:8080/lang/api/applications/a/attachments/ff".to_owned()),
        original_name: Some("planimetria.pdf".to_owned()),
        mime_type: Some("application/pdf".to_owned()),
        size: Some(3),
        md5: Some("m".to_owned()),
        sha256: Some("s".to_owned()),
        ..File::default()
    };
    sent.attachments = vec![file];
    world.act(&sent, 1).await;
    let told = world.told(1).await;
    let event = &told[0];
    let act = sent.act.as_ref().unwrap().id;
    assert_eq!(event.key, sent.id.to_string());
    assert_eq!(event.aggregate_version, 1);
    let expected = json!({
        "act_id": act, "owner_id": sent.user, "type": "application-request", "status": "DOCUMENT_CREATED",
        "title": "Richiesta: Occupazione di suolo pubblico", "remote_id": sent.id,
        "remote_collection": {"id": SERVICE, "type": "service"},
        "folder": {"id": null, "title": "Occupazione di suolo pubblico 2026"},
        "registration_data": {"transmission_type": "Inbound", "document_number": null, "document_id": null, "date": null},
        "source_type": "user", "recipient_type": "tenant", "event_version": 1, "retry_meta": null,
        "call_in_flight_until": null, "topics": [], "image_gallery": [], "created_at": "2026-03-09T11:11:12+01:00",
        "change": {"type": "status", "from": null, "to": "DOCUMENT_CREATED", "history_id": null},
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&event.payload[key], value, "{key}");
    }
    let document = document(event);
    let pdf = world.pdf(&document).await;
    assert_eq!(document.main_document.size, pdf.len() as u64);
    assert_eq!(
        document.main_document.sha256,
        opencity_kernel::crypto::sha256_hex(&pdf)
    );
    assert_eq!(
        document.main_document.url,
        format!(
            "http://localhost:8080/lang/api/documents/{}/download",
            document.id
        )
    );
    assert_eq!(document.attachments[0].filename, "planimetria.pdf");
    assert_eq!(document.attachments[0].sha256, "s");
    assert_eq!(
        document.author[0].tax_identification_number.as_deref(),
        Some("RSSMRA80A01H501U")
    );
    assert_eq!(event.payload["author"][0]["role"], "sender");
    assert_eq!(event.payload["author"][1]["role"], "receiver");
    assert_eq!(event.payload["author"][1]["type"], "legal");
    let text = read(&pdf);
    for part in [
        "Richiesta",
        "Comune di Bugliano",
        &sent.id.to_string(),
        "Mario Rossi (RSSMRA80A01H501U)",
        "09/03/2026 11:11",
        "planimetria.pdf",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    world.stop().await;
}
on_both!(event, the_event_tells_everything_that_a_registry_needs);

async fn an_act_that_is_told_again_has_one_document(world: World) {
    world
        .form(FORM, &json!({"display": "form", "components": []}))
        .await;
    let sent = application(DocumentType::ApplicationRequest, Uuid::now_v7());
    world.act(&sent, 1).await;
    world.act(&sent, 1).await;
    world.told(1).await;
    world.act(&sent, 2).await;
    world
        .emit(
            Topic::Applications,
            SERVICE,
            sent.id,
            2,
            Change::republished(),
            &sent,
        )
        .await;
    // A later act of the same application is behind all of them.
    let outcome = application(DocumentType::ApplicationOutcome, Uuid::now_v7());
    world.act(&outcome, 3).await;
    let told = world.told(2).await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].payload["type"], "application-request");
    assert_eq!(told[1].payload["type"], "application-outcome");
    assert_eq!(
        told[1].payload["registration_data"]["transmission_type"],
        "Outbound"
    );
    assert_eq!(told[0].payload["folder"], told[1].payload["folder"]);
    world.stop().await;
}
on_both!(once, an_act_that_is_told_again_has_one_document);

async fn an_act_waits_for_the_messages_that_it_names(world: World) {
    world
        .form(FORM, &json!({"display": "form", "components": []}))
        .await;
    let messages = [Uuid::now_v7(), Uuid::now_v7()];
    let mut answer = application(DocumentType::IntegrationResponse, Uuid::now_v7());
    answer.act.as_mut().unwrap().message_ids = messages.to_vec();
    world
        .message(
            answer.id,
            messages[0],
            "<p>Ecco la planimetria &amp; il resto.</p>",
        )
        .await;
    world.act(&answer, 1).await;
    world
        .message(answer.id, Uuid::now_v7(), "un altro messaggio")
        .await;
    world.caught_up().await;
    assert!(world.told(0).await.is_empty());
    world
        .message(answer.id, messages[1], "Manca ancora una firma")
        .await;
    let told = world.told(1).await;
    let text = read(&world.pdf(&document(&told[0])).await);
    let first = text.find("Ecco la planimetria & il resto.").unwrap();
    assert!(first < text.find("Manca ancora una firma").unwrap());
    assert!(!text.contains("un altro messaggio"));
    world.stop().await;
}
on_both!(messages, an_act_waits_for_the_messages_that_it_names);

async fn an_outcome_says_what_was_decided_and_why(world: World) {
    world
        .form(FORM, &json!({"display": "form", "components": []}))
        .await;
    let mut outcome = application(DocumentType::ApplicationOutcome, Uuid::now_v7());
    outcome.outcome = Some(false);
    outcome.outcome_motivation = Some("<p>La piazza è già occupata.</p>".to_owned());
    outcome.protocol_number = Some("0000042".to_owned());
    world.act(&outcome, 1).await;
    let told = world.told(1).await;
    let text = read(&world.pdf(&document(&told[0])).await);
    for part in [
        "Esito della richiesta",
        "Rifiutata",
        "La piazza è già occupata.",
        "0000042",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    world.stop().await;
}
on_both!(outcome, an_outcome_says_what_was_decided_and_why);

/// Calls the module's API as this person.
macro_rules! get {
    ($world:expr, $token:expr, $path:expr) => {{
        let app = actix_web::test::init_service(
            actix_web::App::new()
                .app_data(actix_web::web::Data::from(std::sync::Arc::clone(
                    &$world.platform,
                )))
                .configure(|config| {
                    opencity_kernel::module::Module::routes(&$world.module, config)
                }),
        )
        .await;
        let mut request = actix_web::test::TestRequest::get()
            .uri(&$path)
            .insert_header(("Host", "localhost"));
        if let Some(token) = $token {
            let token: &String = token;
            request = request.insert_header(("Authorization", format!("Bearer {token}")));
        }
        let response = actix_web::test::call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, actix_web::test::read_body(response).await)
    }};
}

async fn citizens_and_operators_see_what_they_may(world: World) {
    world
        .form(FORM, &json!({"display": "form", "components": []}))
        .await;
    let (office, other_service) = (Uuid::from_u128(0x0f), Uuid::from_u128(0x50));
    let operators = [
        (
            Uuid::from_u128(1),
            json!({"enabled_services_ids": [SERVICE]}),
            true,
        ),
        (
            Uuid::from_u128(2),
            json!({"enabled_services_ids": [other_service]}),
            false,
        ),
        (
            Uuid::from_u128(3),
            json!({"user_groups_ids": [office]}),
            true,
        ),
        (Uuid::from_u128(4), json!({"system_user": true}), true),
    ];
    for (id, rights, _) in &operators {
        let mut body = rights.clone();
        body["role"] = json!("operator");
        world
            .emit(Topic::Users, *id, *id, 1, Change::created(), &body)
            .await;
    }
    let mut sent = application(DocumentType::ApplicationRequest, Uuid::now_v7());
    sent.user_group_id = Some(office);
    world.act(&sent, 1).await;
    let told = world.told(1).await;
    let mut registered = document(&told[0]);
    registered.status = DocumentStatus::RegistrationComplete;
    registered.registration_data.document_number = Some("0000001".to_owned());
    registered.folder.id = Some("2026/7".to_owned());
    let change = Change::status(Some("REGISTRATION_PENDING"), "REGISTRATION_COMPLETE");
    world
        .emit(
            Topic::Documents,
            sent.id,
            registered.id,
            3,
            change,
            &registered,
        )
        .await;
    // An older event that comes late changes nothing.
    let late = document(&told[0]);
    world
        .emit(
            Topic::Documents,
            sent.id,
            registered.id,
            2,
            Change::data(),
            &late,
        )
        .await;
    world.caught_up().await;

    let list = |body: &[u8]| {
        serde_json::from_slice::<Value>(body)
            .unwrap()
            .as_array()
            .unwrap()
            .len()
    };
    let owner = world.token(sent.user, "ROLE_CPS_USER");
    let stranger = world.token(Uuid::from_u128(0xbad), "ROLE_CPS_USER");
    let one = format!("/lang/api/documents/{}", registered.id);
    let (status, _, body) = get!(world, Some(&owner), one);
    let shown: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["registration_data"]["document_number"], "0000001");
    assert_eq!(shown["status"], "REGISTRATION_COMPLETE");
    assert_eq!(
        shown["download_link"],
        format!("http://localhost:8080{one}/download")
    );
    assert_eq!(get!(world, Some(&stranger), one).0, 403);
    assert_eq!(get!(world, None::<&String>, one).0, 401);
    assert_eq!(
        get!(
            world,
            Some(&owner),
            format!("/lang/api/documents/{}", Uuid::from_u128(9))
        )
        .0,
        404
    );
    for (token, number) in [(&owner, 1), (&stranger, 0)] {
        assert_eq!(
            list(&get!(world, Some(token), "/lang/api/documents").2),
            number
        );
        assert_eq!(
            list(&get!(world, Some(token), "/lang/api/folders").2),
            number
        );
    }
    for (id, _, sees) in &operators {
        let token = world.token(*id, "ROLE_OPERATORE");
        assert_eq!(
            get!(world, Some(&token), one).0,
            if *sees { 200 } else { 403 },
            "{id}"
        );
        let (status, _, body) = get!(world, Some(&token), "/lang/api/documents");
        assert_eq!((status, list(&body)), (200, usize::from(*sees)), "{id}");
    }
    for (filter, number) in [
        ("cf=rssmra80a01h501u", 1),
        ("cf=VRDGLI92M54F205A", 0),
        ("folder-title=Occupazione%20di%20suolo%20pubblico%202026", 1),
        ("folder-title=altro", 0),
        ("title=altro", 0),
    ] {
        let (status, _, body) = get!(world, Some(&owner), format!("/lang/api/documents?{filter}"));
        assert_eq!((status, list(&body)), (200, number), "{filter}");
    }
    assert_eq!(
        get!(world, Some(&owner), "/lang/api/documents?folder=x").0,
        400
    );
    let (_, _, body) = get!(world, Some(&owner), "/lang/api/folders");
    assert_eq!(
        serde_json::from_slice::<Value>(&body).unwrap()[0]["number"],
        "2026/7"
    );

    let (status, headers, pdf) = get!(world, Some(&owner), format!("{one}/download"));
    assert_eq!(status, 200);
    assert_eq!(
        opencity_kernel::crypto::sha256_hex(&pdf),
        registered.main_document.sha256
    );
    assert_eq!(headers.get("content-type").unwrap(), "application/pdf");
    assert!(
        headers
            .get("content-disposition")
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("attachment; filename=\"richiesta-")
    );
    assert_eq!(
        get!(world, Some(&stranger), format!("{one}/download")).0,
        403
    );
    let (_, _, body) = get!(world, Some(&owner), one);
    let read: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(read["downloads_counter"], 1);
    assert!(read["last_read_at"].is_string());

    let verify = |code: &str| format!("/lang/api/documents/verify/{code}");
    let (status, _, body) = get!(
        world,
        None::<&String>,
        verify(&registered.main_document.sha256)
    );
    assert_eq!(status, 200);
    let verified = String::from_utf8(body.to_vec()).unwrap();
    assert!(
        verified.contains("0000001") && !verified.contains("RSSMRA80A01H501U"),
        "{verified}"
    );
    assert_eq!(get!(world, None::<&String>, verify(&"0".repeat(64))).0, 404);
    assert_eq!(get!(world, None::<&String>, verify("short")).0, 400);
    world.stop().await;
}
on_both!(rights, citizens_and_operators_see_what_they_may);
