//! Reading, on both databases.
#![allow(clippy::unwrap_used)]

use std::sync::mpsc;

use diesel::{QueryDsl, RunQueryDsl};
use tokio::sync::oneshot;

use super::fixture::{connect, on_postgres, on_sqlite, on_the_server, open};
use super::kernel_tables::kernel_event;
use super::{Database, DbError, DbResult, Migration, Tenancy, TenantScope};
use crate::events::{Change, NewEvent, Topic};
use crate::id::TenantId;

fn count(scope: &mut TenantScope<'_>) -> Result<i64, DbError> {
    Ok(kernel_event::table
        .count()
        .get_result(&mut *scope.connection)?)
}

async fn a_read_of_several_statements_sees_one_moment(database: Database) {
    let tenancy = Tenancy::new(TenantId::new());
    let (has_begun, begun) = oneshot::channel();
    let (go_on, going_on) = mpsc::channel();
    let reading = tokio::spawn({
        let database = database.clone();
        async move {
            database
                .read::<_, DbError>(tenancy, move |scope| {
                    let first = count(scope)?;
                    has_begun.send(()).unwrap();
                    going_on.recv().unwrap();
                    Ok((first, count(scope)?))
                })
                .await
        }
    });
    begun.await.unwrap();
    database
        .write::<_, DbError>(tenancy, |scope| {
            let id = uuid::Uuid::now_v7();
            let body = serde_json::json!({});
            scope.emit(NewEvent::new(
                Topic::Messages,
                id,
                id,
                1,
                Change::data(),
                body,
            ))
        })
        .await
        .unwrap();
    go_on.send(()).unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), (0, 0));
    let now = database.read::<_, DbError>(tenancy, count).await.unwrap();
    assert_eq!(now, 1);
    database.close().await;
}

#[tokio::test]
async fn reads_see_one_moment_on_sqlite() {
    let (database, _folder) = on_sqlite().await;
    a_read_of_several_statements_sees_one_moment(database).await;
}

#[tokio::test]
async fn reads_see_one_moment_on_postgres() {
    a_read_of_several_statements_sees_one_moment(on_postgres().await).await;
}

#[tokio::test]
async fn connections_that_the_server_has_closed_are_opened_anew() {
    let (url, name, mut server) = on_the_server();
    let database = open(url).await;
    let tenancy = Tenancy::new(TenantId::new());
    for _ in 0..2 {
        diesel::sql_query(format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND backend_type = 'client backend'"
        ))
        .execute(&mut server)
        .unwrap();
        let read = database.read::<_, DbError>(tenancy, count).await;
        assert_eq!(read.unwrap(), 0);
        database.ping().await.unwrap();
    }
}

/// Processes that start together: one migrates, the others wait and find nothing left to do.
async fn of_many_that_migrate_at_once_one_does_it(url: String) {
    let databases: Vec<Database> = (0..8).map(|_| connect(url.clone())).collect();
    let migrations = databases
        .iter()
        .map(|database| database.migrate(vec![(crate::INFO, crate::MIGRATIONS)]));
    let applied: Vec<Vec<String>> = futures::future::join_all(migrations)
        .await
        .into_iter()
        .collect::<DbResult<_>>()
        .unwrap();
    let expected: Vec<String> = crate::MIGRATIONS
        .iter()
        .map(|migration| format!("{}: {}", crate::INFO.name, migration.name))
        .collect();
    assert_eq!(applied.concat(), expected);
    for database in databases {
        database.ping().await.unwrap();
        database.close().await;
    }
}

#[tokio::test]
async fn of_many_that_migrate_at_once_one_does_it_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.sqlite");
    of_many_that_migrate_at_once_one_does_it(file.to_string_lossy().into_owned()).await;
}

#[tokio::test]
async fn of_many_that_migrate_at_once_one_does_it_on_postgres() {
    of_many_that_migrate_at_once_one_does_it(on_the_server().0).await;
}

const fn step(name: &'static str, sql: &'static str, min_compatible: i64) -> Migration {
    Migration {
        name,
        up: [sql, sql],
        down: ["", ""],
        min_compatible,
    }
}

/// The second adds, so the code before it goes on; the third takes away what that code reads.
const STEPS: &[Migration] = &[
    step("1_first", "CREATE TABLE step (one TEXT)", 1),
    step("2_adds", "ALTER TABLE step ADD two TEXT", 1),
    step("3_takes_away", "ALTER TABLE step DROP COLUMN one", 2),
];

async fn an_older_process_starts_as_long_as_the_schema_lets_it(url: String) {
    let starts = async |known: usize| {
        let database = connect(url.clone());
        let steps = STEPS.split_at(known).0;
        let outcome = database.migrate(vec![(crate::INFO, steps)]).await;
        database.close().await;
        outcome
    };
    assert_eq!(starts(1).await.unwrap().len(), 1);
    assert_eq!(starts(2).await.unwrap().len(), 1);
    assert!(starts(1).await.unwrap().is_empty());
    assert_eq!(starts(3).await.unwrap().len(), 1);
    assert!(starts(2).await.unwrap().is_empty());
    let refusal = starts(1).await.unwrap_err().to_string();
    assert!(refusal.contains("start a newer version"), "{refusal}");
}

#[tokio::test]
async fn an_older_process_starts_as_long_as_the_schema_lets_it_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.sqlite");
    an_older_process_starts_as_long_as_the_schema_lets_it(file.to_string_lossy().into_owned())
        .await;
}

#[tokio::test]
async fn an_older_process_starts_as_long_as_the_schema_lets_it_on_postgres() {
    an_older_process_starts_as_long_as_the_schema_lets_it(on_the_server().0).await;
}
