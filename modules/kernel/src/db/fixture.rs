//! Databases for the kernel's own tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use diesel::{Connection, PgConnection, RunQueryDsl};

use super::{Database, DatabaseSettings};

/// A migrated database.
pub(crate) async fn open(url: String) -> Database {
    let database = connect(url);
    database
        .migrate(vec![(crate::INFO, crate::MIGRATIONS)])
        .await
        .unwrap();
    database
}

/// A database as it is, as a process of its own has it.
pub(crate) fn connect(url: String) -> Database {
    let settings = DatabaseSettings {
        url: url.into(),
        pool_size: 4,
        statement_timeout_seconds: 30,
        busy_timeout_ms: 5000,
        group_commit: 4,
    };
    Database::open(&settings, crate::INFO).unwrap()
}

/// A migrated database in a file of its own.
pub(crate) async fn on_sqlite() -> (Database, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.sqlite");
    (open(file.to_string_lossy().into_owned()).await, folder)
}

/// A migrated database of its own on the server of the tests.
pub(crate) async fn on_postgres() -> Database {
    let (url, ..) = on_the_server();
    open(url).await
}

/// An empty database on the server of the tests: where it is, its name, and a connection to the server beside it.
pub(crate) fn on_the_server() -> (String, String, PgConnection) {
    let server = std::env::var("OPENCITY_TEST_DATABASE_URL")
        .expect("OPENCITY_TEST_DATABASE_URL names no PostgreSQL server: run `make test`, or scripts/postgres start");
    let name = format!("kernel_{}", uuid::Uuid::new_v4().simple());
    let mut connection = PgConnection::establish(&server).unwrap();
    diesel::sql_query(format!("CREATE DATABASE {name}"))
        .execute(&mut connection)
        .unwrap();
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    (url, name, connection)
}
