//! What the tables hold to: one delivery per event, claims that end, migrations that go both ways.

use std::time::Duration;

use opencity_kernel::clock;
use opencity_kernel::db::DbError;
use opencity_kernel::events::Change;
use opencity_kernel::events::lease::InstanceId;
use serde_json::json;
use uuid::Uuid;
use wiremock::ResponseTemplate;

use super::world::World;
use crate::store::delivery::{self, Claim};
use crate::{INFO, MIGRATIONS, deliveries};

#[tokio::test]
async fn a_delivery_that_a_dead_process_had_claimed_is_sent_by_another_one() {
    let world = World::new().await;
    world.answers(ResponseTemplate::new(200), 10).await;
    let (webhook, _) = world.make(world.wanted(&["2000"])).await.unwrap();
    world
        .application(Uuid::new_v4(), 1, Change::status(None, "2000"), "x")
        .await;
    let claim = |holder: InstanceId, alone: bool, ahead: u64| {
        let claim = Claim {
            holder,
            alone,
            now: clock::now().plus(Duration::from_secs(ahead)),
            lease: Duration::from_secs(60),
        };
        let db = world.module.hooks.ctx.db.clone();
        async move {
            db.write_across::<_, DbError>("test", move |scope| {
                let due = delivery::due(scope, &claim)?;
                delivery::claim(scope, &claim, due, 8)
            })
            .await
            .unwrap()
            .len()
        }
    };
    let (dead, other) = (InstanceId::new(), InstanceId::new());
    assert_eq!(claim(dead, false, 0).await, 1);
    assert_eq!(claim(other, false, 30).await, 0, "the lease is not over");
    assert_eq!(claim(other, false, 61).await, 1, "now it is");
    // On SQLite no other process can live: what it claimed is free at once.
    world.send().await;
    assert_eq!(world.received().await.len(), 1);
    assert_eq!(world.deliveries(webhook.id).await[0].state, "delivered");
}

#[tokio::test]
async fn the_same_event_makes_one_delivery_however_often_it_is_taken() {
    let world = World::new().await;
    let (webhook, _) = world.make(world.wanted(&["all"])).await.unwrap();
    let (event, id) = (opencity_kernel::id::EventId::new(), webhook.id);
    for expected in [true, false] {
        let row = deliveries::new(
            &webhook,
            event,
            Uuid::new_v4().into(),
            "2000",
            &json!({}),
            clock::now(),
        )
        .unwrap();
        let inserted = world
            .module
            .hooks
            .ctx
            .db
            .write::<_, DbError>(world.tenancy, move |scope| delivery::insert(scope, &row))
            .await
            .unwrap();
        assert_eq!(inserted, expected);
    }
    assert_eq!(world.deliveries(id).await.len(), 1);
}

#[tokio::test]
async fn the_migrations_go_down_and_up_again() {
    let world = World::new().await;
    let db = &world.module.hooks.ctx.db;
    let before = db.logical_schema().await.unwrap();
    db.revert(vec![(INFO, MIGRATIONS)]).await.unwrap();
    assert!(
        !db.logical_schema()
            .await
            .unwrap()
            .iter()
            .any(|line| line.starts_with("webhooks_"))
    );
    db.migrate(vec![(INFO, MIGRATIONS)]).await.unwrap();
    assert_eq!(db.logical_schema().await.unwrap(), before);
}
