//! Statements run by this process itself, prepared once and with nothing around them: what the database alone takes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::deserialize::{self, QueryableByName};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::row::NamedRow;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text, Untyped, Uuid as SqlUuid};
use diesel::sqlite::Sqlite;
use uuid::Uuid;

use super::common::Database;
use super::{CONNECTIONS, Measured};

/// A piece of a statement: its text, or a value to bind.
#[derive(Debug, Clone)]
pub enum Part {
    Sql(String),
    Id(Uuid),
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
    Null,
}

/// A statement, prepared at its first use and kept by its text.
#[derive(Debug, Clone, Default)]
pub struct Statement(pub Vec<Part>);

impl Statement {
    pub fn sql(mut self, text: &str) -> Self {
        self.0.push(Part::Sql(text.to_owned()));
        self
    }

    pub fn id(mut self, id: Uuid) -> Self {
        self.0.push(Part::Id(id));
        self
    }
}

impl QueryFragment<Sqlite> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        for part in &self.0 {
            match part {
                Part::Sql(text) => out.push_sql(text),
                Part::Id(id) => out.push_bind_param::<Binary, _>(id.as_bytes().as_slice())?,
                Part::Integer(number) => out.push_bind_param::<BigInt, _>(number)?,
                Part::Text(text) => out.push_bind_param::<Text, _>(text)?,
                Part::Blob(bytes) => out.push_bind_param::<Binary, _>(bytes)?,
                Part::Null => out.push_bind_param::<Nullable<Integer>, _>(&None::<i32>)?,
            }
        }
        Ok(())
    }
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for part in &self.0 {
            match part {
                Part::Sql(text) => out.push_sql(text),
                Part::Id(id) => out.push_bind_param::<SqlUuid, _>(id)?,
                Part::Integer(number) => out.push_bind_param::<BigInt, _>(number)?,
                Part::Text(text) => out.push_bind_param::<Text, _>(text)?,
                Part::Blob(bytes) => out.push_bind_param::<Binary, _>(bytes)?,
                Part::Null => out.push_bind_param::<Nullable<Integer>, _>(&None::<i32>)?,
            }
        }
        Ok(())
    }
}

impl QueryId for Statement {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement {
    type SqlType = Untyped;
}

impl<C> RunQueryDsl<C> for Statement {}

/// A row that was read and is not kept.
struct Read;

impl QueryableByName<Sqlite> for Read {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        use diesel::row::{Field, Row};
        for place in 0..row.field_count() {
            if let Some(mut value) = Row::get(row, place).as_ref().and_then(Field::value) {
                std::hint::black_box(value.read_blob());
            }
        }
        Ok(Self)
    }
}

impl QueryableByName<Pg> for Read {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        use diesel::row::{Field, Row};
        for place in 0..row.field_count() {
            let field = Row::get(row, place);
            std::hint::black_box(
                field
                    .as_ref()
                    .and_then(Field::value)
                    .map(|value| value.as_bytes().len()),
            );
        }
        Ok(Self)
    }
}

/// Runs statements that give rows, each of which is read to its last column.
pub fn read(database: &mut Database, statements: Vec<Statement>) {
    for statement in statements {
        let rows: QueryResult<Vec<Read>> = match database {
            Database::Sqlite(connection) => statement.load(connection),
            Database::Postgres(connection) => statement.load(connection),
        };
        std::hint::black_box(rows.unwrap().len());
    }
}

/// Reads on as many connections as the load over HTTP has, for so long; the work gets its number.
pub fn readers(
    open: impl Fn() -> Database + Sync,
    span: Duration,
    work: impl Fn(usize) -> Vec<Statement> + Sync,
) -> Measured {
    let begun = Instant::now();
    let times = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|thread| {
                let (open, work) = (&open, &work);
                scope.spawn(move || {
                    let mut database = open();
                    let mut times = Vec::new();
                    while begun.elapsed() < span {
                        let piece = Instant::now();
                        read(&mut database, work(thread + times.len() * CONNECTIONS));
                        times.push(piece.elapsed());
                    }
                    times
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    Measured::of(times, begun.elapsed())
}

/// The rows of one transaction, as statements that insert them.
pub type Transaction = Vec<Statement>;

/// Reads rows of a table of an SQLite database, by the transaction that they belong to; `of` is a query for the key of the
/// transaction and the `column` of the row, which names it.
pub fn copy(
    database: &mut Database,
    (table, column): (&str, &str),
    of: &str,
    into: &mut BTreeMap<String, Transaction>,
) {
    let columns = database.columns(table);
    let quoted: Vec<String> = columns
        .iter()
        .map(|column| format!("quote(t.{column})"))
        .collect();
    let rows = database.lines(&format!(
        "SELECT json_array(of.key, {}) FROM ({of}) of JOIN {table} t ON t.{column} = of.row ORDER BY of.key, of.row",
        quoted.join(", ")
    ));
    for row in rows {
        let cells: Vec<String> = serde_json::from_str(&row).unwrap();
        let (key, values) = cells.split_first().unwrap();
        let mut parts = vec![Part::Sql(format!(
            "INSERT INTO {table} ({}) VALUES (",
            columns.join(", ")
        ))];
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                parts.push(Part::Sql(", ".to_owned()));
            }
            parts.push(value_of(value));
        }
        parts.push(Part::Sql(")".to_owned()));
        into.entry(key.clone()).or_default().push(Statement(parts));
    }
}

/// A value that SQLite has quoted.
fn value_of(quoted: &str) -> Part {
    let inside = |text: &str| text.trim_end_matches('\'').to_owned();
    if quoted == "NULL" {
        Part::Null
    } else if let Some(digits) = quoted.strip_prefix("X'") {
        Part::Blob(bytes(&inside(digits)))
    } else if let Some(text) = quoted.strip_prefix('\'') {
        Part::Text(text.strip_suffix('\'').unwrap().replace("''", "'"))
    } else {
        Part::Integer(quoted.parse().unwrap())
    }
}

fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&digits[place..place + 2], 16).unwrap())
        .collect()
}

/// Writes transactions into a new file with the same tables and indexes, one commit each, as durable as the platform's.
pub fn write(source: &mut Database, file: &Path, transactions: Vec<Transaction>) -> Measured {
    let mut target = Database::file(file);
    target.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY");
    for statement in source.lines("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type = 'index'") {
        target.run(&statement);
    }
    let Database::Sqlite(mut connection) = target else {
        unreachable!("a file is SQLite's")
    };
    let begun = Instant::now();
    let mut times = Vec::with_capacity(transactions.len());
    for transaction in transactions {
        let piece = Instant::now();
        connection.batch_execute("BEGIN IMMEDIATE").unwrap();
        for statement in transaction {
            statement.execute(&mut connection).unwrap();
        }
        connection.batch_execute("COMMIT").unwrap();
        times.push(piece.elapsed());
    }
    Measured::of(times, begun.elapsed())
}
