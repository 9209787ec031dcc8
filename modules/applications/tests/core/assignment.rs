//! Who gets an application: by a value of the form, and by hand again.

use serde_json::json;

use crate::offered::service;
use crate::world::{World, sample};
use crate::{actions, app, call, on_both_databases};

const FORM: &str = "segnalazione-disservizio";

on_both_databases! {
    async fn a_value_of_the_form_gives_an_application_to_an_office(store) {
        let world = World::on(store).await;
        let app = app!(world);
        let data = sample(FORM);
        let other = uuid::Uuid::new_v4();
        let rules = json!([
            {"value": "niente del genere", "user_group_id": other},
            {"value": data["type"]["value"], "user_group_id": world.office},
            {"value": data["type"]["value"], "user_group_id": other},
        ]);
        let more = json!({"automatic_assignment": {"field": "type.value", "rules": rules}});
        service(&world, "segnalazioni-agli-uffici", FORM, more).await;
        let body = json!({"service": "segnalazioni-agli-uffici", "data": data});
        let made = call!(app, world, POST "applications", citizen, body);
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(
            (&made.json["user_group_id"], &made.json["operator_id"], &made.json["status"]),
            (&json!(world.office), &json!(null), &json!("1900"))
        );
        let id = made.json["id"].as_str().unwrap();
        let act = world.last_event(id).await.payload["act"].clone();
        world.document(id, &act, "DOCUMENT_CREATED", None).await;

        // The office's member works it, though the service is not enabled to him; nobody else of the desk does.
        assert_eq!(call!(app, world, GET format!("applications/{id}"), colleague).status, 403);
        let listed = call!(app, world, GET "applications", operator);
        assert_eq!(listed.json["data"][0]["id"], json!(id));
        let assign = format!("applications/{id}/transition/assign");
        let taken = call!(app, world, POST assign, operator);
        assert_eq!(taken.status, 204, "{}", taken.text);
        let read = call!(app, world, GET format!("applications/{id}"), operator);
        assert_eq!(
            (&read.json["status"], &read.json["operator_id"], &read.json["user_group_id"]),
            (&json!("4000"), &json!(world.operator), &json!(world.office))
        );

        // Another value: nobody's.
        let mut data = sample(FORM);
        data["type"] = json!({"label": "Altro", "value": "e4b80f16-93aa-4d25-8c07-71f6d25b9c05"});
        let body = json!({"service": "segnalazioni-agli-uffici", "data": data});
        let made = call!(app, world, POST "applications", citizen, body);
        assert_eq!(made.json["user_group_id"], json!(null), "{}", made.text);
        let id = made.json["id"].as_str().unwrap();
        assert_eq!(call!(app, world, GET format!("applications/{id}"), operator).status, 403);
    }

    async fn a_reassignment_keeps_the_state_and_is_in_the_history(store) {
        let world = World::on(store).await;
        let app = app!(world);
        let body = json!({"service": "iscrizione-asilo-nido", "data": sample("iscrizione-asilo-nido")});
        let made = call!(app, world, POST "applications", citizen, body);
        let id = made.json["id"].as_str().unwrap();
        let act = world.last_event(id).await.payload["act"].clone();
        world.document(id, &act, "DOCUMENT_CREATED", None).await;
        world.document(id, &act, "REGISTRATION_COMPLETE", Some("2026/1")).await;
        let assign = format!("applications/{id}/transition/assign");
        assert_eq!(call!(app, world, POST assign, operator).status, 204);
        assert!(actions!(app, world, id, operator).contains(&"accept".to_owned()));
        let messages = format!("applications/{id}/messages");
        let told = call!(app, world, GET messages, citizen).json.as_array().unwrap().len();

        let to = json!({"user_id": world.colleague, "message": "Se ne occupa lui"});
        assert_eq!(call!(app, world, POST assign, operator, to).status, 204);
        let read = call!(app, world, GET format!("applications/{id}"), colleague);
        assert_eq!(
            (&read.json["status"], &read.json["operator_id"]),
            (&json!("4000"), &json!(world.colleague))
        );
        let history = call!(app, world, GET format!("applications/{id}/history"), citizen);
        let last = history.json.as_array().unwrap().last().unwrap();
        assert_eq!(
            (&last["status_code"], &last["message"]),
            (&json!(4000), &json!("Se ne occupa lui"))
        );
        assert_eq!(world.last_event(id).await.change_type(), "data");
        // He who gave it away no longer decides; the citizen is not written to again.
        assert!(!actions!(app, world, id, operator).contains(&"accept".to_owned()));
        assert!(actions!(app, world, id, colleague).contains(&"accept".to_owned()));
        let now = call!(app, world, GET messages, citizen).json.as_array().unwrap().len();
        assert_eq!(now, told);
    }
}
