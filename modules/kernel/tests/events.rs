//! Events, on both databases: what a module can rely on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use opencity_kernel::db::{DbError, Tenancy, WriteScope};
use opencity_kernel::events::{
    Change, Consumer, Event, HandleError, NewEvent, Next, OrderingKey, Redelivery, Settle, Topic,
};
use opencity_kernel::id::{Id, TenantId};
use serde_json::json;
use support::{Place, Running, eventually, on_both};
use uuid::Uuid;

/// What an entity of the tests is.
enum Thing {}

fn event(entity: Uuid, number: i64) -> NewEvent {
    NewEvent::new(
        Topic::Messages,
        entity,
        entity,
        number,
        Change::data(),
        json!({"number": number}),
    )
}

async fn write(place: &Place, tenancy: Tenancy, entity: Uuid, numbers: std::ops::Range<i64>) {
    for number in numbers {
        place
            .database
            .write::<_, DbError>(tenancy, move |scope| {
                scope.emit(event(entity, number)).map(|_| ())
            })
            .await
            .unwrap();
    }
}

fn tenancy() -> Tenancy {
    Tenancy::from_row(TenantId::new())
}

type Verdict = Box<dyn Fn(&Event) -> Result<Next, HandleError> + Send + Sync>;

/// Remembers what it has taken, and does as it is told.
struct Listener {
    taken: Arc<Mutex<Vec<(Uuid, i64)>>>,
    verdict: Verdict,
    given_up: Arc<AtomicUsize>,
}

impl Listener {
    fn new(
        verdict: impl Fn(&Event) -> Result<Next, HandleError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            taken: Arc::default(),
            verdict: Box::new(verdict),
            given_up: Arc::default(),
        })
    }
    fn numbers(&self, entity: Uuid) -> Vec<i64> {
        self.taken
            .lock()
            .unwrap()
            .iter()
            .filter(|(of, _)| *of == entity)
            .map(|(_, number)| *number)
            .collect()
    }
}

fn number(event: &Event) -> i64 {
    event.payload["number"].as_i64().unwrap()
}

#[async_trait]
impl Consumer for Listener {
    fn name(&self) -> &'static str {
        "test.listener"
    }
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Messages]
    }
    fn handle(&self, _scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let next = (self.verdict)(event)?;
        self.taken
            .lock()
            .unwrap()
            .push((event.entity, number(event)));
        Ok(next)
    }
    fn give_up(
        &self,
        _scope: &mut WriteScope<'_>,
        _event: &Event,
        _failure: &opencity_kernel::events::Failure,
    ) -> Result<(), HandleError> {
        self.given_up.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Sends every entry of the queue back at once, as an administrator would.
struct Redeliver {
    discard: bool,
}

#[async_trait]
impl Consumer for Redeliver {
    fn name(&self) -> &'static str {
        "test.redeliver"
    }
    fn topics(&self) -> &'static [Topic] {
        &[Topic::RetryQueue]
    }
    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }
    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let attempt = event.retry_meta().unwrap().attempt + 1;
        let again = Redelivery::of(
            &event.payload,
            json!({"attempt": attempt, "discarded": self.discard}),
        )
        .unwrap();
        scope.emit(again)?;
        Ok(Next::Done)
    }
}

on_both!(events_arrive_once_and_in_order, |place: Place| async move {
    let listener = Listener::new(|_| Ok(Next::Done));
    let running = Running::start(&place, vec![listener.clone()]).await;
    let (tenancy, entity) = (tenancy(), Uuid::now_v7());
    write(&place, tenancy, entity, 1..51).await;
    eventually(|| listener.numbers(entity).len() >= 50).await;
    assert_eq!(listener.numbers(entity), (1..51).collect::<Vec<_>>());
    running.stop().await;

    // Started again, it goes on where it was.
    let running = Running::start(&place, vec![listener.clone()]).await;
    write(&place, tenancy, entity, 51..53).await;
    eventually(|| listener.numbers(entity).len() >= 52).await;
    assert_eq!(listener.numbers(entity), (1..53).collect::<Vec<_>>());
    running.stop().await;
});

