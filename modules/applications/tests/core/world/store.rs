//! The two databases.

use uuid::Uuid;

/// Which database.
#[derive(Clone, Copy, Debug)]
pub enum Store {
    Sqlite,
    Postgres,
}

impl Store {
    /// The address of a new database; of PostgreSQL on the server that `OPENCITY_TEST_DATABASE_URL` names (`make test` starts one).
    pub fn url(self) -> String {
        use diesel::{Connection, RunQueryDsl};
        if matches!(self, Self::Sqlite) {
            return String::new();
        }
        let server = std::env::var("OPENCITY_TEST_DATABASE_URL").expect(
            "OPENCITY_TEST_DATABASE_URL names no PostgreSQL server: run `make test`, or scripts/postgres start",
        );
        let name = format!("applications_{}", Uuid::new_v4().simple());
        let mut connection =
            diesel::PgConnection::establish(&server).expect("the PostgreSQL server answers");
        diesel::sql_query(format!("CREATE DATABASE {name}"))
            .execute(&mut connection)
            .unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        format!("{base}/{name}")
    }
}

/// Tests that hold on both databases.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$doc:meta])* async fn $name:ident($store:ident) $body:block)*) => {
        $($(#[$doc])* async fn $name($store: $crate::world::Store) $body)*
        mod on_sqlite {
            $(#[actix_web::test]
            async fn $name() { super::$name($crate::world::Store::Sqlite).await; })*
        }
        mod on_postgres {
            $(#[actix_web::test]
            async fn $name() { super::$name($crate::world::Store::Postgres).await; })*
        }
    };
}
