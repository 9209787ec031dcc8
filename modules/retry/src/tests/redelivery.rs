//! An event that fails is taken later, not before its time, and those behind it wait.

use super::world::World;

#[tokio::test]
async fn an_event_that_fails_for_a_while_is_taken_later_and_those_behind_it_keep_their_order() {
    let world = World::new(10, 0).await;
    world.victim.fails_on(1, 3, false);
    world.emit(1).await;
    world.emit(2).await;
    assert_eq!(
        world.victim.taken(),
        [] as [i64; 0],
        "the second one waits behind the first"
    );
    for attempt in 1..=3 {
        assert_eq!(world.waiting().await[0].attempt, attempt);
        world.redeliver().await;
    }
    world.emit(3).await;
    world.taken_all(&[1, 2, 3]).await;
    assert!(world.waiting().await.is_empty() && world.letters().await.is_empty());
}

#[tokio::test]
async fn nothing_is_delivered_before_its_time() {
    let world = World::new(10, 3600).await;
    world.victim.fails_on(1, 1, false);
    world.emit(1).await;
    world.redeliver().await;
    assert_eq!(world.victim.taken(), [] as [i64; 0]);
    let waiting = world.waiting().await;
    let wait = waiting[0]
        .next_attempt_at
        .since(waiting[0].created_at)
        .as_secs();
    assert!(
        (2880..=4320).contains(&wait),
        "an hour, a fifth more or less, not {wait} s"
    );
}
