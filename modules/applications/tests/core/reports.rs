//! Reports of what does not work: a service that only forwards, without a login.

use serde_json::{Value, json};

use crate::offered::service;
use crate::world::{World, sample};
use crate::{actions, app, call, on_both_databases, written};

const FORM: &str = "segnalazione-disservizio";

async fn reports(world: &World) {
    let more = json!({"status": 3, "workflow": 1, "allow_withdraw": true,
        "allow_integration_request": true});
    service(world, "inefficiencies", FORM, more).await;
}

on_both_databases! {
    async fn a_report_without_a_login_tells_its_receivers_what_they_need(store) {
        let world = World::on(store).await;
        let app = app!(world);
        reports(&world).await;
        let body = json!({"service": "inefficiencies", "data": sample(FORM)});
        let made = call!(app, world, POST "applications", anonymous, body);
        assert_eq!(made.status, 201, "{}", made.text);
        let id = made.json["id"].as_str().unwrap();
        let act = world.last_event(id).await.payload["act"].clone();
        world.document(id, &act, "DOCUMENT_CREATED", None).await;

        let told = world.last_event(id).await.payload;
        assert_eq!(told["status"], "2000");
        assert_eq!(told["tenant"], json!(world.tenancy.tenant_id()));
        assert_eq!(told["service"], "inefficiencies");
        assert_eq!((&told["id"], &told["user"]), (&json!(id), &json!(world.anonymous)));
        assert_eq!(told["authentication"]["authentication_method"], "anonymous");
        for key in ["subject", "details", "type.label", "type.value", "address.lat", "address.lon"] {
            assert!(!told["data"][key].is_null(), "{key}");
        }
        let nested = &told["submission"];
        assert_eq!(nested["type"]["label"], "Illuminazione pubblica");
        assert_eq!(nested["address"]["display_name"], "Via Roma 20, Bugliano, Pisa");
        let links = told["links"].as_array().unwrap();
        assert!(!links.is_empty());
        for link in links {
            assert!(link["url"].as_str().unwrap().contains(id), "{link}");
        }

        // Who reported it is told by mail, and reads it with his token.
        let messages = call!(app, world, GET format!("applications/{id}/messages"), anonymous);
        let message = &messages.json[0];
        assert_eq!((messages.json.as_array().unwrap().len(), &message["email"]),
            (1, &json!("mario.rossi@example.org")));
        let history = call!(app, world, GET format!("applications/{id}/history"), anonymous);
        assert_eq!(history.json[1]["message_id"], message["id"]);
    }

    async fn a_report_is_a_point_on_the_map(store) {
        let world = World::on(store).await;
        let app = app!(world);
        reports(&world).await;
        let mut data = sample(FORM);
        let body = json!({"service": "inefficiencies", "data": data});
        let made = call!(app, world, POST "applications", anonymous, body);
        let path = format!("applications/{}", made.json["id"].as_str().unwrap());
        let point = call!(app, world, GET path, anonymous, headers ["accept" = "application/geo+json"]);
        assert_eq!(point.json, json!({"type": "Point", "coordinates": [10.4019, 43.7159]}));

        data["address"] = json!({"display_name": "Da qualche parte"});
        let body = json!({"service": "inefficiencies", "data": data});
        let made = call!(app, world, POST "applications", anonymous, body);
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("applications/{}", made.json["id"].as_str().unwrap());
        let none = call!(app, world, GET path, anonymous, headers ["accept" = "application/geo+json"]);
        assert_eq!(none.told(), (406, "not-acceptable"));

        data["address"] = Value::Null;
        let body = json!({"service": "inefficiencies", "data": data});
        let refused = call!(app, world, POST "applications", anonymous, body);
        assert_eq!(refused.told(), (422, "validation"));
        assert_eq!(refused.json["errors"][0]["field"], "data.address");
    }

    async fn what_is_only_forwarded_is_neither_worked_nor_withdrawn(store) {
        let world = World::on(store).await;
        let app = app!(world);
        reports(&world).await;
        let body = json!({"service": "inefficiencies", "data": sample(FORM)});
        let made = call!(app, world, POST "applications", citizen, body);
        let id = made.json["id"].as_str().unwrap();
        let act = world.last_event(id).await.payload["act"].clone();
        world.document(id, &act, "DOCUMENT_CREATED", None).await;

        assert_eq!(actions!(app, world, id, citizen), [""; 0]);
        assert_eq!(actions!(app, world, id, system), ["change-status"]);
        let to = |name: &str| format!("applications/{id}/transition/{name}");
        for name in ["assign", "accept", "reject", "request-integration", "accept-integration",
            "cancel-integration"] {
            let refused = call!(app, world, POST to(name), system, json!({"message": "x"}));
            assert_eq!(refused.told(), (422, "workflow-forward"), "{name}");
        }
        assert_eq!(
            call!(app, world, POST to("withdraw"), citizen).told(),
            (422, "workflow-forward")
        );
        let worked = call!(app, world, POST to("change-status"), system, json!({"status": 4000}));
        assert_eq!(worked.told(), (422, "workflow-forward"));

        // The system that it was forwarded to writes, and the citizen answers.
        let messages = format!("applications/{id}/messages");
        let early = call!(app, world, POST messages, citizen, json!({"message": "Novità?"}));
        assert_eq!(early.told(), (422, "workflow-forward"));
        let text = json!({"message": "Presa in carico dal gestore", "visibility": "applicant"});
        assert_eq!(call!(app, world, POST messages, system, text).status, 201);
        let answer = call!(app, world, POST messages, citizen, json!({"message": "Grazie"}));
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(written!(app, world, id).len(), 3, "that it was acquired, and these two");
        assert_eq!(world.told(id).await, ["->1900", "1900>2000"]);
    }
}
