//! What is done when the target does not take a delivery, or takes its time.

use opencity_kernel::events::Change;
use opencity_testing::Store;
use uuid::Uuid;
use wiremock::matchers::{header, path};
use wiremock::{Mock, ResponseTemplate};

use super::world::{World, is_signed_by, text};
use crate::hooks::Wanted;

#[tokio::test]
async fn a_failure_is_tried_again_under_the_same_id_with_a_fresh_signature_until_no_attempt_is_left()
 {
    tried_until_no_attempt_is_left(World::new().await).await;
}

#[tokio::test]
async fn on_postgresql_too_a_failure_is_tried_again_until_no_attempt_is_left() {
    let settings = "webhooks.schedule_seconds = [0, 0, 0]";
    tried_until_no_attempt_is_left(World::on(Store::Postgres, settings).await).await;
}

async fn tried_until_no_attempt_is_left(world: World) {
    world.answers(ResponseTemplate::new(500), 3).await;
    let (webhook, secret) = world.make(world.wanted(&["2000"])).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
        .await;
    for attempts in 1..=3 {
        world.send().await;
        assert_eq!(world.deliveries(webhook.id).await[0].attempts, attempts);
    }
    world.send().await;
    let received = world.received().await;
    assert_eq!(received.len(), 3, "three attempts, no fourth");
    assert!(
        received
            .iter()
            .all(|request| text(request, "webhook-id") == text(&received[0], "webhook-id"))
    );
    assert!(
        received
            .iter()
            .all(|request| request.body == received[0].body && is_signed_by(request, &secret))
    );
    let failed = world.deliveries(webhook.id).await.remove(0);
    assert_eq!(
        (failed.state.as_str(), failed.response_status),
        ("failed", Some(500))
    );
    assert!(failed.error.unwrap().contains("500"));

    world.server.reset().await;
    world.answers(ResponseTemplate::new(200), 1).await;
    world
        .module
        .hooks
        .redeliver(world.tenancy, webhook.id, failed.id)
        .await
        .unwrap();
    world.send().await;
    assert_eq!(
        text(&world.received().await[0], "webhook-id"),
        failed.id.to_string()
    );
    assert_eq!(world.deliveries(webhook.id).await[0].state, "delivered");
}

#[tokio::test]
async fn the_wait_that_a_target_asks_for_is_kept() {
    let world = World::new().await;
    world
        .answers(
            ResponseTemplate::new(429).insert_header("Retry-After", "7200"),
            1,
        )
        .await;
    let (webhook, _) = world.make(world.wanted(&["2000"])).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
        .await;
    world.send().await;
    world.send().await;
    assert_eq!(world.received().await.len(), 1);
    let row = world.deliveries(webhook.id).await.remove(0);
    assert_eq!(row.state, "pending");
    assert_eq!(
        row.next_attempt_at
            .unwrap()
            .since(row.last_attempt_at.unwrap())
            .as_secs(),
        7200
    );
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let world = World::new().await;
    let elsewhere = format!("{}/elsewhere", world.server.uri());
    world
        .answers(
            ResponseTemplate::new(307).insert_header("Location", elsewhere.as_str()),
            1,
        )
        .await;
    let (webhook, _) = world.make(world.wanted(&["2000"])).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
        .await;
    world.send().await;
    assert!(
        world
            .received()
            .await
            .iter()
            .all(|request| request.url.path() == "/hook")
    );
    let row = world.deliveries(webhook.id).await.remove(0);
    assert_eq!(
        (row.state.as_str(), row.response_status),
        ("pending", Some(307))
    );
}

#[tokio::test]
async fn a_target_that_is_gone_switches_the_webhook_off_and_what_waits_is_kept() {
    let world = World::with("[webhooks]\ncalls = 1\nschedule_seconds = [0, 0]\n").await;
    world.answers(ResponseTemplate::new(410), 1).await;
    let (webhook, _) = world.make(world.wanted(&["2000"])).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "first")
        .await;
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "second")
        .await;
    world.send().await;
    let off = world
        .module
        .hooks
        .get(world.tenancy, webhook.id)
        .await
        .unwrap();
    assert!(!off.active && off.switched_off_at.is_some());
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "third")
        .await;
    let mut states: Vec<String> = world
        .deliveries(webhook.id)
        .await
        .into_iter()
        .map(|row| row.state)
        .collect();
    states.sort();
    assert_eq!(
        states,
        ["failed", "held"],
        "nothing is lost, and nothing new is made"
    );
    world.send().await;
    assert_eq!(world.received().await.len(), 1);

    world.answers(ResponseTemplate::new(200), 5).await;
    let hooks = &world.module.hooks;
    let checked = hooks
        .check(world.tenancy, world.wanted(&["2000"]))
        .await
        .unwrap();
    hooks.change(off, checked).await.unwrap();
    world.send().await;
    let mut states: Vec<String> = world
        .deliveries(webhook.id)
        .await
        .into_iter()
        .map(|row| row.state)
        .collect();
    states.sort();
    assert_eq!(states, ["delivered", "failed"]);
}

#[tokio::test]
async fn a_slow_target_does_not_hide_the_others() {
    let world = World::with("[webhooks]\ncalls = 2\nschedule_seconds = [0, 0]\n").await;
    world.answers(ResponseTemplate::new(500), 100).await;
    Mock::given(path("/other"))
        .and(header("authorization", "Bearer abc"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&world.server)
        .await;
    let (_busy, _) = world.make(world.wanted(&["2000"])).await.unwrap();
    for _ in 0..5 {
        world
            .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
            .await;
    }
    let other = Wanted {
        endpoint: format!("{}/other", world.server.uri()),
        ..world.wanted(&["4000"])
    };
    let (other, _) = world.make(other).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "4000"), "x")
        .await;
    world.send().await;
    assert_eq!(
        world.deliveries(other.id).await[0].state,
        "delivered",
        "it came last and goes with the first"
    );
}
