//! The same work on many applications, asked for in one call.

use std::sync::Arc;

use opencity_kernel::events::{Change, Topic};
use opencity_kernel::module::Module as _;
use opencity_kernel::scheduler::Task;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, sample};
use crate::{app, call, on_both_databases};

fn task(world: &World) -> Arc<dyn Task> {
    let mut tasks = world.module.tasks().into_iter();
    tasks
        .find(|task| task.name() == "applications.bulk")
        .unwrap()
}

async fn work(world: &World) {
    let task = task(world);
    while task.run().await.unwrap() {}
}

macro_rules! acquired {
    ($app:expr, $world:expr, $count:expr) => {{
        let body = json!({"service": "segnalazione-disservizio", "status": "2000",
            "data": sample("segnalazione-disservizio")});
        let mut ids = Vec::new();
        for _ in 0..$count {
            let made = call!($app, $world, POST "applications", operator, body);
            assert_eq!(made.status, 201, "{}", made.text);
            let id = made.json["id"].as_str().unwrap().to_owned();
            let act = $world.last_event(&id).await.payload["act"].clone();
            $world.document(&id, &act, "DOCUMENT_CREATED", None).await;
            ids.push(id);
        }
        ids
    }};
}

/// What became of work that an operator asked for, when it is done.
macro_rules! done {
    ($app:expr, $world:expr, $asked:expr) => {{
        let made = call!($app, $world, POST "applications/bulk", operator, $asked);
        work(&$world).await;
        let path = format!("applications/bulk/{}", made.json["id"].as_str().unwrap());
        let read = call!($app, $world, GET path, operator);
        (path, read)
    }};
}

on_both_databases! {
    async fn as_many_as_are_taken_are_kept_in_their_order(store) {
        let world = World::on(store).await;
        let app = app!(world);
        let ids: Vec<String> = (0..1000).map(|_| Uuid::new_v4().to_string()).collect();
        let asked = json!({"action": "assign", "ids": ids});
        let made = call!(app, world, POST "applications/bulk", operator, asked);
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("applications/bulk/{}", made.json["id"].as_str().unwrap());
        for offset in [0, 450, 900] {
            let part = call!(app, world, GET format!("{path}?limit=100&offset={offset}"), operator);
            let results = &part.json["results"];
            assert_eq!(results["meta"]["count"], 1000, "{}", part.text);
            let shown = results["data"].as_array().unwrap().iter();
            let shown: Vec<&str> = shown.map(|one| one["id"].as_str().unwrap()).collect();
            assert_eq!(shown, ids[offset..offset + 100]);
        }
    }
}

