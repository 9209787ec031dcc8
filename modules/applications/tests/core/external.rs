//! Applications of other systems: told, listed beside the others, and left to those systems.

use opencity_kernel::events::Topic;
use serde_json::{Value, json};

use crate::world::World;
use crate::{app, call};

fn told() -> Value {
    json!({
        "external_system": "suap", "external_id": "2026/1042", "service_name": "segnalazione-disservizio",
        "subject": "Apertura di un bar",
        "applicant": {"tax_identification_number": "rssmra80a01h501u", "name": "Mario", "family_name": "Rossi"},
        "beneficiary": {"tax_identification_number": "VRDGLI92M54F205A", "name": "Giulia", "family_name": "Verdi"},
        "status": "4000", "created_at": "2026-11-20T10:00:00+01:00", "submitted_at": "2026-11-20T10:05:00+01:00",
        "updated_at": "2026-11-21T09:00:00+01:00",
        "documents": [{"title": "Domanda", "url": "https://suap.example.org/d/1", "protocol_number": "2026/77",
            "protocolled_at": "2026-11-20T11:00:00+01:00"}],
        "payments": [{"iuv": "01000000000000123", "amount": 32.5, "status": "paid", "url": null}],
        "links": [{"action": "view", "url": "https://suap.example.org/p/1042"},
            {"action": "integrate", "url": "https://suap.example.org/p/1042/integrate"}]
    })
}

#[actix_web::test]
async fn an_application_of_another_system_is_listed_beside_the_others_and_seen_by_its_people() {
    let world = World::new().await;
    let app = app!(world);
    let made = call!(app, world, POST "applications/external", system, told());
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json["id"].as_str().unwrap().to_owned();
    assert_eq!(made.json["source"]["type"], "external");
    assert_eq!(made.json["source"]["payments"][0]["amount"], 32.5);
    assert_eq!(made.json["external_id"], "2026/1042");
    assert_eq!(made.json["protocol_number"], "2026/77");
    assert_eq!(made.json["subject"], "Apertura di un bar");
    assert_eq!(made.json["user_name"], "Mario Rossi");
    assert_eq!(made.json["user"], json!(world.citizen));
    assert_eq!(made.json["updated_at"], "2026-11-21T09:00:00+01:00");

    // Beside a native one, in the same shape, for whoever works the service and for the applicant.
    let native = json!({"service": "segnalazione-disservizio", "data": crate::world::sample("segnalazione-disservizio")});
    assert_eq!(
        call!(app, world, POST "applications", citizen, native).status,
        201
    );
    for user in ["operator", "citizen"] {
        let list = match user {
            "operator" => call!(app, world, GET "applications", operator),
            _ => call!(app, world, GET "applications", citizen),
        };
        assert_eq!(list.json["meta"]["count"], 2, "{}", list.text);
        let all = list.json["data"].as_array().unwrap();
        let external = all.iter().find(|one| one["id"] == json!(id)).unwrap();
        assert_eq!(
            external["links"],
            json!([
                {"action": "view", "description": null, "url": "https://suap.example.org/p/1042"},
                {"action": "integrate", "description": null, "url": "https://suap.example.org/p/1042/integrate"}
            ])
        );
        let keys = |one: &Value| -> Vec<String> {
            let keys = one.as_object().unwrap().keys().cloned();
            keys.filter(|key| key != "source").collect()
        };
        assert_eq!(keys(&all[0]), keys(&all[1]));
    }
    // The beneficiary sees it; who is not named does not.
    assert_eq!(
        call!(app, world, GET format!("applications/{id}"), stranger).status,
        200
    );
    assert_eq!(
        call!(app, world, GET format!("applications/{id}"), anonymous).told(),
        (403, "forbidden")
    );
    let found = call!(app, world, GET "applications/byexternal-id/2026%2F1042", system);
    assert_eq!(found.json["id"], json!(id));
    let history = call!(app, world, GET format!("applications/{id}/history"), operator);
    assert_eq!(history.json[0]["status_code"], 4000, "{}", history.text);
}

