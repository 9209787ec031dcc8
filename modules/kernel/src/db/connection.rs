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

/// A query that either database answers with rows of `U`. Asked of the database's own connection, a statement whose type says
/// all of its text is found prepared by its type; asked of [`AnyConnection`], its text is made anew each time, twice.
pub trait ReadQuery<'q, U> {
    /// Asks it.
    #[doc(hidden)]
    fn rows(self, connection: &mut AnyConnection) -> QueryResult<Vec<U>>;
}

impl<'q, U, Q> ReadQuery<'q, U> for Q
where
    Q: LoadQuery<'q, PgConnection, U> + LoadQuery<'q, SqliteConnection, U>,
{
    fn rows(self, connection: &mut AnyConnection) -> QueryResult<Vec<U>> {
        match connection {
            AnyConnection::Postgres(inner) => RunQueryDsl::<PgConnection>::load(self, inner),
            AnyConnection::Sqlite(inner) => RunQueryDsl::<SqliteConnection>::load(self, inner),
        }
    }
}

/// A query that is put together while the program runs (`into_boxed`): its type does not say its text.
#[derive(Debug)]
pub struct Boxed<Q>(pub Q);

impl<'q, U, Q: LoadQuery<'q, AnyConnection, U>> ReadQuery<'q, U> for Boxed<Q> {
    fn rows(self, connection: &mut AnyConnection) -> QueryResult<Vec<U>> {
        self.0.load(connection)
    }
}

/// A statement that either database executes, prepared as a [`ReadQuery`] is.
pub trait WriteStatement {
    /// Executes it: the number of rows that it touches.
    #[doc(hidden)]
    fn perform(self, connection: &mut AnyConnection) -> QueryResult<usize>;
}

impl<S: ExecuteDsl<PgConnection> + ExecuteDsl<SqliteConnection>> WriteStatement for S {
    fn perform(self, connection: &mut AnyConnection) -> QueryResult<usize> {
        match connection {
            AnyConnection::Postgres(inner) => ExecuteDsl::<PgConnection>::execute(self, inner),
            AnyConnection::Sqlite(inner) => ExecuteDsl::<SqliteConnection>::execute(self, inner),
        }
    }
}
