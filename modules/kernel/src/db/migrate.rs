//! Migrations: SQL per module and database, applied in order by one process at a time.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::after::AfterCommit;
use super::connection::AnyConnection;
use super::{DbError, DbResult, writer};
use crate::module::ModuleInfo;

/// One step of a module's schema. Made by [`migrations!`](crate::migrations).
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Sorts within the module: `20261124120000_initial`.
    pub name: &'static str,
    /// SQL for SQLite and for PostgreSQL, forwards.
    pub up: [&'static str; 2],
    /// SQL for SQLite and for PostgreSQL, backwards.
    pub down: [&'static str; 2],
    /// The oldest number of applied migrations whose code still works with this schema: a
    /// process that knows fewer refuses the database.
    pub min_compatible: i64,
}

/// The migrations in `migrations/<module>/{sqlite,postgres}/<name>/{up,down}.sql`, with the number
/// of migrations that the oldest code still able to use the result knows.
#[macro_export]
macro_rules! migrations {
    ($module:literal, $($name:literal => $min_compatible:literal),+ $(,)?) => {
        &[$($crate::db::Migration {
            name: $name,
            up: [
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/", $module, "/sqlite/", $name, "/up.sql")),
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/", $module, "/postgres/", $name, "/up.sql")),
            ],
            down: [
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/", $module, "/sqlite/", $name, "/down.sql")),
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/", $module, "/postgres/", $name, "/down.sql")),
            ],
            min_compatible: $min_compatible,
        }),+]
    };
}

/// How far a module's schema is.
#[derive(Debug, QueryableByName)]
pub struct MigrationStatus {
    #[diesel(sql_type = BigInt)]
    applied: i64,
    #[diesel(sql_type = BigInt)]
    min_compatible: i64,
}

const BOOKKEEPING: &str = "CREATE TABLE IF NOT EXISTS kernel_migration (
    module TEXT NOT NULL, name TEXT NOT NULL, min_compatible BIGINT NOT NULL,
    PRIMARY KEY (module, name))";
/// Any fixed number: the key of PostgreSQL's advisory lock for migrations.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7355608)";

fn side(connection: &AnyConnection) -> usize {
    match connection {
        AnyConnection::Sqlite(_) => 0,
        AnyConnection::Postgres(_) => 1,
    }
}

fn locked<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> DbResult<T>,
) -> DbResult<T> {
    writer::begin(connection)?;
    let (value, _) = writer::transaction(connection, |connection| {
        let result = (|| {
            if side(connection) == 1 {
                connection.batch_execute(LOCK)?;
            }
            // Whoever may change rows and no tables can still start on a database that is up to date.
            if !has_bookkeeping(connection)? {
                connection.batch_execute(BOOKKEEPING)?;
            }
            work(connection)
        })();
        (result, AfterCommit::default())
    })?;
    Ok(value)
}

fn has_bookkeeping(connection: &mut AnyConnection) -> DbResult<bool> {
    let query = match connection {
        AnyConnection::Sqlite(_) => {
            "SELECT COUNT(*) AS applied, 0 AS min_compatible FROM sqlite_master WHERE name = 'kernel_migration'"
        }
        AnyConnection::Postgres(_) => {
            "SELECT COUNT(to_regclass('kernel_migration')) AS applied, 0::BIGINT AS min_compatible"
        }
    };
    let found: MigrationStatus = diesel::sql_query(query).get_result(connection)?;
    Ok(found.applied == 1)
}

pub(super) fn up(
    connection: &mut AnyConnection,
    modules: &[(ModuleInfo, &'static [Migration])],
) -> DbResult<Vec<String>> {
    let side = side(connection);
    locked(connection, |connection| {
        let mut applied = Vec::new();
        for (module, migrations) in modules {
            let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
            let status: MigrationStatus = diesel::sql_query(
                "SELECT COUNT(*) AS applied, COALESCE(MAX(min_compatible), 0) AS min_compatible \
                 FROM kernel_migration WHERE module = ",
            )
            .sql(placeholder(side, 1))
            .bind::<Text, _>(module.name)
            .get_result(connection)?;
            if status.min_compatible > known {
                return Err(DbError::Other(format!(
                    "the schema of {} is too new for version {}: it needs a version that knows {} migrations, \
                     this one knows {known}; start a newer version",
                    module.name, module.version, status.min_compatible
                )));
            }
            let done = usize::try_from(status.applied).unwrap_or(usize::MAX);
            for migration in migrations.iter().skip(done) {
                let [sqlite, postgres] = migration.up;
                connection.batch_execute(if side == 0 { sqlite } else { postgres })?;
                diesel::sql_query(format!(
                    "INSERT INTO kernel_migration (module, name, min_compatible) VALUES ({}, {}, {})",
                    placeholder(side, 1),
                    placeholder(side, 2),
                    migration.min_compatible
                ))
                .bind::<Text, _>(module.name)
                .bind::<Text, _>(migration.name)
                .execute(connection)?;
                applied.push(format!("{}: {}", module.name, migration.name));
            }
        }
        Ok(applied)
    })
}

pub(super) fn down(
    connection: &mut AnyConnection,
    modules: &[(ModuleInfo, &'static [Migration])],
) -> DbResult<()> {
    let side = side(connection);
    locked(connection, |connection| {
        for (module, migrations) in modules.iter().rev() {
            for migration in migrations.iter().rev() {
                let [sqlite, postgres] = migration.down;
                connection.batch_execute(if side == 0 { sqlite } else { postgres })?;
            }
            diesel::sql_query("DELETE FROM kernel_migration WHERE module = ")
                .sql(placeholder(side, 1))
                .bind::<Text, _>(module.name)
                .execute(connection)?;
        }
        Ok(())
    })
}

fn placeholder(side: usize, number: usize) -> String {
    if side == 0 {
        "?".to_owned()
    } else {
        format!("${number}")
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

pub(super) fn logical_schema(connection: &mut AnyConnection) -> DbResult<Vec<String>> {
    let lines: Vec<Line> = match connection {
        AnyConnection::Sqlite(inner) => diesel::sql_query(
            "SELECT m.name || '.' || c.name || CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN ' not null' ELSE '' END AS line \
             FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid",
        )
        .load(inner)?,
        AnyConnection::Postgres(inner) => diesel::sql_query(
            "SELECT table_name || '.' || column_name || CASE WHEN is_nullable = 'NO' THEN ' not null' ELSE '' END AS line \
             FROM information_schema.columns WHERE table_schema = current_schema() \
             ORDER BY table_name COLLATE \"C\", ordinal_position",
        )
        .load(inner)?,
    };
    Ok(lines.into_iter().map(|line| line.line).collect())
}
