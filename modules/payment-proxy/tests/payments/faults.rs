//! What the faults of the intermediary do to a payment that is being created.

use opencity_kernel::events::Topic;
use opencity_testing::on_both_databases;

use crate::support::World;

const CREATE: &str = "POST /intermediary/positions";

on_both_databases! {
    async fn a_slow_intermediary_is_waited_for(store) {
        let world = World::start(store).await;
        world.fault("slow", Some(1), 1000, CREATE).await;
        world.pending().await;
        assert!(world.events(Topic::RetryQueue).await.is_empty());
    }

    async fn an_intermediary_that_is_down_is_asked_again_later(store) {
        let world = World::start(store).await;
        world.fault("down", Some(1), 0, CREATE).await;
        let id = world.request(|_| ()).await;
        world.until_retried(1).await;
        assert_eq!(world.told(id).await, ["CREATION_PENDING"]);
        world.redeliver(1).await;
        world.until_state(id, "PAYMENT_PENDING").await;
        assert_eq!(world.counter("positions").await, 1);
    }

    async fn an_answer_that_was_lost_leads_to_the_same_position(store) {
        let world = World::start(store).await;
        world
            .fault("accept_then_timeout", Some(1), 4000, CREATE)
            .await;
        let id = world.request(|_| ()).await;
        world.until_retried(1).await;
        assert_eq!(world.counter("positions").await, 1);
        world.redeliver(1).await;
        world.until_state(id, "PAYMENT_PENDING").await;
        assert_eq!(world.counter("positions").await, 1);
        assert_eq!(
            world.told(id).await,
            ["CREATION_PENDING", "PAYMENT_PENDING"]
        );
    }

    async fn a_refused_payment_fails_and_holds_nothing_up(store) {
        let world = World::start(store).await;
        world.fault("refuse", Some(1), 0, CREATE).await;
        let refused = world.request(|_| ()).await;
        world.until_state(refused, "CREATION_FAILED").await;
        assert!(world.events(Topic::RetryQueue).await.is_empty());
        world.pending().await;
    }

    async fn a_payment_whose_attempts_are_used_up_fails(store) {
        let world = World::start(store).await;
        world.fault("down", None, 0, CREATE).await;
        let id = world.request(|_| ()).await;
        world.until_retried(1).await;
        world.redeliver(10).await;
        world.until_state(id, "CREATION_FAILED").await;
    }
}
