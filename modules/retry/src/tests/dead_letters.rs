//! Events for which no attempt is left: kept as they came, redriven or discarded.

use opencity_kernel::ProblemKind;
use opencity_kernel::db::DbError;
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_testing::Store;
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::World;
use crate::State;

/// Puts this into the retry queue.
async fn queued(world: &World, body: Value) {
    let entity = world.entity;
    let event = NewEvent::new(Topic::RetryQueue, entity, entity, 1, Change::data(), body);
    world
        .db
        .write::<_, DbError>(world.tenancy, move |scope| scope.emit(event))
        .await
        .unwrap();
}

#[tokio::test]
async fn when_the_attempts_are_used_up_it_is_a_dead_letter_and_a_redrive_brings_it_through() {
    to_a_dead_letter_and_back(World::new(2, 0).await).await;
}

#[tokio::test]
async fn on_postgresql_too_it_becomes_a_dead_letter_and_is_redriven() {
    to_a_dead_letter_and_back(World::on(Store::Postgres, 2, 0).await).await;
}

async fn to_a_dead_letter_and_back(world: World) {
    world.victim.fails_on(1, 3, false);
    world.emit(1).await;
    world.redeliver().await;
    world.redeliver().await;
    let letters = world.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].state, letters[0].attempts, letters[0].permanent),
        (State::Dead, 2, true)
    );
    assert_eq!(
        *world.victim.given_up.lock().unwrap(),
        [1],
        "the consumer was told, once"
    );
    world.redeliver().await;
    assert_eq!(
        *world.victim.tried.lock().unwrap(),
        3,
        "nobody tries it by itself"
    );

    world
        .letters
        .redrive(letters[0].id, "an administrator")
        .await
        .unwrap();
    world.consumers_are_done().await;
    assert_eq!(world.victim.taken(), [1]);
    let letter = world.letters.get(letters[0].id).await.unwrap();
    assert_eq!(letter.letter.state, State::Redriven);
    assert_eq!(
        (
            letter.decisions[0].action.as_str(),
            letter.decisions[0].decided_by.as_str()
        ),
        ("redrive", "an administrator")
    );
    assert_eq!(letter.event["data"]["applicant.name"], "Maria");
    let again = world
        .letters
        .redrive(letters[0].id, "an administrator")
        .await
        .unwrap_err();
    assert_eq!(again.kind(), ProblemKind::Conflict);
}

#[tokio::test]
async fn a_redriven_event_has_all_its_attempts_again_and_dies_as_the_same_letter() {
    let world = World::new(2, 0).await;
    world.victim.fails_on(1, 6, false);
    world.emit(1).await;
    world.redeliver().await;
    world.redeliver().await;
    let letter = world.letters().await[0].id;
    world.letters.redrive(letter, "somebody").await.unwrap();
    world.consumers_are_done().await;
    world.redeliver().await;
    world.redeliver().await;
    let letters = world.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].id, letters[0].state), (letter, State::Dead));
    assert_eq!(
        *world.victim.tried.lock().unwrap(),
        6,
        "three times, twice over"
    );
    world.letters.redrive(letter, "somebody").await.unwrap();
    world.consumers_are_done().await;
    assert_eq!(world.victim.taken(), [1]);
}

#[tokio::test]
async fn a_queue_that_is_read_again_does_not_undo_a_decision() {
    let world = World::new(10, 0).await;
    world.victim.fails_on(1, 1, true);
    world.emit(1).await;
    let letter = world.letters().await[0].id;
    let entry = world.letters.get(letter).await.unwrap().event;
    world
        .letters
        .discard(letter, "a test sent it", "somebody")
        .await
        .unwrap();
    queued(&world, entry).await;
    world.consumers_are_done().await;
    let letters = world.letters().await;
    assert_eq!((letters.len(), letters[0].state), (1, State::Discarded));
}

#[tokio::test]
async fn a_permanent_failure_is_dead_at_once_and_a_discard_lets_the_others_go_on() {
    let world = World::new(10, 0).await;
    world.victim.fails_on(1, 100, true);
    world.emit(1).await;
    world.emit(2).await;
    let letters = world.letters().await;
    assert_eq!(
        letters[0].error.r#type,
        "/docs/problems/event-not-taken#poisoned"
    );
    assert_eq!(world.victim.taken(), [] as [i64; 0], "its key is held");

    let refused = world
        .letters
        .discard(letters[0].id, "  ", "somebody")
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ProblemKind::Validation);
    world
        .letters
        .discard(letters[0].id, "a test sent it", "somebody")
        .await
        .unwrap();
    world.consumers_are_done().await;
    // The one given up is not taken, the next one is.
    world.taken_all(&[2]).await;
    let letter = world.letters.get(letters[0].id).await.unwrap();
    assert_eq!(letter.letter.state, State::Discarded);
    assert_eq!(
        letter.decisions[0].reason.as_deref(),
        Some("a test sent it")
    );
}

#[tokio::test]
async fn what_cannot_go_back_is_kept_as_it_came() {
    let world = World::new(10, 0).await;
    let bodies = [
        json!({"raw": "e25vdCBqc29u", "retry_meta": {"original_topic": "payments", "consumer": "elsewhere"}}),
        json!({"retry_meta": {"original_topic": "nowhere", "consumer": "elsewhere", "original_event_id": Uuid::new_v4()}}),
        json!({"retry_meta": "what is this"}),
    ];
    for body in bodies.clone() {
        queued(&world, body).await;
    }
    world.consumers_are_done().await;
    let letters = world.letters().await;
    assert_eq!(letters.len(), 3);
    for (letter, body) in letters.iter().zip(bodies) {
        let detail = world.letters.get(letter.id).await.unwrap();
        for (key, value) in body.as_object().unwrap() {
            assert_eq!(&detail.event[key], value);
        }
        let refused = world
            .letters
            .redrive(letter.id, "somebody")
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ProblemKind::Conflict);
        world
            .letters
            .discard(letter.id, "nobody knows it", "somebody")
            .await
            .unwrap();
        assert_eq!(
            world.letters.get(letter.id).await.unwrap().letter.state,
            State::Discarded
        );
    }
}
