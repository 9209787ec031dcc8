//! The one connection type over both databases. Its values never leave the kernel.
#![allow(missing_docs, unreachable_patterns)]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "code written by diesel's derive"
)]

use diesel::query_dsl::methods::{ExecuteDsl, LoadQuery};
use diesel::{PgConnection, QueryResult, RunQueryDsl, Selectable, SqliteConnection};

#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// The columns of a row, which are the same on either database. (`as_select` names one of them in the query's type.)
pub trait Columns: Selectable<MultiBackend> {
    /// The columns, in the order of the row's fields.
    #[must_use]
    fn columns() -> Self::SelectExpression {
        Self::construct_selection()
    }
}
impl<R: Selectable<MultiBackend>> Columns for R {}

/// A query that either database answers with rows of `U`, and whose type says all of its text. One that is put together while
/// the program runs (`into_boxed`) is none.
pub trait ReadQuery<'q, U>:
    LoadQuery<'q, PgConnection, U> + LoadQuery<'q, SqliteConnection, U>
{
}
impl<'q, U, Q> ReadQuery<'q, U> for Q where
    Q: LoadQuery<'q, PgConnection, U> + LoadQuery<'q, SqliteConnection, U>
{
}

/// A statement that either database executes.
pub trait WriteStatement: ExecuteDsl<PgConnection> + ExecuteDsl<SqliteConnection> {}
impl<S> WriteStatement for S where S: ExecuteDsl<PgConnection> + ExecuteDsl<SqliteConnection> {}

/// Asked of the database's own connection, a statement is found prepared by its type; asked of [`AnyConnection`], its text is
/// made anew each time, twice.
pub(crate) trait Ask: Sized {
    /// The rows that a query gives.
    fn rows<'q, U>(self, connection: &mut AnyConnection) -> QueryResult<Vec<U>>
    where
        Self: ReadQuery<'q, U>,
    {
        match connection {
            AnyConnection::Postgres(inner) => RunQueryDsl::<PgConnection>::load(self, inner),
            AnyConnection::Sqlite(inner) => RunQueryDsl::<SqliteConnection>::load(self, inner),
        }
    }

    /// The number of rows that a statement touches.
    fn perform(self, connection: &mut AnyConnection) -> QueryResult<usize>
    where
        Self: WriteStatement,
    {
        match connection {
            AnyConnection::Postgres(inner) => ExecuteDsl::<PgConnection>::execute(self, inner),
            AnyConnection::Sqlite(inner) => ExecuteDsl::<SqliteConnection>::execute(self, inner),
        }
    }
}
impl<S> Ask for S {}
