//! The one connection type over both databases. Its values never leave the kernel.
#![allow(missing_docs, unreachable_patterns)]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "code written by diesel's derive"
)]

use diesel::{PgConnection, SqliteConnection};

#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}
