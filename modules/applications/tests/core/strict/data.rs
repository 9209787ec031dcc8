//! What is sent, and the data in both versions.

use serde_json::{Map, Value, json};

use super::{GROUND, REPORT};
use crate::world::{World, sample};
use crate::{app, call};

#[actix_web::test]
async fn version_1_is_the_default_and_a_number_from_2_up_is_version_2() {
    let world = World::new().await;
    let app = app!(world);
    let id = made!(app, world, REPORT)["id"].as_str().unwrap().to_owned();
    let flat = |data: &Value| data["applicant.data.completename.data.name"] == "Mario";
    let nested = |data: &Value| data["applicant"]["completename"]["name"] == "Mario";
    for version in ["", "?version=1", "?version=0", "?version=x", "?version="] {
        let read = call!(app, world, GET format!("applications/{id}{version}"), citizen);
        assert!(flat(&read.json["data"]), "{version}: {}", read.text);
    }
    for version in ["?version=2", "?version=3"] {
        let read = call!(app, world, GET format!("applications/{id}{version}"), citizen);
        assert!(nested(&read.json["data"]), "{version}: {}", read.text);
    }
    let read = call!(app, world, GET format!("applications/{id}"), citizen, headers ["x-accept-version" = "2"]);
    assert!(nested(&read.json["data"]), "{}", read.text);
    let list = call!(app, world, GET "applications?version=2", citizen);
    assert!(nested(&list.json["data"][0]["data"]), "{}", list.text);
}

#[actix_web::test]
async fn the_body_of_a_get_may_be_sent_back() {
    let world = World::new().await;
    let app = app!(world);
    let draft = json!({"service": GROUND, "status": 1000, "data": sample(GROUND)});
    let id = call!(app, world, POST "applications", citizen, draft).json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("applications/{id}");
    for version in ["", "?version=2"] {
        let before = call!(app, world, GET format!("{path}{version}"), citizen).json;
        let mut echoed = before.clone();
        echoed["a_key_that_nobody_knows"] = json!({"x": [1]});
        let put = call!(app, world, PUT path, citizen, echoed);
        assert_eq!(
            put.json,
            json!(["Application Modified Successfully"]),
            "{}",
            put.text
        );
        let after = call!(app, world, GET format!("{path}{version}"), citizen).json;
        for key in ["data", "status", "subject", "payment_type", "external_id"] {
            assert_eq!(after[key], before[key], "{version}: {key}");
        }
    }
    // The office may do so on what is worked; nothing moves.
    let object = in_charge!(app, world);
    let path = format!("applications/{}", object["id"].as_str().unwrap());
    let seen = call!(app, world, GET path, operator).json;
    let put = call!(app, world, PUT path, operator, seen);
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(call!(app, world, GET path, operator).json["status"], "4000");
}

#[actix_web::test]
async fn what_does_not_change_is_refused_by_name_unless_it_is_sent_back_as_it_is() {
    let world = World::new().await;
    let app = app!(world);
    let object = in_charge!(app, world);
    let path = format!("applications/{}", object["id"].as_str().unwrap());
    let other = "01943ffe-0680-7438-ae6b-00000000dead";
    for (field, value) in [
        ("service", json!(GROUND)),
        ("service", json!(other)),
        ("user", json!(other)),
        ("created_at", json!("2020-01-01T00:00:00+01:00")),
        ("status", json!("7000")),
    ] {
        let value = if object[field] == value {
            json!(REPORT)
        } else {
            value
        };
        let mut echoed = object.clone();
        echoed[field] = value.clone();
        let patch = call!(app, world, PATCH path, operator, json!({ field: value }));
        let put = call!(app, world, PUT path, operator, echoed);
        for refused in [patch, put] {
            assert_eq!(refused.status, 422, "{field}: {}", refused.text);
            assert_eq!(refused.json["errors"][0]["field"], field);
        }
    }
    for service in ["service", "service_id"] {
        let same = json!({"service": object[service], "user": object["user"], "created_at": object["created_at"]});
        let patch = call!(app, world, PATCH path, operator, same);
        assert_eq!(patch.status, 200, "{}", patch.text);
    }
}

#[actix_web::test]
async fn flat_and_nested_data_may_be_mixed() {
    let world = World::new().await;
    let app = app!(world);
    let mut data = sample(REPORT);
    data.as_object_mut().unwrap().remove("subject");
    let applicant = data["applicant"]["data"].as_object_mut().unwrap();
    let email = applicant.remove("email_address").unwrap();
    data["subject"] = json!("Lampione spento");
    data["applicant.data.email_address"] = email.clone();
    let made =
        call!(app, world, POST "applications", citizen, json!({"service": REPORT, "data": data}));
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json["data"]["applicant.data.email_address"], email);
    assert_eq!(
        made.json["data"]["applicant.data.completename.data.name"],
        "Mario"
    );
}

#[actix_web::test]
async fn input_takes_both_versions_and_the_form_as_it_is_sent() {
    let world = World::new().await;
    let app = app!(world);
    let whole = made!(app, world, REPORT);
    let id = whole["id"].as_str().unwrap();
    let nested = call!(app, world, GET format!("applications/{id}?version=2"), citizen).json;
    for data in [&whole["data"], &nested["data"], &sample(REPORT)] {
        let made = call!(app, world, POST "applications", citizen, json!({"service": REPORT, "data": data}));
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.json["data"], whole["data"]);
        let event = world.last_event(made.json["id"].as_str().unwrap()).await;
        let first = world.last_event(id).await;
        assert_eq!(event.payload["submission"], first.payload["submission"]);
    }
}

