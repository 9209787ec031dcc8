//! Reading, on both databases.
#![allow(clippy::unwrap_used)]

use std::sync::mpsc;

use diesel::{QueryDsl, RunQueryDsl};
use tokio::sync::oneshot;

use super::fixture::{on_postgres, on_sqlite, on_the_server, open};
use super::kernel_tables::kernel_event;
use super::{Database, DbError, Tenancy, TenantScope};
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
