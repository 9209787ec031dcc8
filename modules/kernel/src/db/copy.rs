//! All rows of an SQLite database into an empty PostgreSQL one that has the same schema.

use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::{PgConnection, SqliteConnection};

use super::{DbError, DbResult};

/// Rows that go over in one statement.
const BATCH: usize = 500;

/// A table that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: i64,
}

/// A column, as PostgreSQL has it. Tables come in the order in which they were made, so that a reference leads to
/// rows that are there. Migrations and leases are each database's own.
#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    counted: bool,
    #[diesel(sql_type = Bool)]
    key: bool,
}

const COLUMNS: &str = "SELECT c.relname::text AS \"table\", a.attname::text AS name, format_type(a.atttypid, NULL) AS kind, \
     a.attidentity <> '' AS counted, COALESCE(a.attnum = ANY (k.conkey), FALSE) AS key \
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
     LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p' \
     WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace \
     AND c.relname NOT IN ('kernel_migration', 'kernel_lease') ORDER BY c.oid, a.attnum";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    row: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Copies every table, and compares each row with what has arrived.
pub(super) fn all(
    source: &mut SqliteConnection,
    target: &mut PgConnection,
) -> DbResult<Vec<CopiedTable>> {
    let columns: Vec<Column> = diesel::sql_query(COLUMNS).load(target)?;
    let tables: Vec<Table> = columns
        .chunk_by(|one, next| one.table == next.table)
        .filter_map(Table::of)
        .collect();
    for table in &tables {
        if table.count(target)? > 0 {
            return Err(DbError::Other(format!(
                "{} of the target is not empty; copy into a new database",
                table.name
            )));
        }
    }
    let mut copied = Vec::new();
    for table in &tables {
        table.batches(source, |rows| {
            diesel::sql_query(&table.insert)
                .bind::<Text, _>(rows)
                .execute(target)?;
            Ok(())
        })?;
        table.go_on_counting(source, target)?;
    }
    for table in tables {
        copied.push(table.verified(source, target)?);
    }
    Ok(copied)
}

/// A table with the statements that take its rows over.
struct Table {
    name: String,
    counter: Option<String>,
    /// Each row of SQLite as a JSON object that PostgreSQL reads as its own.
    read: String,
    insert: String,
    /// How many of some rows are there, equal in every column.
    equal: String,
}

impl Table {
    fn of(columns: &[Column]) -> Option<Self> {
        let name = columns.first()?.table.clone();
        let quoted = |column: &Column| format!("\"{}\"", column.name);
        let names = columns.iter().map(quoted).collect::<Vec<_>>().join(", ");
        let keys: Vec<_> = columns
            .iter()
            .filter(|column| column.key)
            .map(quoted)
            .collect();
        let keys = keys.join(", ");
        let values: Vec<_> = columns
            .iter()
            .map(|column| format!("'{}', {}", column.name, column.value()))
            .collect();
        Some(Self {
            counter: columns
                .iter()
                .find(|column| column.counted)
                .map(|column| column.name.clone()),
            read: format!(
                "SELECT json_object({}) AS \"row\" FROM \"{name}\" ORDER BY {keys}",
                values.join(", ")
            ),
            insert: format!(
                "INSERT INTO \"{name}\" ({names}) OVERRIDING SYSTEM VALUE \
                 SELECT {names} FROM json_populate_recordset(NULL::\"{name}\", $1::json)"
            ),
            equal: format!(
                "SELECT count(*) AS count FROM json_populate_recordset(NULL::\"{name}\", $1::json) s \
                 JOIN \"{name}\" d USING ({keys}) WHERE d IS NOT DISTINCT FROM s"
            ),
            name,
        })
    }

    fn count(&self, target: &mut PgConnection) -> DbResult<i64> {
        let query = format!("SELECT count(*) AS count FROM \"{}\"", self.name);
        Ok(diesel::sql_query(query).get_result::<Count>(target)?.count)
    }

    /// Gives the rows as JSON arrays of bounded length.
    fn batches(
        &self,
        source: &mut SqliteConnection,
        mut take: impl FnMut(String) -> DbResult<()>,
    ) -> DbResult<()> {
        let mut rows = Vec::with_capacity(BATCH);
        let read = diesel::sql_query(&self.read);
        for row in read.load_iter::<Row, DefaultLoadingMode>(source)? {
            rows.push(row?.row);
            if rows.len() == BATCH {
                take(array(&mut rows))?;
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        take(array(&mut rows))
    }

    /// A number that SQLite has given once is not given again.
    fn go_on_counting(
        &self,
        source: &mut SqliteConnection,
        target: &mut PgConnection,
    ) -> DbResult<()> {
        let Some(counter) = &self.counter else {
            return Ok(());
        };
        let given = diesel::sql_query("SELECT seq AS count FROM sqlite_sequence WHERE name = ?")
            .bind::<Text, _>(&self.name)
            .get_result::<Count>(source)
            .optional()?;
        match given {
            Some(Count { count }) if count > 0 => Ok(target.batch_execute(&format!(
                "SELECT setval(pg_get_serial_sequence('\"{}\"', '{counter}'), {count})",
                self.name
            ))?),
            _ => Ok(()),
        }
    }

    fn verified(
        self,
        source: &mut SqliteConnection,
        target: &mut PgConnection,
    ) -> DbResult<CopiedTable> {
        let mut equal = 0;
        self.batches(source, |rows| {
            let found: Count = diesel::sql_query(&self.equal)
                .bind::<Text, _>(rows)
                .get_result(target)?;
            equal += found.count;
            Ok(())
        })?;
        let there = self.count(target)?;
        let rows = diesel::sql_query(format!("SELECT count(*) AS count FROM \"{}\"", self.name))
            .get_result::<Count>(source)?
            .count;
        if rows != there || rows != equal {
            return Err(DbError::Other(format!(
                "{} has {rows} rows, of which {equal} of {there} have arrived as they are; nothing was copied",
                self.name
            )));
        }
        Ok(CopiedTable {
            name: self.name,
            rows,
        })
    }
}

impl Column {
    /// The column's value on SQLite, in the form that PostgreSQL reads.
    fn value(&self) -> String {
        let name = format!("\"{}\"", self.name);
        match self.kind.as_str() {
            // On SQLite the row's number is its position in the log.
            _ if self.table == "kernel_event" && self.name == "position" => "\"seq\"".to_owned(),
            "uuid" => format!("CASE WHEN {name} IS NOT NULL THEN lower(hex({name})) END"),
            "jsonb" => format!("json({name})"),
            "timestamp with time zone" => {
                let micros = format!("((({name} % 1000000) + 1000000) % 1000000)");
                format!(
                    "strftime('%Y-%m-%dT%H:%M:%S', ({name} - {micros}) / 1000000, 'unixepoch') || printf('.%06dZ', {micros})"
                )
            }
            _ => name,
        }
    }
}

fn array(rows: &mut Vec<String>) -> String {
    let joined = format!("[{}]", rows.join(","));
    rows.clear();
    joined
}
