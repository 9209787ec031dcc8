//! The lease of a key, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::lease::{Name, Running, begin};
use super::{Created, Refusal};
use crate::db::fixture::{on_postgres, on_sqlite};
use crate::db::{Database, Tenancy};
use crate::id::TenantId;
use crate::problem::{Problem, ProblemKind};

struct Caller(Tenancy);

impl Caller {
    async fn begins(&self, database: &Database, body: &str) -> Result<Running, Refusal> {
        let name = Name {
            key: "key".to_owned(),
            route: "POST /things".to_owned(),
        };
        begin(database, name, self.0, "caller".to_owned(), body.to_owned()).await
    }
}

async fn ends(database: &Database, running: Running) -> Result<(), Problem> {
    let tenancy = running.tenancy;
    let created = Created::new(None, &"made").unwrap();
    database
        .write(tenancy, move |scope| running.keep(scope, &created))
        .await
}

fn kind<T>(outcome: Result<T, Refusal>) -> ProblemKind {
    match outcome {
        Err(Refusal::Problem(problem)) => problem.kind(),
        _ => panic!("no problem"),
    }
}

async fn a_key_is_held_and_answers(database: Database) {
    let caller = Caller(Tenancy::from_row(TenantId::new()));
    let first = caller.begins(&database, "a").await.unwrap();
    let same = caller.begins(&database, "a").await;
    assert_eq!(kind(same), ProblemKind::IdempotencyRunning);
    let other = caller.begins(&database, "b").await;
    assert_eq!(kind(other), ProblemKind::IdempotencyMismatch);
    // The same key of another tenant is another one.
    let stranger = Caller(Tenancy::from_row(TenantId::new()));
    stranger.begins(&database, "b").await.unwrap();

    // Who made nothing leaves the key free, for another body too.
    first.release(&database).await;
    let second = caller.begins(&database, "b").await.unwrap();
    ends(&database, second).await.unwrap();
    let again = caller.begins(&database, "b").await;
    assert!(matches!(again, Err(Refusal::Answered(created)) if created.body == "\"made\""));
    let other = caller.begins(&database, "a").await;
    assert_eq!(kind(other), ProblemKind::IdempotencyMismatch);
}

#[tokio::test]
async fn a_key_is_held_and_answers_on_sqlite() {
    let (database, _folder) = on_sqlite().await;
    a_key_is_held_and_answers(database).await;
}

#[tokio::test]
async fn a_key_is_held_and_answers_on_postgres() {
    a_key_is_held_and_answers(on_postgres().await).await;
}

#[cfg(feature = "faults")]
async fn a_key_whose_request_died_is_free_after_its_lease(database: Database) {
    let caller = Caller(Tenancy::from_row(TenantId::new()));
    let dead = caller.begins(&database, "a").await.unwrap();
    crate::clock::advance(super::lease::LEASE);
    let next = caller.begins(&database, "a").await.unwrap();
    // It was not dead, only slow: what it made is undone.
    let late = ends(&database, dead).await.unwrap_err();
    assert_eq!(late.kind(), ProblemKind::IdempotencyRunning);
    ends(&database, next).await.unwrap();
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_key_whose_request_died_is_free_after_its_lease_on_sqlite() {
    let (database, _folder) = on_sqlite().await;
    a_key_whose_request_died_is_free_after_its_lease(database).await;
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_key_whose_request_died_is_free_after_its_lease_on_postgres() {
    a_key_whose_request_died_is_free_after_its_lease(on_postgres().await).await;
}

#[cfg(feature = "faults")]
async fn an_answer_is_kept_for_24_hours(database: Database) {
    use crate::scheduler::Task as _;
    let caller = Caller(Tenancy::from_row(TenantId::new()));
    let sweep = crate::sweep::Sweep::new(database.clone());
    let first = caller.begins(&database, "a").await.unwrap();
    ends(&database, first).await.unwrap();
    crate::clock::advance(std::time::Duration::from_secs(24 * 3600 - 60));
    sweep.run().await.unwrap();
    let again = caller.begins(&database, "a").await;
    assert!(matches!(again, Err(Refusal::Answered(_))));
    crate::clock::advance(std::time::Duration::from_secs(120));
    sweep.run().await.unwrap();
    let anew = caller.begins(&database, "b").await.unwrap();
    ends(&database, anew).await.unwrap();
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn an_answer_is_kept_for_24_hours_on_sqlite() {
    let (database, _folder) = on_sqlite().await;
    an_answer_is_kept_for_24_hours(database).await;
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn an_answer_is_kept_for_24_hours_on_postgres() {
    an_answer_is_kept_for_24_hours(on_postgres().await).await;
}
