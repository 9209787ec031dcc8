//! What the office writes of its own: on its form, from the first moment on; and ids of systems outside.

use serde_json::{Value, json};

use crate::offered::{new_form, service};
use crate::world::{World, sample};
use crate::{app, call, on_both_databases};

const FORM: &str = "segnalazione-disservizio";

async fn with_a_form_of_the_office(world: &World) {
    let schema = json!({"display": "form", "components": [
        {"type": "textfield", "key": "visited_on", "label": "Sopralluogo", "input": true, "validate": {"required": true}},
        {"type": "number", "key": "damage", "label": "Danno", "input": true, "validate": {"min": 0}},
    ]});
    let form = new_form(world, schema).await;
    service(
        world,
        "sopralluoghi",
        FORM,
        json!({"backoffice_form_id": form}),
    )
    .await;
}

on_both_databases! {
    async fn the_offices_data_are_checked_on_its_form(store) {
        let world = World::on(store).await;
        let app = app!(world);
        with_a_form_of_the_office(&world).await;
        let send = |office: Value| json!({"service": "sopralluoghi", "data": sample(FORM), "backoffice_data": office});
        let good = json!({"visited_on": "2026-11-25", "damage": 100});

        let owner = call!(app, world, POST "applications", citizen, send(good.clone()));
        assert_eq!(owner.told(), (403, "forbidden"));
        let wrong = call!(app, world, POST "applications", system, send(json!({"damage": -1})));
        assert_eq!(wrong.told(), (422, "validation"));
        let fields: Vec<&str> = wrong.json["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        assert_eq!(fields, ["backoffice_data.visited_on", "backoffice_data.damage"]);
        let made = call!(app, world, POST "applications", system, send(good.clone()));
        assert_eq!((made.status, &made.json["backoffice_data"]), (201, &good), "{}", made.text);
        let id = made.json["id"].as_str().unwrap();
        let path = format!("applications/{id}/backoffice");

        let incomplete = json!({"backoffice_data": {"damage": 1}});
        for refused in [
            call!(app, world, PUT path, system, incomplete),
            call!(app, world, POST path, system, incomplete),
            call!(app, world, PATCH format!("applications/{id}"), system, incomplete),
        ] {
            assert_eq!(refused.told(), (422, "validation"));
        }
        assert_eq!(call!(app, world, GET path, system).json["backoffice_data"], good);
        let later = json!({"backoffice_data": {"visited_on": "2026-11-26"}});
        for written in [call!(app, world, PUT path, system, later), call!(app, world, POST path, system, later)] {
            assert_eq!((written.status, &written.json["id"]), (201, &json!(id)));
        }
        assert_eq!(call!(app, world, GET path, system).json, later);
        for method in ["GET", "PUT"] {
            let owner = match method {
                "GET" => call!(app, world, GET path, citizen),
                _ => call!(app, world, PUT path, citizen, later),
            };
            assert_eq!(owner.told(), (403, "forbidden"), "{method}");
        }
        let application = format!("applications/{id}");
        let seen = call!(app, world, GET application, citizen);
        assert_eq!(seen.json["backoffice_data"], Value::Null);

        let draft = json!({"service": "sopralluoghi", "status": "1000", "user": world.citizen, "data": sample(FORM)});
        let made = call!(app, world, POST "applications", system, draft);
        assert_eq!(made.status, 201, "{}", made.text);
        let application = format!("applications/{}", made.json["id"].as_str().unwrap());
        let replaced = call!(app, world, PUT application, system, send(good.clone()));
        assert_eq!(replaced.status, 200, "{}", replaced.text);
        let read = call!(app, world, GET application, system).json;
        assert_eq!(read["backoffice_data"], good);
        assert_eq!(call!(app, world, PUT application, system, read).status, 200);
    }

    async fn a_system_outside_finds_an_application_by_its_own_id(store) {
        let world = World::on(store).await;
        let app = app!(world);
        let body = json!({"service": FORM, "user": world.citizen, "external_id": "GEST/12 a", "data": sample(FORM)});
        let made = call!(app, world, POST "applications", system, body);
        assert_eq!((made.status, &made.json["user"]), (201, &json!(world.citizen)), "{}", made.text);
        let id = made.json["id"].as_str().unwrap();
        let by_external = "applications/byexternal-id/GEST%2F12%20a";
        assert_eq!(call!(app, world, GET by_external, citizen).json["id"], json!(id));
        assert_eq!(call!(app, world, GET by_external, stranger).told(), (403, "forbidden"));
        let path = format!("applications/{id}");
        let renamed = call!(app, world, PATCH path, system, json!({"external_id": "B"}));
        assert_eq!(renamed.status, 200, "{}", renamed.text);
        assert_eq!(call!(app, world, GET by_external, citizen).told(), (404, "not-found"));
        assert_eq!(call!(app, world, GET "applications/byexternal-id/B", citizen).json["id"], json!(id));
        assert_eq!(call!(app, world, PATCH path, system, json!({"external_id": null})).status, 200);
        assert_eq!(call!(app, world, GET path, citizen).json["external_id"], Value::Null);

        let long = "x".repeat(256);
        let body = json!({"service": FORM, "user": world.citizen, "external_id": long, "data": sample(FORM)});
        let refused = call!(app, world, POST "applications", system, body);
        assert_eq!((refused.told(), &refused.json["errors"][0]["field"]), ((422, "validation"), &json!("external_id")));
        let refused = call!(app, world, PATCH path, system, json!({"external_id": long}));
        assert_eq!((refused.told(), &refused.json["errors"][0]["field"]), ((422, "validation"), &json!("external_id")));

        let unknown = json!({"service": FORM, "user": uuid::Uuid::new_v4(), "data": sample(FORM)});
        let refused = call!(app, world, POST "applications", system, unknown);
        assert_eq!(refused.told(), (422, "unknown-reference"));
        assert_eq!(refused.json["errors"][0]["field"], "user");
    }

    async fn a_draft_takes_no_protocol_data(store) {
        let world = World::on(store).await;
        let app = app!(world);
        let body = json!({"service": FORM, "status": 1000, "user": world.citizen, "data": {"subject": "Bozza"}});
        let made = call!(app, world, POST "applications", system, body);
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("applications/{}", made.json["id"].as_str().unwrap());
        let refused = call!(app, world, PATCH path, system, json!({"protocol_number": "2026/1"}));
        assert_eq!(refused.told(), (422, "illegal-transition"));
        let moved = call!(app, world, PATCH path, system, json!({"status": 4000}));
        assert_eq!(moved.told(), (422, "validation"));
        assert_eq!(call!(app, world, GET path, citizen).json["protocol_number"], Value::Null);
    }
}
