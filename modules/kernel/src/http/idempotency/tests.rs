//! The lease of a key, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use diesel::{Connection, RunQueryDsl};

use super::lease::{Name, Running, begin};
use super::{Created, Refusal};
use crate::db::{Database, DatabaseSettings, Tenancy};
use crate::id::TenantId;
use crate::problem::{Problem, ProblemKind};

/// A migrated database of its own.
async fn open(url: String) -> Database {
    let settings = DatabaseSettings {
        url: url.into(),
        pool_size: 4,
        statement_timeout_seconds: 30,
        busy_timeout_ms: 5000,
        group_commit: 4,
    };
    let database = Database::open(&settings, crate::INFO).unwrap();
    database
        .migrate(vec![(crate::INFO, crate::MIGRATIONS)])
        .await
        .unwrap();
    database
}

async fn on_sqlite() -> (Database, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.sqlite");
    (open(file.to_string_lossy().into_owned()).await, folder)
}

async fn on_postgres() -> Database {
    let server = std::env::var("OPENCITY_TEST_DATABASE_URL")
        .expect("OPENCITY_TEST_DATABASE_URL names no PostgreSQL server: run `make test`, or scripts/postgres start");
    let name = format!("idempotency_{}", uuid::Uuid::new_v4().simple());
    let mut connection = diesel::PgConnection::establish(&server).unwrap();
    diesel::sql_query(format!("CREATE DATABASE {name}"))
        .execute(&mut connection)
        .unwrap();
    open(format!("{}/{name}", server.rsplit_once('/').unwrap().0)).await
}

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
