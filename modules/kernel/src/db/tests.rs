//! Reading, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::mpsc;

use diesel::{Connection, QueryDsl, RunQueryDsl};
use tokio::sync::oneshot;

use super::kernel_tables::kernel_event;
use super::{Database, DatabaseSettings, DbError, Tenancy, TenantScope};
use crate::events::{Change, NewEvent, Topic};
use crate::id::TenantId;

async fn open(url: String) -> Database {
    let settings = DatabaseSettings {
        url: url.into(),
        pool_size: 2,
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

/// A new database of the server, and a connection to the server beside it.
fn on_the_server() -> (String, String, diesel::PgConnection) {
    let server = std::env::var("OPENCITY_TEST_DATABASE_URL")
        .expect("OPENCITY_TEST_DATABASE_URL names no PostgreSQL server: run `make test`, or scripts/postgres start");
    let name = format!("reading_{}", uuid::Uuid::new_v4().simple());
    let mut connection = diesel::PgConnection::establish(&server).unwrap();
    diesel::sql_query(format!("CREATE DATABASE {name}"))
        .execute(&mut connection)
        .unwrap();
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    (url, name, connection)
}

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
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.sqlite");
    let database = open(file.to_string_lossy().into_owned()).await;
    a_read_of_several_statements_sees_one_moment(database).await;
}

#[tokio::test]
async fn reads_see_one_moment_on_postgres() {
    let (url, _, _) = on_the_server();
    a_read_of_several_statements_sees_one_moment(open(url).await).await;
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
