//! What the tests of several modules need: tokens that a test signs itself, databases of its own, a platform with one module and
//! what works in it. No part of the program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod platform;
mod tokens;

use std::path::Path;

use diesel::{Connection as _, RunQueryDsl as _};
use uuid::Uuid;

pub use platform::{Running, platform};
pub use tokens::Issuer;

/// Where a test keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// A file.
    Sqlite,
    /// A database on the server that `OPENCITY_TEST_DATABASE_URL` names; `make test` starts one.
    Postgres,
}

impl Store {
    /// The address of a new database; a file is made in `folder`.
    #[must_use]
    pub fn url(self, folder: &Path) -> String {
        if self == Self::Sqlite {
            return folder.join("test.sqlite").to_string_lossy().into_owned();
        }
        let server = std::env::var("OPENCITY_TEST_DATABASE_URL").expect(
            "OPENCITY_TEST_DATABASE_URL names no PostgreSQL server: run `make test`, or scripts/postgres start",
        );
        let name = format!("test_{}", Uuid::new_v4().simple());
        let mut connection =
            diesel::PgConnection::establish(&server).expect("the PostgreSQL server answers");
        diesel::sql_query(format!("CREATE DATABASE {name}"))
            .execute(&mut connection)
            .unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        format!("{base}/{name}")
    }
}

/// Tests that hold on both databases: functions with their bodies, or the names of functions that there are, behind the
/// attribute that makes a test of each.
#[macro_export]
macro_rules! on_both_databases {
    (#[$test:meta] $($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[$test]
            async fn $name() { super::$name($crate::Store::Sqlite).await; })*
        }
        mod on_postgres {
            $(#[$test]
            async fn $name() { super::$name($crate::Store::Postgres).await; })*
        }
    };
    ($(async fn $name:ident($store:ident) $body:block)*) => {
        $(async fn $name($store: $crate::Store) $body)*
        $crate::on_both_databases! { #[tokio::test(flavor = "multi_thread")] $($name),* }
    };
}