#[actix_web::test]
async fn the_same_application_told_again_is_replaced_and_an_older_word_changes_nothing() {
    let world = World::new().await;
    let app = app!(world);
    let made = call!(app, world, POST "applications/external", system, told());
    let id = made.json["id"].as_str().unwrap().to_owned();
    let again = call!(app, world, POST "applications/external", system, told());
    assert_eq!((again.status, &again.json["id"]), (200, &made.json["id"]));
    assert_eq!(world.told(&id).await, ["->4000"], "nothing was new");

    let mut later = told();
    later["updated_at"] = json!("2026-11-22T09:00:00+01:00");
    later["status"] = json!(7000);
    later["links"] = json!([]);
    let accepted = call!(app, world, POST "applications/external", system, later);
    assert_eq!(accepted.status, 200, "{}", accepted.text);
    assert_eq!(
        (&accepted.json["status"], &accepted.json["outcome"]),
        (&json!("7000"), &json!(true))
    );
    assert_eq!(accepted.json["links"], json!([]));
    let old = call!(app, world, POST "applications/external", system, told());
    assert_eq!((old.status, &old.json["status"]), (200, &json!("7000")));
    later["documents"] = json!([]);
    assert_eq!(
        call!(app, world, POST "applications/external", system, later).status,
        200
    );
    assert_eq!(world.told(&id).await, ["->4000", "4000>7000", "->-"]);

    // The same number of another system is another application, also beside a native one with that number.
    let mut other = told();
    other["external_system"] = json!("sue");
    let other = call!(app, world, POST "applications/external", system, other);
    assert_eq!(other.status, 201);
    assert_ne!(other.json["id"], made.json["id"]);
}

#[actix_web::test]
async fn what_is_another_systems_is_not_worked_here_and_nobody_is_written_to() {
    let world = World::new().await;
    let app = app!(world);
    let made = call!(app, world, POST "applications/external", system, told());
    let id = made.json["id"].as_str().unwrap().to_owned();
    let refused = (422, "external-application");
    for name in ["assign", "accept", "withdraw", "change-status"] {
        let path = format!("applications/{id}/transition/{name}");
        let answer = call!(app, world, POST path, operator, json!({"status": "3000"}));
        assert_eq!(answer.told(), refused, "{name}");
        assert_eq!(answer.json["allowed"], Value::Null, "{}", answer.text);
    }
    let message = json!({"message": "Ciao", "visibility": "applicant"});
    assert_eq!(
        call!(app, world, POST format!("applications/{id}/messages"), operator, message).told(),
        refused
    );
    assert_eq!(
        call!(app, world, PATCH format!("applications/{id}"), operator, json!({"protocol_number": "1"})).told(),
        refused
    );
    assert!(world.events(&[Topic::Messages]).await.is_empty());
    assert_eq!(world.last_event(&id).await.payload["act"], Value::Null);
}

#[actix_web::test]
async fn what_cannot_be_kept_is_refused_and_names_the_field() {
    let world = World::new().await;
    let app = app!(world);
    assert_eq!(
        call!(app, world, POST "applications/external", operator, told()).told(),
        (403, "forbidden")
    );
    let wrong = [
        ("external_id", json!(" "), "external_id"),
        ("status", json!("1000"), "status"),
        (
            "applicant",
            json!({"tax_identification_number": "RSSMRA80A01H501X"}),
            "applicant.tax_identification_number",
        ),
        (
            "links",
            json!([{"action": "view", "url": "javascript:alert(1)"}]),
            "links.0.url",
        ),
        (
            "links",
            json!([{"action": "sing", "url": "https://x.example"}]),
            "links.0.action",
        ),
    ];
    for (key, value, field) in wrong {
        let mut body = told();
        body[key] = value;
        let answer = call!(app, world, POST "applications/external", system, body);
        assert_eq!(
            answer.told(),
            (422, "validation"),
            "{field}: {}",
            answer.text
        );
        assert_eq!(answer.json["errors"][0]["field"], field);
    }
    let mut body = told();
    body["service_name"] = json!("nothing");
    let answer = call!(app, world, POST "applications/external", system, body);
    assert_eq!(answer.told(), (422, "unknown-reference"));
    assert!(world.events(&[Topic::Applications]).await.is_empty());
}
