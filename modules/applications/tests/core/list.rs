//! Lists: who sees what, filters, pages.

use std::time::Duration;

use opencity_applications::domain::Status;
use opencity_kernel::instant::Instant;
use opencity_testing::Store;
use serde_json::{Value, json};

use crate::expectations::read;
use crate::lifecycle::cast::Cast;
use crate::lifecycle::place::Rows;
use crate::world::{Answer, World, sample};
use crate::{app, call, on_both_databases};

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

impl Cast {
    /// An application in a state, of a service that needs nothing, not stored yet.
    fn fresh(&self, state: Status) -> Rows {
        self.rows("plain", &read().0["plain"], state, "")
    }

    async fn list(&self, role: &str, query: &str) -> Answer {
        let path = format!("applications?{query}");
        self.served.get(&path, self.token(role)).await
    }

    /// The ids that a list has, which must be one.
    async fn listed(&self, role: &str, query: &str) -> Vec<String> {
        let page = self.list(role, query).await;
        assert_eq!(page.status, 200, "{query}: {}", page.text);
        assert_eq!(page.json["meta"]["count"], ids(&page.json).len(), "{query}");
        ids(&page.json)
    }

    /// Follows the pages to their end; the ids in the order in which they came.
    async fn walk(&self, query: &str) -> Vec<String> {
        let mut walked = Vec::new();
        let mut query = query.to_owned();
        loop {
            let page = self.list("admin", &query).await.json;
            walked.extend(ids(&page));
            match page["links"]["next"].as_str() {
                Some(next) => query = next.split_once('?').unwrap().1.to_owned(),
                None => return walked,
            }
        }
    }
}