#[actix_web::test]
async fn an_empty_array_is_an_empty_body_of_a_transition() {
    let world = World::new().await;
    let app = app!(world);
    for body in [json!([]), json!({})] {
        let object = in_charge!(app, world);
        let path = format!(
            "applications/{}/transition/accept",
            object["id"].as_str().unwrap()
        );
        let done = call!(app, world, POST path, operator, body);
        assert_eq!((done.status, done.text.as_str()), (204, ""), "{body}");
    }
    let object = in_charge!(app, world);
    let path = format!(
        "applications/{}/transition/accept",
        object["id"].as_str().unwrap()
    );
    let too_long =
        json!({"message": "è".repeat(50_001), "ids": [object["id"]], "action": "accept"});
    for path in [&path, "applications/bulk"] {
        let refused = call!(app, world, POST path, operator, too_long);
        assert_eq!(refused.told(), (422, "validation"), "{path}");
        assert_eq!(refused.json["errors"][0]["field"], "message");
    }
    let no_object = json!([1]);
    assert_eq!(
        call!(app, world, POST path, operator, no_object).told(),
        (422, "validation")
    );
    assert_eq!(call!(app, world, POST path, operator).status, 204);
    // What the state does not allow comes before what is wrong with the body.
    assert_eq!(
        call!(app, world, POST path, operator, no_object).told(),
        (422, "illegal-transition")
    );
}

#[actix_web::test]
async fn version_1_has_flat_keys_arrays_by_number_and_keeps_empty_containers() {
    let world = World::new().await;
    let app = app!(world);
    let data = &made!(app, world, REPORT)["data"];
    assert_eq!(data["objects.0.object_code"], "BG-0457");
    assert_eq!(data["dangers.pedestrians"], true);
    assert_eq!((&data["images"], &data["docs"]), (&json!([]), &json!([])));
    let nested: Vec<(&String, &Value)> = data
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| value.as_object().is_some_and(|map| !map.is_empty()))
        .collect();
    assert!(nested.is_empty(), "{nested:?}");
}

#[actix_web::test]
async fn version_2_drops_the_data_of_nested_forms_and_nothing_else() {
    let world = World::new().await;
    let app = app!(world);
    let id = made!(app, world, REPORT)["id"].as_str().unwrap().to_owned();
    let data =
        call!(app, world, GET format!("applications/{id}?version=2"), citizen).json["data"].clone();
    let mut expected = sample(REPORT);
    let applicant = expected["applicant"]["data"].as_object().unwrap();
    let unwrapped: Map<String, Value> = applicant
        .iter()
        .map(|(key, value)| (key.clone(), value.get("data").unwrap_or(value).clone()))
        .collect();
    expected["applicant"] = Value::Object(unwrapped);
    assert_eq!(data, expected);
}

#[actix_web::test]
async fn numbers_stay_numbers_and_strings_strings() {
    let world = World::new().await;
    let app = app!(world);
    let data = json!({"subject": "Buca", "severity": "3", "free": {"count": 3, "share": 0.5, "code": "007"}});
    let draft = json!({"service": REPORT, "status": 1000, "data": data});
    let flat = call!(app, world, POST "applications", citizen, draft).json;
    assert_eq!(flat["data"]["severity"], "3");
    let path = format!("applications/{}?version=2", flat["id"].as_str().unwrap());
    let nested = call!(app, world, GET path, citizen).json;
    for (data, free) in [(&flat["data"], None), (&nested["data"], Some("free"))] {
        let value = |key: &str| match free {
            Some(name) => data[name][key].clone(),
            None => data[format!("free.{key}")].clone(),
        };
        assert_eq!(
            (value("count"), value("share"), value("code")),
            (json!(3), json!(0.5), json!("007")),
            "{data}"
        );
    }
}

#[actix_web::test]
async fn a_citizen_named_in_the_form_may_see_the_application_and_no_more() {
    let world = World::new().await;
    let app = app!(world);
    let mut data = sample(REPORT);
    data["related_cfs"] = json!("vrdgli92m54f205a");
    let made =
        call!(app, world, POST "applications", citizen, json!({"service": REPORT, "data": data}));
    let id = made.json["id"].as_str().unwrap().to_owned();
    let path = format!("applications/{id}");
    assert_eq!(
        call!(app, world, GET path, stranger).json["links"],
        json!([])
    );
    assert_eq!(
        call!(app, world, GET format!("{path}/history"), stranger).status,
        200
    );
    let withdraw = call!(app, world, POST format!("{path}/transition/withdraw"), stranger);
    assert_eq!(withdraw.told(), (403, "forbidden"));
    data["related_cfs"] = json!(["VRDGLI92M54F205X"]);
    let wrong =
        call!(app, world, POST "applications", citizen, json!({"service": REPORT, "data": data}));
    assert_eq!(wrong.told(), (422, "validation"));
    assert_eq!(wrong.json["errors"][0]["field"], "data.related_cfs");
}
