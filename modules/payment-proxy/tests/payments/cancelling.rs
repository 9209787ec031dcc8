//! Debts that nobody is to pay any more are cancelled, once, unless they are paid first.

use opencity_testing::on_both_databases;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::LANDING;
use crate::support::World;

/// An application that waits for its payment, and the payment, which can be paid.
async fn charged(world: &World) -> (Uuid, Uuid) {
    let application = Uuid::now_v7();
    world.application(application, 1, "1500", 1).await;
    let id = world
        .request(|payment| payment["remote_id"] = json!(application))
        .await;
    world.until_state(id, "PAYMENT_PENDING").await;
    (application, id)
}

/// The application is withdrawn, and what is done by the clock has its turn.
async fn withdrawn(world: &World, application: Uuid, version: i64) {
    world.application(application, version, "20000", 1).await;
    world.settled().await;
    world.tick().await;
}

on_both_databases! {
    async fn an_application_that_goes_on_otherwise_has_its_debt_cancelled(store) {
        let world = World::start(store).await;
        let (application, id) = charged(&world).await;
        withdrawn(&world, application, 2).await;
        world.until_state(id, "CANCELED").await;
        assert_eq!(world.counter("cancelled").await, 1);
        withdrawn(&world, application, 3).await;
        assert_eq!(
            world.told(id).await,
            ["CREATION_PENDING", "PAYMENT_PENDING", "CANCELED"]
        );
    }

    async fn a_debt_that_cannot_be_cancelled_now_stays_and_is_cancelled_later(store) {
        let world = World::start(store).await;
        let (application, id) = charged(&world).await;
        world
            .fault(
                "down",
                Some(1),
                0,
                "POST /intermediary/positions/{external_id}/cancel",
            )
            .await;
        withdrawn(&world, application, 2).await;
        assert_eq!(world.told(id).await.last().unwrap(), "PAYMENT_PENDING");
        world
            .staff("PATCH", &format!("cancel/{id}"), Value::Null, 200)
            .await;
        assert_eq!(world.told(id).await.last().unwrap(), "CANCELED");
        assert_eq!(world.counter("cancelled").await, 1);
    }

    async fn the_debts_of_an_older_attempt_are_cancelled_and_those_of_the_new_one_stay(store) {
        let world = World::start(store).await;
        let (application, first) = charged(&world).await;
        world.application(application, 2, "1530", 1).await;
        world.application(application, 3, "1500", 2).await;
        let second = world.request(|payment| {
            payment["remote_id"] = json!(application);
            payment["attempt"] = json!(2);
        });
        let second = second.await;
        world.until_state(second, "PAYMENT_PENDING").await;
        world.settled().await;
        world.tick().await;
        world.until_state(first, "CANCELED").await;
        assert_eq!(
            world.told(second).await.last().unwrap(),
            "PAYMENT_PENDING"
        );
        assert_eq!(world.counter("cancelled").await, 1);
        // A cancelled payment leads back, not to the page.
        assert_eq!(world.follow("online-payment", first).await, LANDING);
    }

    async fn nothing_is_created_for_an_application_that_has_gone_on(store) {
        let world = World::start(store).await;
        let application = Uuid::now_v7();
        world.application(application, 1, "1500", 1).await;
        world.application(application, 2, "20000", 1).await;
        world.settled().await;
        let id = world
            .request(|payment| payment["remote_id"] = json!(application))
            .await;
        world.until_state(id, "CANCELED").await;
        assert_eq!(world.counter("positions").await, 0);
    }

    async fn a_payment_that_is_paid_while_it_is_cancelled_is_complete(store) {
        let world = World::start(store).await;
        let (application, id) = charged(&world).await;
        let page = world.follow("online-payment", id).await;
        world.press(&page, "pay").await;
        withdrawn(&world, application, 2).await;
        world.until_state(id, "COMPLETE").await;
        assert_eq!(world.counter("cancelled").await, 0);
    }

    async fn a_payment_made_otherwise_is_complete_and_its_position_is_cancelled(store) {
        let world = World::start(store).await;
        let id = world.pending().await;
        let body = json!({"paid_at": "2025-03-10T09:20:11+01:00", "transaction_id": "bonifico 1"});
        world
            .staff("PATCH", &format!("confirm/{id}"), body, 200)
            .await;
        assert_eq!(world.told(id).await.last().unwrap(), "COMPLETE");
        assert_eq!(
            world.newest(id).await.payload["payment"]["paid_at"],
            "2025-03-10T09:20:11+01:00"
        );
        world.tick().await;
        assert_eq!(world.counter("cancelled").await, 1);
        let refused = world
            .staff("PATCH", &format!("cancel/{id}"), Value::Null, 422)
            .await;
        assert_eq!(
            (refused["code"].as_str(), refused["state"].as_str()),
            (Some("illegal-transition"), Some("COMPLETE"))
        );
        assert_eq!(world.told(id).await.last().unwrap(), "COMPLETE");
    }
}