#[actix_web::test]
async fn many_are_assigned_and_rejected_and_what_is_refused_says_why() {
    let world = World::new().await;
    let app = app!(world);
    let ids = acquired!(app, world, 3);
    let unknown = Uuid::now_v7().to_string();
    let asked = json!({"action": "assign", "ids": [&ids[0], &ids[1], &ids[0], &unknown]});
    let made = call!(app, world, POST "applications/bulk", operator, asked);
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json["status"], "pending");
    assert_eq!(
        made.json["progress"]["total"], 3,
        "named twice, worked once"
    );
    let path = format!("applications/bulk/{}", made.json["id"].as_str().unwrap());
    work(&world).await;
    let read = call!(app, world, GET path, operator);
    assert_eq!(read.json["status"], "finished", "{}", read.text);
    assert_eq!(
        read.json["progress"],
        json!({"done": 2, "refused": 1, "total": 3})
    );
    assert_eq!(read.json["requested_by"], json!(world.operator));
    assert_eq!(read.json["requested_by_name"], "Olga Operatrice");
    let results = &read.json["results"];
    assert_eq!(results["data"][0]["status"], "done");
    assert_eq!(results["data"][2]["problem"]["code"], "not-found");
    let refused = call!(app, world, GET format!("{path}?status=refused"), operator);
    assert_eq!(refused.json["results"]["meta"]["count"], 1);
    assert_eq!(refused.json["results"]["data"][0]["id"], json!(unknown));
    let first = call!(app, world, GET format!("{path}?limit=2"), operator);
    let next = first.json["results"]["links"]["next"].as_str().unwrap();
    let query = next.split_once('?').unwrap().1;
    let rest = call!(app, world, GET format!("{path}?{query}"), operator);
    assert_eq!(rest.json["results"]["data"][0]["id"], json!(unknown));

    // By the rules of the single call: the third is nobody's yet.
    let asked = json!({"action": "reject", "ids": ids, "message": "I fondi sono esauriti."});
    let (path, read) = done!(app, world, asked);
    assert_eq!(
        read.json["progress"],
        json!({"done": 2, "refused": 1, "total": 3})
    );
    let single =
        call!(app, world, POST format!("applications/{}/transition/reject", ids[2]), operator);
    let told = &read.json["results"]["data"][2]["problem"];
    assert_eq!(told["code"], single.json["code"]);
    assert_eq!(told["state"], single.json["state"]);
    let one = call!(app, world, GET format!("applications/{}", ids[0]), operator);
    assert_eq!(one.json["status"], "9000");
    assert_eq!(one.json["outcome_motivation"], "I fondi sono esauriti.");

    // Each sees his own, administrators everybody's.
    assert_eq!(
        call!(app, world, GET path, colleague).told(),
        (404, "not-found")
    );
    assert_eq!(call!(app, world, GET path, admin).status, 200);
    let list = call!(app, world, GET "applications/bulk?sort=DESC", operator);
    assert_eq!(list.json["meta"]["count"], 2);
    assert_eq!(list.json["data"][0]["action"], "reject");
    let list = call!(app, world, GET "applications/bulk", colleague);
    assert_eq!(list.json["meta"]["count"], 0);
}

#[actix_web::test]
async fn many_are_written_to_once_each_however_often_it_is_asked_for() {
    let world = World::new().await;
    let app = app!(world);
    let ids = acquired!(app, world, 2);
    let asked = json!({"action": "message", "ids": ids, "message": "Chiuso lunedì.", "visibility": "applicant"});
    let before = messages(&world, &ids).await;
    for _ in 0..2 {
        let made = call!(app, world, POST "applications/bulk", operator, headers ["idempotency-key" = "b1"], asked);
        assert_eq!(made.status, 201, "{}", made.text);
        work(&world).await;
    }
    assert_eq!(messages(&world, &ids).await, before + 2);
    let read = call!(app, world, GET format!("applications/{}/messages", ids[0]), operator);
    let own = |one: &Value| one["message"] == "Chiuso lunedì.";
    assert_eq!(
        read.json
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| own(one))
            .count(),
        1
    );
}

async fn messages(world: &World, ids: &[String]) -> usize {
    let all = world.events(&[Topic::Messages]).await;
    all.iter()
        .filter(|event| {
            let of = event.payload["related_entity_id"].as_str().unwrap();
            ids.iter().any(|id| id == of)
        })
        .count()
}

#[actix_web::test]
async fn many_are_accepted_in_the_name_of_the_operator_who_asked() {
    let world = World::new().await;
    let app = app!(world);
    let ids = acquired!(app, world, 2);
    for asked in [
        json!({"action": "assign", "ids": ids}),
        json!({"action": "accept", "ids": ids, "message": "Risolto."}),
    ] {
        let (_, read) = done!(app, world, asked);
        assert_eq!(
            read.json["progress"],
            json!({"done": 2, "refused": 0, "total": 2})
        );
    }
    for id in &ids {
        let read = call!(app, world, GET format!("applications/{id}"), operator);
        assert_eq!(
            (&read.json["outcome"], &read.json["operator_id"]),
            (&json!(true), &json!(world.operator)),
            "{}",
            read.text
        );
        let history = call!(app, world, GET format!("applications/{id}/history"), operator);
        let last = history.json.as_array().unwrap().last().unwrap();
        assert_eq!(last["message"], "Risolto.", "{}", history.text);
        let told = world.last_event(id).await.payload;
        assert_eq!(told["act"]["actor"], json!(world.operator), "{told}");
    }
}

