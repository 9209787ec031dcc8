//! The examples of the platform's documentation, read, written and checked against the published schemas.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

use std::fmt::Debug;

use chrono::DateTime;
use opencity_contracts::application::PaymentData;
use opencity_contracts::payment::{PaymentItem, PaymentType};
use opencity_contracts::schema::schema;
use opencity_contracts::{
    Application, ApplicationStatus, Cents, Delivery, DocumentEvent, ENVELOPE_KEYS, Envelope,
    EventVersion, Form, Job, Message, Payload, PaymentEvent, PaymentStatus, SecurityEvent, Service,
    Tenant, Topic, User, UserGroup, read,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn payment() -> Value {
    fixture(include_str!("fixtures/payment.json"))
}

fn document() -> Value {
    fixture(include_str!("fixtures/document.json"))
}

fn application() -> Value {
    fixture(include_str!("fixtures/application.json"))
}

fn user() -> Value {
    fixture(include_str!("fixtures/user_login.json"))
}

fn complaints(topic: Topic, event: &Value) -> Vec<String> {
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema(topic))
        .unwrap();
    validator
        .iter_errors(event)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// The body as it is emitted, under the envelope of the event that it was read from.
fn emitted<T: Payload>(body: &T, envelope: &Envelope) -> Value {
    let Value::Object(mut event) = serde_json::to_value(body).unwrap() else {
        panic!("a body is an object")
    };
    envelope.add_to(&mut event).unwrap();
    Value::Object(event)
}

/// Every key of `before` is in `after` with the same value; amounts count as numbers or numeric strings.
fn assert_kept(before: &Value, after: &Value, path: &str) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, value) in before {
                let kept = after
                    .get(key)
                    .unwrap_or_else(|| panic!("{path}.{key} is lost"));
                assert_kept(value, kept, &format!("{path}.{key}"));
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            assert_eq!(before.len(), after.len(), "{path}");
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                assert_kept(before, after, &format!("{path}[{index}]"));
            }
        }
        (Value::Number(before), Value::Number(after)) => {
            assert_eq!(before.as_f64(), after.as_f64(), "{path}")
        }
        (Value::String(before), Value::String(after)) if path.ends_with("amount") => {
            assert_eq!(before.parse::<Cents>(), after.parse::<Cents>(), "{path}");
        }
        _ => assert_eq!(before, after, "{path}"),
    }
}

fn assert_lossless<T: Payload + PartialEq + Debug>(mut example: Value) -> T {
    assert_eq!(complaints(T::TOPIC, &example), [""; 0]);
    let (body, envelope) = (
        read::<T>(&example).unwrap(),
        Envelope::read(&example).unwrap(),
    );
    assert!(
        envelope
            .event_version
            .is_same_as(T::TOPIC.version().unwrap())
    );
    assert_eq!(body.entity_id(), envelope.id);
    let again = emitted(&body, &envelope);
    example.as_object_mut().unwrap().remove("app_version");
    assert_kept(&example, &again, "");
    assert_eq!(complaints(T::TOPIC, &again), [""; 0]);
    assert_eq!(read::<T>(&again).unwrap(), body);
    assert_eq!(Envelope::read(&again).unwrap(), envelope);
    body
}

#[test]
fn the_payment_of_the_documentation() {
    let body: PaymentEvent = assert_lossless(payment());
    assert_eq!(body.validate(), Ok(()));
    assert_eq!(body.status, PaymentStatus::PaymentPending);
    assert_eq!(body.payment.amount, Some(Cents::new(1650).unwrap()));
    assert_eq!(body.payment.kind, Some(PaymentType::Pagopa));
    assert_eq!(body.payment.iud, PaymentEvent::iud_of(body.id));
    assert_eq!((body.attempt, body.item), (1, PaymentItem::Amount));
    assert_eq!(body.key(Uuid::nil()), body.service_id);
    assert!(body.extra.is_empty(), "{:?}", body.extra);
}

#[test]
fn the_document_of_the_documentation() {
    let body: DocumentEvent = assert_lossless(document());
    assert_eq!(body.key(Uuid::nil()), body.remote_id);
    assert!(body.extra.is_empty(), "{:?}", body.extra);
}

#[test]
fn the_application_of_the_documentation() {
    let body: Application = assert_lossless(application());
    assert_eq!(body.status, ApplicationStatus::PaymentPending);
    assert_eq!(body.status.name(), body.status_name);
    assert_eq!(body.payment_data.unwrap().amount, Cents::new(1000).unwrap());
}

#[test]
fn the_login_of_the_documentation() {
    let body: User = assert_lossless(user());
    assert_eq!(body.given_name.as_deref(), Some("MARIO"));
    assert_eq!(body.enabled, None);
}

#[test]
fn the_payment_data_of_the_documentation() {
    let example = fixture(include_str!("fixtures/payment_data.json"))["payment_data"].clone();
    let data: PaymentData = serde_json::from_value(example.clone()).unwrap();
    assert_eq!(serde_json::to_value(&data).unwrap(), example);
    let mut without_attempt = example;
    without_attempt.as_object_mut().unwrap().remove("attempt");
    assert_eq!(
        serde_json::from_value::<PaymentData>(without_attempt).unwrap(),
        data
    );
}