on_both!(
    an_undone_transaction_leaves_no_event,
    |place: Place| async move {
        let listener = Listener::new(|_| Ok(Next::Done));
        let running = Running::start(&place, vec![listener.clone()]).await;
        let (tenancy, entity) = (tenancy(), Uuid::now_v7());
        let refused = place
            .database
            .write::<(), DbError>(tenancy, move |scope| {
                scope.emit(event(entity, 1))?;
                Err(DbError::Conflict)
            })
            .await;
        assert!(matches!(refused, Err(DbError::Conflict)));
        write(&place, tenancy, entity, 2..3).await;
        eventually(|| !listener.numbers(entity).is_empty()).await;
        assert_eq!(listener.numbers(entity), [2]);
        running.stop().await;
    }
);

on_both!(
    an_event_that_must_wait_holds_back_only_its_own_key,
    |place: Place| async move {
        let failures = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&failures);
        let stuck = Uuid::now_v7();
        let listener = Listener::new(move |event| {
            if event.entity == stuck
                && number(event) == 1
                && seen.fetch_add(1, Ordering::SeqCst) < 3
            {
                return Err(HandleError::temporary("busy", "the other side is busy"));
            }
            Ok(Next::Done)
        });
        let free = Uuid::now_v7();
        let tenancy = tenancy();
        // Without a retry, the key waits and the others go on.
        let running = Running::start(&place, vec![listener.clone()]).await;
        write(&place, tenancy, stuck, 1..6).await;
        write(&place, tenancy, free, 1..4).await;
        eventually(|| listener.numbers(free).len() == 3).await;
        assert_eq!(listener.numbers(stuck), Vec::<i64>::new());
        running.stop().await;
        // With it, the event comes back, and what was parked follows in its order.
        let running = Running::start(
            &place,
            vec![listener.clone(), Arc::new(Redeliver { discard: false })],
        )
        .await;
        eventually(|| listener.numbers(stuck).len() >= 5).await;
        write(&place, tenancy, stuck, 6..7).await;
        eventually(|| listener.numbers(stuck).len() >= 6).await;
        assert_eq!(listener.numbers(stuck), (1..7).collect::<Vec<_>>());
        assert_eq!(failures.load(Ordering::SeqCst), 4);
        running.stop().await;
    }
);

on_both!(
    a_dead_letter_tells_its_entity_and_a_discard_lets_the_key_go_on,
    |place: Place| async move {
        let listener = Listener::new(|event| {
            if number(event) == 1 {
                return Err(HandleError::permanent(
                    "refused",
                    "the other side refuses this for ever",
                ));
            }
            Ok(Next::Done)
        });
        let entity = Uuid::now_v7();
        let running = Running::start(
            &place,
            vec![listener.clone(), Arc::new(Redeliver { discard: true })],
        )
        .await;
        write(&place, tenancy(), entity, 1..4).await;
        eventually(|| listener.numbers(entity).len() >= 2).await;
        assert_eq!(listener.numbers(entity), [2, 3]);
        assert_eq!(listener.given_up.load(Ordering::SeqCst), 1);
        running.stop().await;
    }
);

on_both!(attempts_end_in_a_dead_letter, |place: Place| async move {
    let listener = Listener::new(|_| Err(HandleError::temporary("busy", "the other side is busy")));
    let running = Running::start(
        &place,
        vec![listener.clone(), Arc::new(Redeliver { discard: false })],
    )
    .await;
    write(&place, tenancy(), Uuid::now_v7(), 1..2).await;
    eventually(|| listener.given_up.load(Ordering::SeqCst) >= 1).await;
    running.stop().await;
});

/// Calls an outside system that counts, and may hang.
struct Calling {
    calls: Arc<AtomicUsize>,
    settled: Arc<AtomicUsize>,
    hang_first: bool,
}

#[async_trait]
impl Consumer for Calling {
    fn name(&self) -> &'static str {
        "test.calling"
    }
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Messages]
    }
    fn handle(&self, _scope: &mut WriteScope<'_>, _event: &Event) -> Result<Next, HandleError> {
        Ok(Next::Call)
    }
    async fn call(&self, _event: &Event) -> Result<Settle, HandleError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) == 0 && self.hang_first {
            std::future::pending::<()>().await;
        }
        let settled = Arc::clone(&self.settled);
        Ok(Box::new(move |scope| {
            settled.fetch_add(1, Ordering::SeqCst);
            let id: Id<Thing> = Id::new();
            scope.emit(NewEvent::new(
                Topic::Deliveries,
                id,
                id,
                1,
                Change::created(),
                json!({}),
            ))?;
            Ok(())
        }))
    }
}

