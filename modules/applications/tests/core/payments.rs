//! Payments move the application.

use serde_json::{Value, json};

use crate::world::{World, sample};
use crate::{app, call};

macro_rules! paid_one {
    ($app:expr, $world:expr) => {{
        let body = json!({"service": $world.ground, "data": sample("occupazione-suolo-pubblico")});
        let made = call!($app, $world, POST "applications", citizen, body);
        assert_eq!(made.status, 201, "{}", made.text);
        made.json["id"].as_str().unwrap().to_owned()
    }};
}

#[actix_web::test]
async fn a_completed_payment_sends_the_application_on() {
    let world = World::new().await;
    let app = app!(world);
    let id = paid_one!(app, world);
    let payment = format!("applications/{id}/payment");
    assert_eq!(
        call!(app, world, GET payment, citizen).told(),
        (404, "not-found")
    );
    world.payment(&id, 1, "PAYMENT_PENDING").await;
    let shown = call!(app, world, GET payment, citizen);
    assert_eq!(shown.json["status"], "PAYMENT_PENDING", "{}", shown.text);
    assert!(shown.json["links"]["online_payment_begin"].is_object());
    world.payment(&id, 1, "COMPLETE").await;
    assert_eq!(world.told(&id).await, ["->1500", "1500>1520", "1520>1900"]);
    let event = world.last_event(&id).await;
    assert_eq!(event.payload["act"]["type"], "application-request");
    assert_eq!(event.aggregate_version, 3);
    assert_eq!(
        call!(app, world, GET payment, citizen).json["links"],
        json!({})
    );
    // The same again moves nothing.
    world.payment(&id, 1, "COMPLETE").await;
    assert_eq!(world.told(&id).await.len(), 3);
}

#[actix_web::test]
async fn a_failed_attempt_is_tried_again_and_its_late_end_is_another_matter() {
    let world = World::new().await;
    let app = app!(world);
    let id = paid_one!(app, world);
    world.payment(&id, 1, "EXPIRED").await;
    let submit = format!("applications/{id}/transition/submit");
    let again = call!(app, world, POST submit, citizen);
    assert_eq!(again.status, 204, "{}", again.text);
    let read = call!(app, world, GET format!("applications/{id}"), citizen);
    assert_eq!(read.json["payment_data"]["attempt"], 2);
    // A failure of the first attempt does not touch the second.
    world.payment(&id, 1, "CANCELED").await;
    assert_eq!(
        call!(app, world, GET format!("applications/{id}"), citizen).json["status"],
        "1500"
    );
    // Its money does.
    world.payment(&id, 1, "COMPLETE").await;
    assert_eq!(
        world.told(&id).await,
        ["->1500", "1500>1530", "1530>1500", "1500>1520", "1520>1900"]
    );
}

#[actix_web::test]
async fn the_outcome_of_an_external_component_counts_once_and_only_from_it() {
    let world = World::new().await;
    let app = app!(world);
    let id = paid_one!(app, world);
    let path = format!("applications/{id}/payment");
    let ok = json!({"status": "OK", "status_code": "200", "status_message": "Pagato"});
    assert_eq!(
        call!(app, world, POST path, citizen, ok).told(),
        (403, "forbidden")
    );
    assert_eq!(
        call!(app, world, POST path, operator, ok).told(),
        (403, "forbidden")
    );
    for _ in 0..2 {
        let told = call!(app, world, POST path, system, ok);
        assert_eq!(
            (told.status, told.text.as_str()),
            (200, "[\"Application Payment Modified Successfully\"]")
        );
    }
    assert_eq!(world.told(&id).await, ["->1500", "1500>1520", "1520>1900"]);
    let other = json!({"status": "KO", "status_code": 5, "status_message": "no"});
    assert_eq!(
        call!(app, world, POST path, system, other).told(),
        (422, "illegal-transition")
    );
}

#[actix_web::test]
async fn a_payment_recorded_at_the_desk_ends_the_debt() {
    let world = World::new().await;
    let app = app!(world);
    let id = paid_one!(app, world);
    let done = call!(app, world, POST format!("applications/{id}/transition/complete-payment"), operator,
        json!({"message": "Pagato allo sportello", "visibility": "applicant"}));
    assert_eq!(done.status, 204, "{}", done.text);
    // Our own cancellation is no failure.
    world.payment(&id, 1, "CANCELED").await;
    assert_eq!(world.told(&id).await, ["->1500", "1500>1520", "1520>1900"]);
    let history = call!(app, world, GET format!("applications/{id}/history"), operator);
    assert_eq!(history.json[1]["message"], "Pagato allo sportello");
    assert_ne!(history.json[1]["message_id"], Value::Null);
}

#[actix_web::test]
async fn what_the_office_notes_of_a_payment_for_itself_never_reaches_the_applicant() {
    let world = World::new().await;
    let app = app!(world);
    let id = paid_one!(app, world);
    let note = json!({"message": "Ha pagato un parente"});
    let path = format!("applications/{id}/transition/complete-payment");
    let done = call!(app, world, POST path, operator, note);
    assert_eq!(done.status, 204, "{}", done.text);
    let messages = format!("v2/applications/{id}/messages");
    let noted = call!(app, world, GET messages, operator).text;
    assert!(noted.contains("Ha pagato un parente"), "{noted}");
    for path in [
        messages,
        format!("applications/{id}/history"),
        format!("applications/{id}"),
    ] {
        let seen = call!(app, world, GET path, citizen);
        assert_eq!(seen.status, 200);
        assert!(!seen.text.contains("parente"), "{}", seen.text);
    }
}

#[actix_web::test]
async fn money_that_comes_after_the_desk_recorded_it_is_shown_to_operators_alone() {
    let world = World::new().await;
    let app = app!(world);
    let id = paid_one!(app, world);
    world.payment(&id, 1, "PAYMENT_PENDING").await;
    let done = call!(app, world, POST format!("applications/{id}/transition/complete-payment"), operator, json!({}));
    assert_eq!(done.status, 204, "{}", done.text);
    let anomalies = format!("applications/{id}/anomalies");
    assert_eq!(call!(app, world, GET anomalies, operator).json, json!([]));
    world.payment(&id, 1, "COMPLETE").await;
    let shown = call!(app, world, GET anomalies, operator);
    assert_eq!(shown.json[0]["kind"], "paid-twice", "{}", shown.text);
    assert_eq!(
        call!(app, world, GET anomalies, citizen).told(),
        (403, "forbidden")
    );
}