#[actix_web::test]
async fn a_right_taken_away_before_the_work_is_done_counts() {
    let world = World::new().await;
    let app = app!(world);
    let ids = acquired!(app, world, 1);
    let asked = json!({"action": "assign", "ids": ids});
    let made = call!(app, world, POST "applications/bulk", operator, asked);
    assert_eq!(made.status, 201);
    let now = opencity_kernel::clock::now();
    let body = json!({"id": world.operator, "role": "operator", "enabled": true, "enabled_services_ids": [],
        "user_groups_ids": [], "event_reason": "changed", "created_at": now, "updated_at": now});
    world
        .outside(Topic::Users, world.operator.uuid(), Change::data(), body)
        .await;
    work(&world).await;
    let path = format!("applications/bulk/{}", made.json["id"].as_str().unwrap());
    let read = call!(app, world, GET path, operator);
    let result = &read.json["results"]["data"][0];
    assert_eq!(result["problem"]["code"], "forbidden", "{}", read.text);
    assert_eq!(result["problem"]["status"], 403);
}

#[actix_web::test]
async fn more_than_a_turn_of_the_task_goes_on_where_it_was() {
    let world = World::new().await;
    let app = app!(world);
    let real = acquired!(app, world, 1);
    let mut ids: Vec<String> = (0..60).map(|_| Uuid::now_v7().to_string()).collect();
    ids.push(real[0].clone());
    let asked = json!({"action": "assign", "ids": ids});
    let made = call!(app, world, POST "applications/bulk", operator, asked);
    let path = format!("applications/bulk/{}", made.json["id"].as_str().unwrap());
    assert!(task(&world).run().await.unwrap());
    let read = call!(app, world, GET path, operator);
    assert_eq!(read.json["status"], "running");
    assert_eq!(read.json["progress"]["refused"], 50);
    work(&world).await;
    let read = call!(app, world, GET path, operator);
    assert_eq!(
        read.json["progress"],
        json!({"done": 1, "refused": 60, "total": 61})
    );
}

#[actix_web::test]
async fn what_cannot_be_asked_for_is_refused() {
    let world = World::new().await;
    let app = app!(world);
    let id = Uuid::now_v7();
    let many: Vec<Uuid> = (0..1001).map(|_| Uuid::now_v7()).collect();
    let wrong = [
        (json!({"action": "assign", "ids": []}), "ids"),
        (json!({"action": "assign", "ids": many}), "ids"),
        (json!({"action": "message", "ids": [id]}), "message"),
        (
            json!({"action": "accept", "ids": [id], "attachments": [{"name": "a.pdf"}]}),
            "attachments",
        ),
        (json!({"action": "sing", "ids": [id]}), "action"),
        (json!({"ids": [id]}), "action"),
        (
            json!({"action": "message", "ids": [id], "message": "x", "visibility": "y"}),
            "visibility",
        ),
        (json!({"action": "assign", "ids": [id, "x"]}), "ids.1"),
    ];
    for (body, field) in wrong {
        let answer = call!(app, world, POST "applications/bulk", operator, body);
        assert_eq!(answer.told(), (422, "validation"), "{}", answer.text);
        assert_eq!(answer.json["errors"][0]["field"], field);
    }
    let body = json!({"action": "assign", "ids": [id]});
    assert_eq!(
        call!(app, world, POST "applications/bulk", citizen, body).told(),
        (403, "forbidden")
    );
    let answer = call!(app, world, GET format!("applications/bulk/{id}?status=sung"), operator);
    assert_eq!(answer.told(), (400, "bad-parameter"));
}
