//! Documents and the registry: what a body and its citizens would notice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

mod world;

use opencity_contracts::application::Act;
use opencity_contracts::{Application, DocumentEvent, DocumentType};
use opencity_kernel::events::{Change, Topic};
use serde_json::json;
use uuid::Uuid;
use world::{FREE_SERVICE, SERVICE, TAMPERED, World, file, new_document, on_both};

/// The application of a document, at its act.
fn application(document: &DocumentEvent) -> Application {
    Application {
        id: document.remote_id,
        service_id: SERVICE,
        act: Some(Act {
            id: document.act_id,
            kind: document.kind,
            actor: None,
            message_ids: Vec::new(),
            file_ids: Vec::new(),
        }),
        ..Application::default()
    }
}

/// The application after a number was given by hand.
fn numbered(document: &DocumentEvent, number: &str) -> Application {
    Application {
        act: None,
        protocol_number: Some(number.to_owned()),
        ..application(document)
    }
}

async fn a_new_document_gets_number_folder_and_date(world: World) {
    let document = new_document();
    world.document(&document).await;
    let told = world.told(Topic::Documents, 3).await;
    let versions: Vec<i64> = told.iter().map(|event| event.aggregate_version).collect();
    assert_eq!(versions, [1, 2, 3]);
    let pending = &told[1].payload;
    assert_eq!(pending["status"], "REGISTRATION_PENDING");
    assert!(pending["call_in_flight_until"].is_string());
    assert!(
        pending["app_id"]
            .as_str()
            .unwrap()
            .starts_with("protocol-proxy:")
    );
    let complete = &told[2].payload;
    assert_eq!(
        complete["change"],
        json!({"type": "status", "from": "REGISTRATION_PENDING", "to": "REGISTRATION_COMPLETE", "history_id": null})
    );
    assert_eq!(complete["registration_data"]["document_number"], "0000001");
    assert!(complete["registration_data"]["document_id"].is_string());
    assert!(complete["registration_data"]["date"].is_string());
    assert!(complete["folder"]["id"].as_str().unwrap().ends_with("/1"));
    assert_eq!(
        complete["folder"]["title"],
        "Occupazione di suolo pubblico 2026"
    );
    assert!(complete["call_in_flight_until"].is_null() && complete["retry_meta"].is_null());
    assert_eq!(complete["main_document"], told[0].payload["main_document"]);
    assert_eq!(told[2].key, document.remote_id.to_string());
    let counters = world.counters().await;
    assert_eq!(
        (
            &counters["numbers"],
            &counters["registrations_complete"],
            &counters["files"]
        ),
        (&json!(1), &json!(1), &json!(2))
    );
    // The same document told again asks for nothing.
    world.document(&document).await;
    world.caught_up().await;
    assert_eq!(world.answers(2).await.len(), 2);
    assert_eq!(world.counters().await["numbers"], 1);
    world.stop().await;
}
on_both!(number, a_new_document_gets_number_folder_and_date);

const PENDING: &str = "REGISTRATION_PENDING";
const PARTIAL: &str = "PARTIAL_REGISTRATION";
const COMPLETE: &str = "REGISTRATION_COMPLETE";
const FAILED: &str = "REGISTRATION_FAILED";

fn fault(kind: &str, operation: Option<&str>) -> serde_json::Value {
    json!({"scope": "registry", "kind": kind, "times": 1, "millis": 20, "operation": operation})
}

async fn an_answer_that_is_lost_costs_no_second_number(world: World) {
    world
        .fault(fault(
            "accept_then_timeout",
            Some("POST /registry/registrations"),
        ))
        .await;
    world.document(&new_document()).await;
    let entry = world.try_again(1).await;
    assert_eq!(entry.payload["retry_meta"]["error"]["permanent"], false);
    assert_eq!(
        entry.payload["retry_meta"]["consumer"],
        "protocol-proxy.dispatcher"
    );
    assert_eq!(world.states(3).await, [PENDING, PENDING, COMPLETE]);
    assert_eq!(
        world.answers(3).await[2]["registration_data"]["document_number"],
        "0000001"
    );
    assert_eq!(world.counters().await["numbers"], 1);
    world.stop().await;
}
on_both!(lost, an_answer_that_is_lost_costs_no_second_number);

