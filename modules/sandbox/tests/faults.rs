//! The faults that can be set.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Receiver, Sandbox, position};

const POSITIONS: &str = "/intermediary/positions";

#[tokio::test]
async fn down_answers_503_without_effect_as_often_as_said() {
    let sandbox = Sandbox::start().await;
    sandbox
        .set_fault(json!({ "scope": "intermediary", "kind": "down", "times": 2 }))
        .await;
    for _ in 0..2 {
        let (status, problem) = sandbox.post(POSITIONS, &position("p-1")).await;
        assert_eq!((status, &problem["code"]), (503, &json!("down")));
    }
    assert_eq!(sandbox.counters().await["positions"], 0);
    let (status, _) = sandbox.post(POSITIONS, &position("p-1")).await;
    assert_eq!(status, 201);
    assert_eq!(
        sandbox.counters().await["calls"]["POST /intermediary/positions"],
        3
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn refuse_goes_on_until_it_is_cleared_and_only_where_it_is_set() {
    let sandbox = Sandbox::start().await;
    sandbox
        .set_fault(json!({ "scope": "registry", "kind": "refuse", "times": null }))
        .await;
    for _ in 0..3 {
        let (status, problem) = sandbox.post("/registry/registrations", &json!({})).await;
        assert_eq!((status, &problem["code"]), (422, &json!("refused")));
    }
    sandbox.create(&position("p-1")).await;
    assert_eq!(
        sandbox.get_json("/_control/faults").await["data"][0]["kind"],
        "refuse"
    );
    let cleared = sandbox
        .client
        .delete(sandbox.url("/_control/faults"))
        .send()
        .await
        .unwrap();
    assert_eq!(cleared.status(), 204);
    assert_eq!(
        sandbox.get_json("/_control/faults").await,
        json!({ "data": [] })
    );
    let (_, problem) = sandbox.post("/registry/registrations", &json!({})).await;
    assert_eq!(problem["code"], "invalid");
    sandbox.stop().await;
}

#[tokio::test]
async fn accept_then_timeout_does_the_work_and_never_answers() {
    let sandbox = Sandbox::start().await;
    sandbox
        .set_fault(
            json!({ "scope": "all", "kind": "accept_then_timeout", "times": 1, "millis": 100 }),
        )
        .await;
    let began = Instant::now();
    let lost = sandbox
        .client
        .post(sandbox.url(POSITIONS))
        .json(&position("p-1"))
        .send()
        .await;
    assert!(lost.is_err(), "an answer came: {lost:?}");
    assert!(began.elapsed() >= Duration::from_millis(100));
    assert_eq!(sandbox.counters().await["positions"], 1);
    let (status, found) = sandbox.post(POSITIONS, &position("p-1")).await;
    assert_eq!((status, &found["status"]), (200, &json!("unpaid")));
    sandbox.stop().await;
}

#[tokio::test]
async fn a_client_that_gives_up_first_finds_the_work_done() {
    let sandbox = Sandbox::start().await;
    sandbox
        .set_fault(json!({ "scope": "intermediary", "kind": "accept_then_timeout", "times": 1, "millis": 600_000 }))
        .await;
    let request = sandbox
        .client
        .post(sandbox.url(POSITIONS))
        .json(&position("p-1"));
    let waiting = tokio::spawn(request.send());
    sandbox.wait_for_counter("positions", 1).await;
    assert!(!waiting.is_finished(), "an answer came");
    waiting.abort();
    let (status, _) = sandbox.post(POSITIONS, &position("p-1")).await;
    assert_eq!(status, 200);
    // A stop does not wait for the ten minutes.
    let began = Instant::now();
    sandbox.stop().await;
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn slow_answers_late_and_right() {
    let sandbox = Sandbox::start().await;
    sandbox
        .set_fault(json!({ "scope": "intermediary", "kind": "slow", "times": 1, "millis": 150 }))
        .await;
    let began = Instant::now();
    sandbox.create(&position("p-1")).await;
    assert!(began.elapsed() >= Duration::from_millis(150));
    sandbox.stop().await;
}

#[tokio::test]
async fn a_fault_can_be_for_one_operation() {
    let sandbox = Sandbox::start().await;
    sandbox
        .set_fault(json!({ "scope": "intermediary", "kind": "down", "times": 1, "operation": "POST /intermediary/positions/{external_id}/cancel" }))
        .await;
    sandbox.create(&position("p-1")).await;
    sandbox.get_json("/intermediary/positions/p-1").await;
    let cancel = "/intermediary/positions/p-1/cancel";
    assert_eq!(sandbox.post(cancel, &json!({})).await.0, 503);
    assert_eq!(sandbox.post(cancel, &json!({})).await.0, 200);
    sandbox.stop().await;
}

#[tokio::test]
async fn notify_twice_tells_one_payment_twice() {
    let sandbox = Sandbox::start().await;
    let mut receiver = Receiver::start(0);
    sandbox
        .set_fault(json!({ "scope": "intermediary", "kind": "notify_twice", "times": 1 }))
        .await;
    let mut asked = position("p-1");
    asked["notify_url"] = json!(receiver.url);
    sandbox.create(&asked).await;
    sandbox.press("p-1", "pay").await;
    assert_eq!(receiver.next().await.body, receiver.next().await.body);
    sandbox.wait_for_counter("notifications_sent", 2).await;
    assert_eq!(sandbox.counters().await["payments"], 1);
    sandbox.stop().await;
}

#[tokio::test]
async fn an_unknown_fault_is_refused() {
    let sandbox = Sandbox::start().await;
    for bad in [
        json!({ "scope": "intermediary", "kind": "explode" }),
        json!({ "scope": "intermediary", "kind": "down", "times": 0 }),
    ] {
        let answer = sandbox
            .client
            .put(sandbox.url("/_control/faults"))
            .json(&bad)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 422, "{bad}");
    }
    assert_eq!(
        sandbox.get_json("/_control/faults").await,
        json!({ "data": [] })
    );
    sandbox.stop().await;
}
