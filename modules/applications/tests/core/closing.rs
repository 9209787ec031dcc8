//! How an application ends by other ways than a decision, and how it is opened again.

use serde_json::{Value, json};

use crate::offered::service;
use crate::world::{World, sample};
use crate::{actions, app, call, on_both_databases, written};

const FORM: &str = "segnalazione-disservizio";

/// An application of a service that registers nothing, acquired.
macro_rules! acquired {
    ($app:expr, $world:expr, $service:expr) => {{
        let body = json!({"service": $service, "data": sample(FORM)});
        let made = call!($app, $world, POST "applications", citizen, body);
        assert_eq!(made.status, 201, "{}", made.text);
        let id = made.json["id"].as_str().unwrap().to_owned();
        let act = $world.last_event(&id).await.payload["act"].clone();
        $world.document(&id, &act, "DOCUMENT_CREATED", None).await;
        id
    }};
}

/// The last row of the history: code of the state and what is written.
macro_rules! last_of_history {
    ($app:expr, $world:expr, $id:expr) => {{
        let history = call!($app, $world, GET format!("applications/{}/history", $id), citizen);
        let last = history.json.as_array().unwrap().last().unwrap().clone();
        (last["status_code"].clone(), last["message"].clone())
    }};
}

on_both_databases! {
    async fn a_withdrawal_makes_its_document_and_is_told_to_the_citizen(store) {
        let world = World::on(store).await;
        let app = app!(world);
        let id = acquired!(app, world, FORM);
        assert!(actions!(app, world, id, citizen).contains(&"withdraw".to_owned()));
        let before = written!(app, world, id).len();
        let withdraw = format!("applications/{id}/transition/withdraw");
        let done = call!(app, world, POST withdraw, citizen, json!({"message": "Risolto da sé"}));
        assert_eq!(done.status, 204, "{}", done.text);

        let event = world.last_event(&id).await;
        assert_eq!(event.changed_to(), Some("20000"));
        assert_eq!(event.payload["act"]["type"], "application-withdraw");
        assert_eq!(last_of_history!(app, world, id), (json!(20000), json!("Risolto da sé")));
        let written = written!(app, world, id);
        assert_eq!(written.len(), before + 1);
        assert_eq!(written[before]["email"], "mario.rossi@example.org");
        assert_eq!(actions!(app, world, id, citizen), [""; 0]);
        let again = call!(app, world, POST withdraw, citizen);
        assert_eq!(again.told(), (422, "illegal-transition"));
        // The document of the withdrawal may be registered: that moves nothing.
        let act = event.payload["act"].clone();
        world.document(&id, &act, "REGISTRATION_COMPLETE", Some("2026/7")).await;
        let read = call!(app, world, GET format!("applications/{id}"), citizen);
        assert_eq!(read.json["status"], "20000");
    }

    async fn a_service_without_withdrawal_has_none(store) {
        let world = World::on(store).await;
        let app = app!(world);
        service(&world, "senza-ritiro", FORM, json!({"allow_withdraw": false})).await;
        let id = acquired!(app, world, "senza-ritiro");
        assert_eq!(actions!(app, world, id, citizen), [""; 0]);
        let refused = call!(app, world, POST format!("applications/{id}/transition/withdraw"), citizen);
        assert_eq!(refused.told(), (422, "withdraw-not-allowed"));
    }

    async fn a_decision_is_taken_back_by_reopening_where_the_service_allows_it(store) {
        let world = World::on(store).await;
        let app = app!(world);
        let id = acquired!(app, world, FORM);
        let to = |name: &str| format!("applications/{id}/transition/{name}");
        assert_eq!(call!(app, world, POST to("assign"), operator).status, 204);
        let reject = json!({"message": "Non è nostro"});
        assert_eq!(call!(app, world, POST to("reject"), operator, reject).status, 204);
        let read = call!(app, world, GET format!("applications/{id}"), citizen);
        assert_eq!(
            (&read.json["status"], &read.json["outcome"], &read.json["outcome_motivation"]),
            (&json!("9000"), &json!(false), &json!("Non è nostro"))
        );
        assert_eq!(actions!(app, world, id, operator), ["change-status"]);
        let owner = call!(app, world, POST to("change-status"), citizen, json!({"status": 4000}));
        assert_eq!(owner.told(), (403, "forbidden"));

        let back = json!({"status": "4000", "message": "Riesaminata"});
        assert_eq!(call!(app, world, POST to("change-status"), operator, back).status, 204);
        let read = call!(app, world, GET format!("applications/{id}"), citizen);
        assert_eq!(
            (&read.json["status"], &read.json["outcome"], &read.json["outcome_motivation"]),
            (&json!("4000"), &Value::Null, &Value::Null)
        );
        assert_eq!(last_of_history!(app, world, id), (json!(4000), json!("Riesaminata")));
        // What was decided stays in the history, and can be decided again.
        let history = call!(app, world, GET format!("applications/{id}/history"), citizen);
        assert!(history.text.contains("Non è nostro"), "{}", history.text);
        assert_eq!(call!(app, world, POST to("accept"), operator).status, 204);

        service(&world, "senza-riapertura", FORM, json!({"allow_reopening": false})).await;
        let id = acquired!(app, world, "senza-riapertura");
        let to = |name: &str| format!("applications/{id}/transition/{name}");
        assert_eq!(call!(app, world, POST to("assign"), system).status, 204);
        assert_eq!(call!(app, world, POST to("accept"), system).status, 204);
        let closed = call!(app, world, POST to("change-status"), system, json!({"status": 4000}));
        assert_eq!(closed.told(), (422, "reopening-not-allowed"));
    }

    async fn a_revocation_is_final_has_its_document_and_is_told_to_the_citizen(store) {
        let world = World::on(store).await;
        let app = app!(world);
        let id = acquired!(app, world, FORM);
        let before = written!(app, world, id).len();
        let change = format!("applications/{id}/transition/change-status");
        let nothing = call!(app, world, POST change, admin, json!({"message": "?"}));
        assert_eq!(nothing.told(), (422, "validation"));
        let revoke = json!({"status": 50000, "message": "Inserita per errore"});
        assert_eq!(call!(app, world, POST change, admin, revoke).status, 204);

        let event = world.last_event(&id).await;
        assert_eq!(event.changed_to(), Some("50000"));
        assert_eq!(event.payload["act"]["type"], "application-revocation");
        assert_eq!(last_of_history!(app, world, id), (json!(50000), json!("Inserita per errore")));
        let written = written!(app, world, id);
        assert_eq!(written.len(), before + 1);
        assert!(written[before]["message"].as_str().unwrap().contains("Inserita per errore"));
        for user in [actions!(app, world, id, citizen), actions!(app, world, id, admin)] {
            assert_eq!(user, [""; 0]);
        }
        let again = call!(app, world, POST change, admin, json!({"status": 4000}));
        assert_eq!(again.told(), (422, "illegal-transition"));
    }
}