on_both!(
    a_call_that_was_cut_off_is_made_again_and_settled_once,
    |place: Place| async move {
        let consumer = Arc::new(Calling {
            calls: Arc::default(),
            settled: Arc::default(),
            hang_first: true,
        });
        let (calls, settled) = (Arc::clone(&consumer.calls), Arc::clone(&consumer.settled));
        let entity = Uuid::now_v7();
        let running = Running::start(&place, vec![consumer.clone()]).await;
        write(&place, tenancy(), entity, 1..4).await;
        eventually(|| calls.load(Ordering::SeqCst) == 1).await;
        running.abandon();
        let running = Running::start(&place, vec![consumer]).await;
        while place.count("deliveries").await < 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(calls.load(Ordering::SeqCst), 4);
        assert_eq!(settled.load(Ordering::SeqCst), 3);
        running.stop().await;
    }
);

on_both!(
    who_waits_for_a_replica_sees_what_was_written_before,
    |place: Place| async move {
        let listener = Listener::new(|_| Ok(Next::Done));
        let running = Running::start(&place, vec![listener.clone()]).await;
        let (tenancy, entity) = (tenancy(), Uuid::now_v7());
        for round in 1..20 {
            write(&place, tenancy, entity, round..round + 1).await;
            let caught_up = running
                .bus
                .caught_up(&place.database, "test", Duration::from_secs(10))
                .await
                .unwrap();
            assert!(caught_up);
            assert_eq!(listener.numbers(entity).len() as i64, round);
        }
        running.stop().await;
    }
);

on_both!(a_replay_takes_the_log_again, |place: Place| async move {
    let listener = Listener::new(|_| Ok(Next::Done));
    let running = Running::start(&place, vec![listener.clone()]).await;
    let entity = Uuid::now_v7();
    write(&place, tenancy(), entity, 1..4).await;
    eventually(|| listener.numbers(entity).len() == 3).await;
    assert!(
        opencity_kernel::events::replay(&place.database, "test.listener".to_owned(), 0)
            .await
            .unwrap()
    );
    assert!(
        !opencity_kernel::events::replay(&place.database, "no.such".to_owned(), 0)
            .await
            .unwrap()
    );
    eventually(|| listener.numbers(entity).len() >= 6).await;
    assert_eq!(listener.numbers(entity), [1, 2, 3, 1, 2, 3]);
    running.stop().await;
});