on_both_databases! {
    async fn each_role_lists_its_own_part(store) {
        let cast = Cast::start(store).await;
        let one = cast.fresh(Status::Pending);
        // Of a service that only the enabled operator and the linked office know, assigned to nobody.
        let mut free = cast.fresh(Status::Submitted);
        (free.application.operator_id, free.application.office_id) = (None, None);
        free.application.user_id = cast.world.stranger;
        // Assigned to an operator without an office, of a service that nobody else works.
        let mut foreign = cast.fresh(Status::Pending);
        foreign.application.service_id = cast.world.nursery;
        foreign.application.office_id = None;
        let [one_id, free_id, foreign_id] = [&one, &free, &foreign].map(|rows| rows.id().to_string());
        cast.put(vec![one, free, foreign]).await;
        let all = [&one_id, &free_id, &foreign_id];
        for (role, sees) in [
            ("owner", vec![&one_id, &foreign_id]),
            ("other-citizen", vec![&free_id]),
            // Who may view it for his tax code does not have it in his list.
            ("related", vec![]),
            ("assigned", vec![&one_id, &foreign_id]),
            ("assigned-office", vec![&one_id]),
            ("enabled", vec![&one_id, &free_id]),
            ("office", vec![&one_id, &free_id]),
            ("stranger", vec![&foreign_id]),
            ("system", all.to_vec()),
            ("admin", all.to_vec()),
        ] {
            let mut expected: Vec<String> = sees.into_iter().cloned().collect();
            let mut listed = cast.listed(role, "").await;
            expected.sort();
            listed.sort();
            assert_eq!(listed, expected, "{role}");
        }
        assert_eq!(cast.list("service", "").await.told(), (403, "forbidden"));
        let path = format!("applications/{one_id}");
        assert_eq!(cast.served.get(&path, cast.token("related")).await.status, 200);
    }

    async fn each_date_is_compared_as_its_name_says(store) {
        let cast = Cast::start(store).await;
        let at = |text: &str| Instant::parse(text).unwrap();
        let days = ["2024-05-01T09:00:00+02:00", "2024-05-02T00:00:00.4+02:00", "2024-05-03T09:00:00+02:00"].map(at);
        // Each of the three has another date in the middle.
        let mut made = Vec::new();
        let mut rows = Vec::new();
        for place in 0..3 {
            let mut one = cast.fresh(Status::Pending);
            one.application.created_at = days[place];
            one.application.updated_at = days[(place + 1) % 3];
            one.application.submitted_at = Some(days[(place + 2) % 3]);
            made.push(one.id().to_string());
            rows.push(one);
        }
        let mut never = cast.fresh(Status::Pending);
        never.application.created_at = at("2020-01-01T00:00:00+01:00");
        never.application.updated_at = at("2020-01-01T00:00:00+01:00");
        never.application.submitted_at = None;
        rows.push(never);
        cast.put(rows).await;
        for (name, shift) in [("createdAt", 0), ("updatedAt", 1), ("submittedAt", 2)] {
            // Of the three, in the order of this date.
            let ordered: Vec<&String> = (0..3).map(|day| &made[(day + 3 - shift) % 3]).collect();
            let begin = "2021-01-01";
            for (bound, days) in [("after", 1..3), ("strictly_after", 2..3), ("before", 0..2), ("strictly_before", 0..1)] {
                let mut expected: Vec<&String> = ordered[days].to_vec();
                expected.sort();
                for middle in ["2024-05-02", "2024-05-02T00:00:00%2B02:00", "2024-05-01T23:00:00+01:00"] {
                    let query = format!("{name}[{bound}]={middle}&{name}[strictly_after]={begin}");
                    let mut listed = cast.listed("admin", &query).await;
                    listed.sort();
                    assert_eq!(listed.iter().collect::<Vec<_>>(), expected, "{query}");
                }
            }
        }
        for query in ["createdAt[after]=05/02/2024", "updatedAt[before]=2024-13-01", "submittedAt[strictly_after]=2024-05-02T10:00"] {
            assert_eq!(cast.list("admin", query).await.told(), (400, "bad-parameter"), "{query}");
        }
    }

    async fn filters_are_combined_with_and(store) {
        let cast = Cast::start(store).await;
        let (in_charge, done) = (cast.fresh(Status::Pending), cast.fresh(Status::Complete));
        let mut others = cast.fresh(Status::Pending);
        others.application.service_id = cast.service("required");
        others.application.operator_id = None;
        others.application.office_id = None;
        let [in_charge_id, done_id, others_id] = [&in_charge, &done, &others].map(|rows| rows.id().to_string());
        cast.put(vec![in_charge, done, others]).await;
        let id = cast.service("plain");
        for (by_service, other) in [
            (format!("service_id={id}"), "service=required"),
            ("service_identifier=plain".to_owned(), "service=required"),
            ("service=plain".to_owned(), "service_identifier=required"),
        ] {
            assert_eq!(cast.listed("enabled", &format!("{by_service}&status=4000")).await, [in_charge_id.as_str()]);
            assert_eq!(cast.listed("enabled", &format!("{by_service}&status=7000")).await, [done_id.as_str()]);
            assert_eq!(cast.listed("enabled", &format!("{by_service}&{other}")).await, [""; 0]);
            let future = "createdAt[after]=2100-01-01";
            assert_eq!(cast.listed("enabled", &format!("{by_service}&{future}")).await, [""; 0]);
        }
        assert_eq!(cast.listed("enabled", "service_identifier=required").await, [others_id]);
        // Also with what is assigned to the caller.
        assert_eq!(cast.listed("assigned", "status=7000").await, [done_id]);
        // His is the application, not the service.
        assert_eq!(cast.list("assigned", "service=plain").await.told(), (403, "forbidden"));
        for unknown in ["service=altro", "service_identifier=altro", "service_id=b21c4429-95e4-45d5-930f-44eb74136625"] {
            assert_eq!(cast.list("enabled", unknown).await.told(), (404, "not-found"), "{unknown}");
            assert_eq!(cast.list("owner", unknown).await.told(), (404, "not-found"), "{unknown}");
        }
    }

    async fn pages_have_every_application_once_while_others_are_sent(store) {
        let cast = Cast::start(store).await;
        let moment = Instant::parse("2024-05-02T10:00:00+02:00").unwrap();
        let mut rows: Vec<Rows> = (0..25).map(|_| cast.fresh(Status::Pending)).collect();
        for (place, one) in rows.iter_mut().enumerate() {
            // Ten at the same moment, so that pages end between them.
            let later = Duration::from_secs(u64::try_from(place.saturating_sub(10)).unwrap());
            one.application.created_at = moment.plus(later);
        }
        let mut made: Vec<(Instant, String)> = rows.iter().map(|one| (one.application.created_at, one.id().to_string())).collect();
        made.sort();
        let made: Vec<String> = made.into_iter().map(|(_, id)| id).collect();
        cast.put(rows).await;
        let send = async || {
            for _ in 0..20 {
                let (new, mut old) = (cast.fresh(Status::Submitted), cast.fresh(Status::Submitted));
                // A given `created_at` is kept: it comes into the midst.
                old.application.created_at = moment;
                cast.put(vec![new, old]).await;
            }
        };
        for sort in ["ASC", "DESC"] {
            let query = format!("limit=4&sort={sort}");
            let (mut walked, ()) = futures::join!(cast.walk(&query), send());
            if sort == "DESC" {
                walked.reverse();
            }
            let mut sorted = walked.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), walked.len(), "none comes twice");
            walked.retain(|id| made.contains(id));
            assert_eq!(walked, made, "{sort}");
        }
    }
}

