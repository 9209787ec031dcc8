//! Whether a transaction has changed anything, as the database sees it: for the fault points (feature `faults`). Without
//! the feature nothing is asked, and every commit counts.

use super::{AnyConnection, DbResult};

#[cfg(not(feature = "faults"))]
pub(super) fn begun(_connection: &mut AnyConnection) -> DbResult<()> {
    Ok(())
}

#[cfg(not(feature = "faults"))]
pub(super) fn any(_connection: &mut AnyConnection) -> DbResult<bool> {
    Ok(true)
}

#[cfg(feature = "faults")]
pub(super) use counted::{any, begun};

#[cfg(feature = "faults")]
mod counted {
    use std::cell::Cell;

    use diesel::dsl::sql;
    use diesel::prelude::*;
    use diesel::sql_types::{BigInt, Bool};

    use super::{AnyConnection, DbResult};

    thread_local! {
        /// Rows that the connection of this thread had changed when its transaction began (SQLite).
        static BEFORE: Cell<i64> = const { Cell::new(0) };
    }

    fn rows(connection: &mut AnyConnection) -> DbResult<i64> {
        Ok(diesel::select(sql::<BigInt>("total_changes()")).get_result(connection)?)
    }

    /// Remembers where a transaction begins.
    pub(in crate::db) fn begun(connection: &mut AnyConnection) -> DbResult<()> {
        if matches!(connection, AnyConnection::Sqlite(_)) {
            let rows = rows(connection)?;
            BEFORE.set(rows);
        }
        Ok(())
    }

    /// Whether the transaction has changed a row (SQLite), or has been given an id, which those that only read never
    /// are (PostgreSQL).
    pub(in crate::db) fn any(connection: &mut AnyConnection) -> DbResult<bool> {
        match connection {
            AnyConnection::Sqlite(_) => Ok(rows(connection)? != BEFORE.get()),
            AnyConnection::Postgres(_) => {
                let given = sql::<Bool>("pg_current_xact_id_if_assigned() IS NOT NULL");
                Ok(diesel::select(given).get_result(connection)?)
            }
        }
    }
}
