//! The platform's database, looked at from outside.

use std::path::Path;

use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::deserialize::{FromSql, QueryableByName, Result};
use diesel::prelude::*;
use diesel::row::{NamedRow, Row};
use diesel::sql_types::Text;

/// A connection of one's own.
pub enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// The last column of a row: the only one, or what `EXPLAIN` has to say.
struct Line(String);

impl<DB: Backend> QueryableByName<DB> for Line
where
    String: FromSql<Text, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> Result<Self> {
        Row::get_value::<Text, String, usize>(row, row.field_count() - 1).map(Self)
    }
}

impl Database {
    /// The file of an SQLite database; it is made if it is missing.
    pub fn file(path: &Path) -> Self {
        let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        connection
            .batch_execute("PRAGMA busy_timeout = 60000; PRAGMA temp_store = MEMORY;")
            .unwrap();
        Self::Sqlite(connection)
    }

    /// A database of a PostgreSQL server.
    pub fn server(url: &str) -> Self {
        Self::Postgres(PgConnection::establish(url).unwrap())
    }

    /// Runs statements.
    #[track_caller]
    pub fn run(&mut self, statements: &str) {
        match self {
            Self::Sqlite(connection) => connection.batch_execute(statements),
            Self::Postgres(connection) => connection.batch_execute(statements),
        }
        .unwrap_or_else(|error| panic!("{error} in {statements}"));
    }

    /// The last column, a text, of each row of a query.
    #[track_caller]
    pub fn lines(&mut self, query: &str) -> Vec<String> {
        let rows: QueryResult<Vec<Line>> = match self {
            Self::Sqlite(connection) => diesel::sql_query(query).load(connection),
            Self::Postgres(connection) => diesel::sql_query(query).load(connection),
        };
        rows.unwrap_or_else(|error| panic!("{error} in {query}"))
            .into_iter()
            .map(|Line(text)| text)
            .collect()
    }

    /// The number that a query gives.
    #[track_caller]
    pub fn number(&mut self, query: &str) -> i64 {
        let query = format!("SELECT CAST(({query}) AS TEXT)");
        self.lines(&query)[0].parse().unwrap()
    }

    /// The columns of a table, in order.
    pub fn columns(&mut self, table: &str) -> Vec<String> {
        let query = match self {
            Self::Sqlite(_) => format!("SELECT name FROM pragma_table_info('{table}')"),
            Self::Postgres(_) => format!(
                "SELECT column_name::text FROM information_schema.columns \
                 WHERE table_name = '{table}' ORDER BY ordinal_position"
            ),
        };
        self.lines(&query)
    }
}