async fn a_reserved_number_is_told_and_kept_when_a_file_does_not_arrive(world: World) {
    world
        .fault(fault(
            "down",
            Some("POST /registry/registrations/{external_id}/complete"),
        ))
        .await;
    world.document(&new_document()).await;
    world.try_again(1).await;
    assert_eq!(world.states(4).await, [PENDING, PARTIAL, PARTIAL, COMPLETE]);
    let numbers: Vec<serde_json::Value> = world
        .answers(4)
        .await
        .iter()
        .map(|answer| answer["registration_data"]["document_number"].clone())
        .collect();
    assert_eq!(
        numbers,
        [
            json!(null),
            json!("0000001"),
            json!("0000001"),
            json!("0000001")
        ]
    );
    let counters = world.counters().await;
    assert_eq!(
        (&counters["numbers"], &counters["files"]),
        (&json!(1), &json!(2))
    );
    world.stop().await;
}
on_both!(
    partial,
    a_reserved_number_is_told_and_kept_when_a_file_does_not_arrive
);

async fn a_registry_that_is_down_is_asked_again_later(world: World) {
    world.fault(fault("down", None)).await;
    world.document(&new_document()).await;
    let entry = world.told(Topic::RetryQueue, 1).await.remove(0);
    assert_eq!(entry.payload["retry_meta"]["error"]["permanent"], false);
    assert_eq!(world.states(1).await, [PENDING]);
    assert_eq!(world.counters().await["numbers"], 0);
    // Other documents do not wait for it.
    world.document(&new_document()).await;
    assert_eq!(world.states(3).await, [PENDING, PENDING, COMPLETE]);
    world.try_again(1).await;
    assert_eq!(world.states(5).await[3..], [PENDING, COMPLETE]);
    world.stop().await;
}
on_both!(down, a_registry_that_is_down_is_asked_again_later);

async fn a_refused_document_fails_and_a_redrive_registers_it(world: World) {
    world
        .fault(fault("refuse", Some("POST /registry/registrations")))
        .await;
    world.document(&new_document()).await;
    assert_eq!(world.states(2).await, [PENDING, FAILED]);
    let entry = world.try_again(1).await;
    assert_eq!(entry.payload["retry_meta"]["error"]["permanent"], true);
    assert_eq!(world.states(4).await[2..], [PENDING, COMPLETE]);
    world.stop().await;
}
on_both!(refused, a_refused_document_fails_and_a_redrive_registers_it);

async fn a_file_whose_bytes_changed_is_never_sent(world: World) {
    let document = DocumentEvent {
        attachments: vec![file(TAMPERED)],
        ..new_document()
    };
    world.document(&document).await;
    assert_eq!(world.states(3).await, [PENDING, PARTIAL, FAILED]);
    assert_eq!(world.counters().await["registrations_complete"], 0);
    world.stop().await;
}
on_both!(tampered, a_file_whose_bytes_changed_is_never_sent);

async fn a_number_by_hand_that_is_first_needs_no_registry(world: World) {
    let document = new_document();
    world.application(&application(&document), 1).await;
    world
        .application(
            &Application {
                act: None,
                protocol_number: Some("HAND-1".to_owned()),
                protocol_folder_number: Some("9".to_owned()),
                ..application(&document)
            },
            2,
        )
        .await;
    world.document(&document).await;
    assert_eq!(world.states(1).await, [COMPLETE]);
    let answer = world.answers(1).await.remove(0);
    assert_eq!(answer["registration_data"]["document_number"], "HAND-1");
    assert_eq!(answer["folder"]["id"], "9");
    assert_eq!(world.counters().await["numbers"], 0);
    world.stop().await;
}
on_both!(first, a_number_by_hand_that_is_first_needs_no_registry);