#[actix_web::test]
async fn pages_can_be_asked_for_by_offset_within_bounds() {
    let cast = Cast::start(Store::Sqlite).await;
    let rows: Vec<Rows> = (0..5).map(|_| cast.fresh(Status::Pending)).collect();
    cast.put(rows).await;
    let all = cast.listed("admin", "limit=100&order=creationTime").await;
    let page = cast
        .list("admin", "limit=2&offset=2&_=1764000000")
        .await
        .json;
    assert_eq!(ids(&page), all[2..4]);
    assert_eq!(page["meta"]["count"], 5);
    assert_eq!(page["meta"]["parameter"]["offset"], 2);
    assert_eq!(page["meta"]["parameter"]["limit"], 2);
    let query = |link: &str| {
        page["links"][link]
            .as_str()
            .unwrap()
            .split_once('?')
            .unwrap()
            .1
            .to_owned()
    };
    assert_eq!(
        ids(&cast.list("admin", &query("self")).await.json),
        all[2..4]
    );
    assert_eq!(
        ids(&cast.list("admin", &query("prev")).await.json),
        all[..2]
    );
    assert_eq!(
        ids(&cast.list("admin", &query("next")).await.json),
        all[4..]
    );
    // The last page has no next one, the first none before.
    assert_eq!(
        cast.list("admin", "offset=4").await.json["links"]["next"],
        Value::Null
    );
    assert_eq!(
        cast.list("admin", "").await.json["links"]["prev"],
        Value::Null
    );
    assert_eq!(
        cast.list("admin", "offset=100000").await.json["data"],
        json!([])
    );
    for query in [
        "offset=100001",
        "offset=-1",
        "limit=0",
        "limit=101",
        "sort=up",
        "limit=ten",
    ] {
        assert_eq!(
            cast.list("admin", query).await.told(),
            (400, "bad-parameter"),
            "{query}"
        );
    }
    let unknown = cast.list("admin", "status=4711").await;
    assert!(
        unknown.json["detail"]
            .as_str()
            .unwrap()
            .contains("1000, 1500, 1510"),
        "{}",
        unknown.text
    );
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

    // Without coordinates there is no place to tell, and none in the list.
    let mut nowhere = sample("segnalazione-disservizio");
    nowhere.as_object_mut().unwrap().remove("address");
    let draft = json!({"service": "segnalazione-disservizio", "status": 1000, "data": nowhere});
    let made = call!(app, world, POST "applications", citizen, draft);
    let id = made.json["id"].as_str().unwrap();
    let none = call!(app, world, GET format!("applications/{id}"), citizen, headers ["accept" = "application/geo+json"]);
    assert_eq!(none.told(), (406, "not-acceptable"));
    let drafts = call!(app, world, GET "applications?status=1000", citizen, headers ["accept" = "application/geo+json"]);
    assert_eq!(
        drafts.json,
        json!({"type": "FeatureCollection", "features": []})
    );
}