#[test]
fn what_another_producer_adds_is_passed_on_but_never_its_envelope() {
    let mut event = payment();
    event["payment"]["total_amount"] = json!(3);
    event["x_partner"] = json!({"a": [1]});
    event["retry_meta"] = json!({"original_topic": "payments"});
    let body = serde_json::to_value(read::<PaymentEvent>(&event).unwrap()).unwrap();
    assert_eq!(body["x_partner"], event["x_partner"]);
    assert_eq!(body["payment"]["total_amount"], 3);
    for key in ENVELOPE_KEYS {
        assert!(body.get(key).is_none(), "{key}");
    }
}

#[test]
fn a_payment_without_amount_may_say_so_by_an_empty_string() {
    let mut event = payment();
    event["payment"]["amount"] = json!("");
    assert_eq!(read::<PaymentEvent>(&event).unwrap().payment.amount, None);
}

#[test]
fn an_application_may_give_its_status_as_a_number() {
    let mut event = application();
    event["status"] = json!(1500);
    let body = read::<Application>(&event).unwrap();
    assert_eq!(serde_json::to_value(body).unwrap()["status"], "1500");
}

#[test]
fn a_malformed_body_is_refused_without_quoting_it() {
    let secret = "RSSMRA80A01H501U";
    for pointer in [
        "/payment",
        "/payment/split",
        "/status",
        "/created_at",
        "/payment/amount",
        "/links/update",
        "/attempt",
        "/payer/type",
    ] {
        let mut event = payment();
        match event.pointer_mut(pointer) {
            Some(place) => *place = json!(secret),
            None => event["attempt"] = json!(secret),
        }
        let error = read::<PaymentEvent>(&event).unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains(secret),
            "{pointer}: {error}"
        );
        assert_ne!(complaints(Topic::Payments, &event), [""; 0], "{pointer}");
    }
    let mut event = payment();
    event.as_object_mut().unwrap().remove("payer");
    assert!(
        read::<PaymentEvent>(&event)
            .unwrap_err()
            .to_string()
            .contains("payer")
    );
}

#[test]
fn a_split_is_never_null() {
    let mut event = payment();
    event["payment"]["split"] = Value::Null;
    assert!(read::<PaymentEvent>(&event).is_err());
    assert_ne!(complaints(Topic::Payments, &event), [""; 0]);
}

/// The schema speaks of every key that we write, and accepts what we write.
fn assert_described<T: Payload>(body: &T) {
    let envelope = Envelope {
        id: body.entity_id(),
        event_id: Uuid::nil(),
        event_version: T::TOPIC.version().unwrap_or(EventVersion::Integer(1)),
        event_created_at: DateTime::UNIX_EPOCH,
        app_id: "test:0.1.0".into(),
        tenant_id: Uuid::nil(),
        change: None,
        retry_meta: None,
    };
    let event = emitted(body, &envelope);
    assert_eq!(complaints(T::TOPIC, &event), [""; 0], "{}", T::TOPIC);
    let schema = schema(T::TOPIC);
    let undescribed = |keys: &Map<String, Value>| -> Vec<String> {
        keys.keys()
            .filter(|key| schema["properties"].get(key.as_str()).is_none())
            .cloned()
            .collect()
    };
    assert_eq!(
        undescribed(event.as_object().unwrap()),
        [""; 0],
        "{}",
        T::TOPIC
    );
}

#[test]
fn every_key_that_we_write_is_in_the_published_schema() {
    let mut payment: PaymentEvent = read(&payment()).unwrap();
    payment.item = PaymentItem::Stamp(1);
    assert_described(&payment);
    assert_described(&read::<DocumentEvent>(&document()).unwrap());
    assert_described(&Application {
        status_name: "status_draft".into(),
        ..Application::default()
    });
    assert_described(&Message {
        related_entity_type: "application".into(),
        ..Message::default()
    });
    assert_described(&User::default());
    assert_described(&UserGroup::default());
    assert_described(&Tenant::default());
    assert_described(&Service::default());
    assert_described(&Form::default());
    assert_described(&Job::default());
    assert_described(&Delivery::default());
    assert_described(&SecurityEvent::default());
}

#[test]
fn a_service_is_written_with_the_numbers_of_the_api() {
    let body = json!({
        "id": Uuid::nil(), "tenant": Uuid::nil(), "name": "Occupazione", "status": 1, "access_level": 3000, "payment_required": 2,
        "workflow": 0, "kind": "standard", "updated_at": "2025-03-10T09:20:11+01:00",
        "payment_parameters": {"total_amounts": "16,50", "gateways": [
            {"identifier": "pagopa-gpd", "parameters": {"config_id": "cf9ece67-1956-49c9-af89-a19120485fef", "bollo": true}}]},
        "feedback_messages": {"status_pending": {"message": "…", "subject": null, "is_active": true}},
        "automatic_assignment": {"field": "zone", "rules": [{"value": "north", "user_group_id": Uuid::nil()}]}
    });
    let written = serde_json::to_value(read::<Service>(&body).unwrap()).unwrap();
    let mut expected = body;
    expected["payment_parameters"]["total_amounts"] = json!(16.5);
    assert_kept(&expected, &written, "");
}