async fn a_number_by_hand_ends_the_wait_for_a_registry_that_is_down(world: World) {
    let document = new_document();
    world.application(&application(&document), 1).await;
    world.fault(fault("down", None)).await;
    world.document(&document).await;
    world.told(Topic::RetryQueue, 1).await;
    world.application(&numbered(&document, "HAND-1"), 2).await;
    assert_eq!(world.states(2).await, [PENDING, COMPLETE]);
    // The same number on every later event of the application is no news; nor is there anything left to try.
    world.application(&numbered(&document, "HAND-1"), 3).await;
    world.try_again(1).await;
    world.caught_up().await;
    assert_eq!(world.states(2).await, [PENDING, COMPLETE]);
    assert_eq!(world.counters().await["numbers"], 0);
    world.stop().await;
}
on_both!(
    wait,
    a_number_by_hand_ends_the_wait_for_a_registry_that_is_down
);

async fn a_number_that_comes_second_is_kept_and_replaces_nothing(world: World) {
    let document = new_document();
    world.application(&application(&document), 1).await;
    world.document(&document).await;
    world.answers(2).await;
    // The number that the registry gave, told by the application, is no second one.
    world.application(&numbered(&document, "0000001"), 2).await;
    world.application(&numbered(&document, "HAND-2"), 3).await;
    world.application(&numbered(&document, "HAND-2"), 4).await;
    let answers = world.answers(3).await;
    world.caught_up().await;
    assert_eq!(world.states(3).await, [PENDING, COMPLETE, COMPLETE]);
    let data = &answers[2]["registration_data"];
    assert_eq!(data["document_number"], "0000001");
    assert_eq!(data["second_number"]["document_number"], "HAND-2");
    assert_eq!(data["second_number"]["source"], "hand");
    assert_eq!(answers[2]["change"]["type"], "data");
    world.stop().await;
}
on_both!(
    second,
    a_number_that_comes_second_is_kept_and_replaces_nothing
);

async fn a_number_by_hand_belongs_to_the_present_act(world: World) {
    let kind = DocumentType::IntegrationRequest;
    let first = DocumentEvent {
        kind,
        ..new_document()
    };
    let second = DocumentEvent {
        id: Uuid::now_v7(),
        act_id: Uuid::now_v7(),
        ..first.clone()
    };
    world.application(&application(&first), 1).await;
    world.document(&first).await;
    world.answers(2).await;
    // The second request still shows the number of the first one.
    let old = Some("0000001".to_owned());
    world
        .application(
            &Application {
                integration_outbound_protocol_number: old,
                ..application(&second)
            },
            2,
        )
        .await;
    let hand = Some("HAND-2".to_owned());
    world
        .application(
            &Application {
                act: None,
                integration_outbound_protocol_number: hand,
                ..application(&second)
            },
            3,
        )
        .await;
    world.document(&second).await;
    let answers = world.answers(3).await;
    assert_eq!(answers[2]["id"], json!(second.id));
    assert_eq!(answers[2]["status"], COMPLETE);
    assert_eq!(answers[2]["registration_data"]["document_number"], "HAND-2");
    world.stop().await;
}
on_both!(present, a_number_by_hand_belongs_to_the_present_act);

async fn what_needs_no_registration_is_left_alone(world: World) {
    let free = DocumentEvent {
        remote_collection: opencity_contracts::file::RemoteCollection::service(FREE_SERVICE),
        ..new_document()
    };
    world.document(&free).await;
    let again = new_document();
    world
        .emit(
            Topic::Documents,
            again.remote_id,
            again.id,
            1,
            Change::republished(),
            &again,
        )
        .await;
    world.document(&new_document()).await;
    assert_eq!(world.states(2).await, [PENDING, COMPLETE]);
    world.caught_up().await;
    assert_eq!(world.counters().await["numbers"], 1);
    world.stop().await;
}
on_both!(free, what_needs_no_registration_is_left_alone);

/// Calls the module's API as this person.
macro_rules! call {
    ($world:expr, $token:expr, $method:ident $path:expr, $body:expr) => {{
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
        let request = actix_web::test::TestRequest::default()
            .method(actix_web::http::Method::$method)
            .uri(&format!("/protocol-proxy/{}", $path))
            .insert_header(("Authorization", format!("Bearer {}", $token)))
            .set_json($body);
        let response = actix_web::test::call_service(&app, request.to_request()).await;
        let status = response.status().as_u16();
        let body = actix_web::test::read_body(response).await;
        (
            status,
            serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default(),
        )
    }};
}

