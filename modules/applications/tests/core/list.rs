//! Lists: who sees what, filters, pages.

use serde_json::{Value, json};

use crate::world::{World, sample};
use crate::{app, call};

fn ids(page: &Value) -> Vec<String> {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

#[actix_web::test]
async fn everybody_sees_his_own_part_page_by_page() {
    let world = World::new().await;
    let app = app!(world);
    let report =
        json!({"service": "segnalazione-disservizio", "data": sample("segnalazione-disservizio")});
    let mut made = Vec::new();
    for _ in 0..3 {
        let one = call!(app, world, POST "applications", citizen, report);
        made.push(one.json["id"].as_str().unwrap().to_owned());
    }
    let anonymous = call!(app, world, POST "applications", anonymous, report);
    let draft = json!({"service": "segnalazione-disservizio", "status": "1000", "data": {"subject": "Buca"}});
    call!(app, world, POST "applications", citizen, draft);

    let own = call!(app, world, GET "applications", citizen);
    assert_eq!(ids(&own.json), made, "{}", own.text);
    assert_eq!(own.json["meta"]["count"], 3);
    let drafts = call!(app, world, GET "applications?status=1000", citizen);
    assert_eq!(ids(&drafts.json).len(), 1);
    let anonymous_id = anonymous.json["id"].as_str().unwrap().to_owned();
    for page in [
        call!(app, world, GET "applications?service=segnalazione-disservizio", operator),
        call!(app, world, GET "applications", system),
        call!(app, world, GET "applications?sort=ASC&order=creationTime&createdAt[after]=2020-01-01", admin),
    ] {
        assert_eq!(ids(&page.json).len(), 4, "{}", page.text);
        assert!(ids(&page.json).contains(&anonymous_id));
    }
    assert_eq!(
        call!(app, world, GET "applications?submittedAt[before]=2020-01-01", admin).json["meta"]["count"],
        0
    );
    // An operator for whom nothing exists.
    assert_eq!(
        call!(app, world, GET "applications", colleague).json["data"],
        json!([])
    );
    assert_eq!(
        call!(app, world, GET "applications", stranger).json["data"],
        json!([])
    );

    let first = call!(app, world, GET "applications?limit=2&sort=DESC", citizen);
    let next = first.json["links"]["next"].as_str().unwrap();
    let next = next.split_once("/lang/api/").unwrap().1;
    let second = call!(app, world, GET next, citizen);
    let mut walked = ids(&first.json);
    walked.extend(ids(&second.json));
    walked.reverse();
    assert_eq!(walked, made);
    assert_eq!(second.json["links"]["next"], Value::Null);
}

#[actix_web::test]
async fn a_parameter_that_means_nothing_is_refused() {
    let world = World::new().await;
    let app = app!(world);
    for (query, told) in [
        ("status=4711", (400, "bad-parameter")),
        ("order=name", (400, "bad-parameter")),
        ("limit=101", (400, "bad-parameter")),
        ("createdAt[after]=yesterday", (400, "bad-parameter")),
        ("cursor=x", (400, "bad-parameter")),
        ("service=nothing", (404, "not-found")),
        ("service_id=segnalazione-disservizio", (404, "not-found")),
    ] {
        let answer = call!(app, world, GET format!("applications?{query}"), operator);
        assert_eq!(answer.told(), told, "{query}: {}", answer.text);
    }
    let foreign = call!(app, world, GET "applications?service=segnalazione-disservizio", colleague);
    assert_eq!(foreign.told(), (403, "forbidden"));
}

#[actix_web::test]
async fn places_are_told_as_geo_json_to_who_asks_exactly_so() {
    let world = World::new().await;
    let app = app!(world);
    let report =
        json!({"service": "segnalazione-disservizio", "data": sample("segnalazione-disservizio")});
    let made = call!(app, world, POST "applications", citizen, report);
    let id = made.json["id"].as_str().unwrap();
    let point = call!(app, world, GET format!("applications/{id}"), citizen, headers ["accept" = "application/geo+json"]);
    assert_eq!(
        point.json,
        json!({"type": "Point", "coordinates": [10.4019, 43.7159]})
    );
    let all =
        call!(app, world, GET "applications", citizen, headers ["accept" = "application/geo+json"]);
    assert_eq!(all.json["features"][0]["geometry"], point.json);
    let plain = call!(app, world, GET format!("applications/{id}"), citizen, headers ["accept" = "application/geo+json;q=1"]);
    assert_eq!(plain.json["id"], made.json["id"]);
}