on_both!(
    many_writers_and_a_slow_one_lose_nothing_and_keep_each_order,
    |place: Place| async move {
        let listener = Listener::new(|_| Ok(Next::Done));
        let running = Running::start(&place, vec![listener.clone()]).await;
        let tenancy = tenancy();
        let entities: Vec<Uuid> = (0..8).map(|_| Uuid::now_v7()).collect();
        let slow = Uuid::now_v7();
        let (begun, wait) = std::sync::mpsc::channel::<()>();
        let database = place.database.clone();
        let postgres = database.is_postgres();
        // On PostgreSQL its rows get early numbers and become visible late.
        let late = tokio::spawn(async move {
            database
                .write::<_, DbError>(tenancy, move |scope| {
                    scope.emit(event(slow, 1))?;
                    if postgres {
                        let _ = wait.recv_timeout(Duration::from_secs(20));
                    }
                    scope.emit(event(slow, 2)).map(|_| ())
                })
                .await
                .unwrap();
        });
        let writers: Vec<_> = entities
            .iter()
            .map(|entity| {
                let (database, entity) = (place.database.clone(), *entity);
                tokio::spawn(async move {
                    for number in 1..31 {
                        database
                            .write::<_, DbError>(tenancy, move |scope| {
                                scope.emit(event(entity, number)).map(|_| ())
                            })
                            .await
                            .unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        eventually(|| {
            entities
                .iter()
                .all(|entity| listener.numbers(*entity).len() >= 30)
        })
        .await;
        drop(begun);
        late.await.unwrap();
        eventually(|| listener.numbers(slow).len() >= 2).await;
        for entity in &entities {
            assert_eq!(listener.numbers(*entity), (1..31).collect::<Vec<_>>());
        }
        assert_eq!(listener.numbers(slow), [1, 2]);
        running.stop().await;
    }
);

on_both!(
    work_is_woken_after_the_commit_and_not_by_what_is_undone,
    |place: Place| async move {
        // The whole place, or its folder would be gone by now.
        let place = &place;
        let tenancy = tenancy();
        let seen = Arc::new(Mutex::new(Vec::new()));
        for (mark, fails) in [("kept", false), ("undone", true)] {
            let seen = Arc::clone(&seen);
            let entity = Uuid::now_v7();
            let written = place
                .database
                .write::<_, DbError>(tenancy, move |scope| {
                    scope.emit(event(entity, 1))?;
                    let undone: Result<(), DbError> = scope.savepoint(|scope| {
                        scope.after_commit(|| panic!("of a savepoint that was undone"));
                        Err(DbError::Conflict)
                    });
                    assert!(undone.is_err());
                    scope.after_commit(move || seen.lock().unwrap().push(mark));
                    if fails {
                        Err(DbError::Conflict)
                    } else {
                        Ok(())
                    }
                })
                .await;
            assert_eq!(written.is_err(), fails);
        }
        assert_eq!(*seen.lock().unwrap(), ["kept"]);
    }
);

on_both!(the_sweep_is_understood, |place: Place| async move {
    use opencity_kernel::scheduler::Task;
    // The whole place, or its folder would be gone by now.
    let place = &place;
    let sweep = opencity_kernel::sweep::Sweep::new(place.database.clone());
    assert!(!sweep.run().await.unwrap());
});

/// Several processes on one PostgreSQL database.
mod processes {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_waits_for_a_replica_beside_the_process_that_leads_sees_what_was_written_before() {
        let place = Place::postgres().await;
        let other = place.again();
        let (listener, idle) = (
            Listener::new(|_| Ok(Next::Done)),
            Listener::new(|_| Ok(Next::Done)),
        );
        let leads = Running::start(&place, vec![listener.clone()]).await;
        let waits = Running::start(&other, vec![idle.clone()]).await;
        let (tenancy, entity) = (tenancy(), Uuid::now_v7());
        for round in 1..10 {
            write(&other, tenancy, entity, round..round + 1).await;
            let caught_up = waits
                .bus
                .caught_up(&other.database, "test", Duration::from_secs(20))
                .await
                .unwrap();
            assert!(caught_up);
            assert_eq!(listener.numbers(entity).len() as i64, round);
        }
        assert!(idle.numbers(entity).is_empty());
        waits.stop().await;
        leads.stop().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_process_that_is_killed_is_replaced_without_loss_and_in_order() {
        let place = Place::postgres().await;
        let listener = Listener::new(|_| Ok(Next::Done));
        let mut processes = Vec::new();
        for _ in 0..3 {
            let own = place.again();
            let running = Running::start(&own, vec![listener.clone()]).await;
            processes.push((own, running));
        }
        let tenancy = tenancy();
        let entities: Vec<Uuid> = (0..6).map(|_| Uuid::now_v7()).collect();
        let writers: Vec<_> = entities
            .iter()
            .map(|entity| {
                let (place, entity) = (place.again(), *entity);
                tokio::spawn(async move { write(&place, tenancy, entity, 1..61).await })
            })
            .collect();
        // Whoever leads dies in the middle of it, twice.
        for killed in 1..3 {
            eventually(|| listener.numbers(entities[0]).len() >= 10 * killed).await;
            let (_own, running) = processes.remove(0);
            running.abandon();
        }
        for writer in writers {
            writer.await.unwrap();
        }
        eventually(|| {
            entities
                .iter()
                .all(|entity| listener.numbers(*entity).len() >= 60)
        })
        .await;
        for entity in &entities {
            assert_eq!(listener.numbers(*entity), (1..61).collect::<Vec<_>>());
        }
        for (_own, running) in processes {
            running.stop().await;
        }
    }
}