async fn an_administrator_configures_which_services_are_registered(world: World) {
    let tenant = world.tenancy.tenant_id().uuid();
    for (id, role) in [(1, "admin"), (2, "operator")] {
        let id = Uuid::from_u128(id);
        world
            .emit(
                Topic::Users,
                id,
                id,
                1,
                Change::created(),
                &json!({"role": role}),
            )
            .await;
    }
    let admin = world.token(Uuid::from_u128(1), "ROLE_ADMIN");
    let operator = world.token(Uuid::from_u128(2), "ROLE_OPERATORE");
    let of_service = format!("sandbox/services/{SERVICE}");
    let of_tenant = format!("sandbox/tenants/{tenant}");
    assert_eq!(call!(world, operator, GET of_service, json!({})).0, 403);
    let (status, schema) = call!(world, admin, GET "sandbox/v1/schema", json!({}));
    assert_eq!(
        (status, &schema["components"][2]["key"]),
        (200, &json!("description"))
    );
    assert_eq!(
        call!(world, admin, GET "unknown/v1/schema", json!({})).0,
        404
    );
    let (status, shown) = call!(world, admin, GET of_service, json!({}));
    assert_eq!(
        (status, &shown["active"], &shown["id"]),
        (200, &json!(true), &json!(SERVICE))
    );

    let new = |id: Uuid| json!({"tenant_id": tenant, "id": id, "description": "Segnalazioni", "submit": true});
    assert_eq!(
        call!(world, admin, POST "sandbox/services", new(SERVICE)).0,
        409
    );
    assert_eq!(
        call!(world, admin, POST "sandbox/services", new(Uuid::from_u128(77))).0,
        422
    );
    let (status, made) = call!(world, admin, POST "sandbox/services", new(FREE_SERVICE));
    assert_eq!(
        (status, &made["active"], made.get("submit")),
        (201, &json!(true), None)
    );
    let foreign = json!({"tenant_id": Uuid::from_u128(5), "id": FREE_SERVICE, "description": "x"});
    assert_eq!(
        call!(world, admin, PUT format!("sandbox/services/{FREE_SERVICE}"), foreign).0,
        403
    );
    assert_eq!(
        call!(world, admin, PUT format!("sandbox/services/{FREE_SERVICE}"), json!({})).0,
        422
    );

    // Switched off, documents are left alone, and the configuration stays readable.
    assert_eq!(call!(world, admin, DELETE of_service, json!({})).0, 204);
    assert_eq!(
        call!(world, admin, GET of_service, json!({})).1["active"],
        false
    );
    world.document(&new_document()).await;
    world.caught_up().await;
    assert!(world.answers(0).await.is_empty());
    let (status, said) = call!(world, admin, PATCH of_service, json!({"active": true}));
    assert_eq!(
        (status, said),
        (200, json!(["Object Patched Successfully"]))
    );
    world.document(&new_document()).await;
    assert_eq!(world.states(2).await, [PENDING, COMPLETE]);

    let (_, shown) = call!(world, admin, GET of_tenant, json!({}));
    assert_eq!(shown["organization_tax_code"], "77777777777");
    let (status, problem) =
        call!(world, admin, PATCH of_tenant, json!({"organization_tax_code": "abc"}));
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (422, &json!("organization_tax_code"))
    );
    assert_eq!(
        call!(world, admin, GET format!("sandbox/tenants/{}", Uuid::from_u128(5)), json!({})).0,
        404
    );
    assert_eq!(call!(world, admin, DELETE of_tenant, json!({})).0, 204);
    world.document(&new_document()).await;
    world.caught_up().await;
    assert_eq!(world.states(2).await.len(), 2);
    world.stop().await;
}
on_both!(
    configuration,
    an_administrator_configures_which_services_are_registered
);
