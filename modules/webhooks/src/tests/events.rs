//! Which events reach which webhook, and what the receiver gets.

use opencity_kernel::events::{Change, NewEvent, Topic};
use serde_json::{Value, json};
use uuid::Uuid;
use wiremock::ResponseTemplate;

use super::world::{World, is_signed_by, text};
use crate::hooks::Wanted;
use crate::store::delivery::DeliveryRow;

#[tokio::test]
async fn the_receiver_gets_the_application_as_it_was_signed_with_the_secret() {
    let world = World::new().await;
    world.answers(ResponseTemplate::new(204), 10).await;
    let (webhook, secret) = world.make(world.wanted(&["2000"])).await.unwrap();
    let application = Uuid::new_v4();
    world
        .application(application, 1, Change::status(None, "2000"), "as it was")
        .await;
    world
        .application(application, 2, Change::data(), "as it is now")
        .await;
    world
        .application(application, 3, Change::republished(), "told again")
        .await;
    world
        .application(
            application,
            4,
            Change::status(Some("2000"), "4000"),
            "another state",
        )
        .await;
    world.send().await;

    let received = world.received().await;
    assert_eq!(received.len(), 1);
    let body: Value = received[0].body_json().unwrap();
    assert_eq!(body["subject"], "as it was");
    assert_eq!(body["service"], "suolo-pubblico");
    assert_eq!(body["data"], json!({"applicant.data.name": "Maria"}));
    assert!(
        body["links"][0]["url"]
            .as_str()
            .unwrap()
            .contains(&application.to_string())
    );
    assert!(is_signed_by(&received[0], &secret));
    assert_eq!(text(&received[0], "content-type"), "application/json");
    assert_eq!(text(&received[0], "authorization"), "Bearer abc");
    let rows = world.deliveries(webhook.id).await;
    assert_eq!(
        (rows.len(), rows[0].state.as_str(), rows[0].response_status),
        (1, "delivered", Some(204))
    );
    assert_eq!(text(&received[0], "webhook-id"), rows[0].id.to_string());
}

#[tokio::test]
async fn messages_payments_and_documents_reach_those_who_want_them_with_the_slug_of_the_service() {
    let world = World::new().await;
    world.answers(ResponseTemplate::new(200), 10).await;
    let (all, _) = world.make(world.wanted(&["all"])).await.unwrap();
    let (messages, _) = world
        .make(world.wanted(&["message_created"]))
        .await
        .unwrap();
    let other = Wanted {
        filters: vec![world.service.to_string()],
        ..world.wanted(&["payment_completed", "2000"])
    };
    let (payments, _) = world.make(other).await.unwrap();
    let (application, author) = (Uuid::new_v4(), Uuid::new_v4());
    let of_service = json!({"id": world.service, "type": "service"});
    let message = json!({
        "message": "x", "author_id": author, "related_entity_id": application, "related_entity_type": "application",
        "transmission_type": "inbound", "visibility": "applicant", "remote_collection": of_service,
    });
    world
        .emit(NewEvent::new(
            Topic::Messages,
            application,
            Uuid::new_v4(),
            1,
            Change::created(),
            message,
        ))
        .await;
    let payment =
        json!({"service_id": world.service, "remote_id": application, "status": "COMPLETE"});
    let paid = Change::status(Some("PAYMENT_STARTED"), "COMPLETE");
    world
        .emit(NewEvent::new(
            Topic::Payments,
            world.service,
            Uuid::new_v4(),
            3,
            paid,
            payment,
        ))
        .await;
    let document = json!({"remote_id": application, "remote_collection": of_service});
    let registered = Change::status(None, "REGISTRATION_COMPLETE");
    world
        .emit(NewEvent::new(
            Topic::Documents,
            application,
            Uuid::new_v4(),
            2,
            registered,
            document,
        ))
        .await;

    let fired = |rows: Vec<DeliveryRow>| {
        rows.into_iter()
            .map(|row| row.trigger_name)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        fired(world.deliveries(messages.id).await),
        ["message_created"]
    );
    assert_eq!(
        fired(world.deliveries(payments.id).await),
        ["payment_completed"]
    );
    let rows = world.deliveries(all.id).await;
    assert!(rows.iter().all(|row| {
        let body: Value = serde_json::from_str(&row.body).unwrap();
        body["service"] == "suolo-pubblico" && body["tenant"] == json!(world.tenancy.tenant_id())
    }));
    assert_eq!(
        fired(rows),
        [
            "message_created",
            "payment_completed",
            "document_registered"
        ]
    );
}
