//! Where consumers are in the log.

use diesel::prelude::*;

use crate::db::kernel_tables::{kernel_cursor, kernel_inbox};
use crate::db::{
    AfterCommit, AnyConnection, Database, DbError, DbResult, Priority, ReadQuery, WriteStatement,
};

/// The consumer's position; made at its first start.
pub(crate) async fn position(database: &Database, consumer: &'static str) -> DbResult<i64> {
    let found: Option<i64> = database
        .read_raw(move |connection| {
            let rows = kernel_cursor::table
                .filter(kernel_cursor::consumer.eq(consumer))
                .select(kernel_cursor::position)
                .rows(connection)?;
            Ok(rows.into_iter().next())
        })
        .await?;
    if let Some(position) = found {
        return Ok(position);
    }
    let made = database
        .write_raw(Priority::Background, move |connection| {
            let result = diesel::insert_into(kernel_cursor::table)
                .values((
                    kernel_cursor::consumer.eq(consumer),
                    kernel_cursor::position.eq(0_i64),
                ))
                .perform(connection)
                .map(|_| 0)
                .map_err(DbError::from);
            (result, AfterCommit::default())
        })
        .await;
    match made {
        // Another process has made it meanwhile.
        Err(DbError::Duplicate(_)) => {
            database
                .read_raw(move |connection| stored_position(connection, consumer))
                .await
        }
        made => made,
    }
}

/// Sets a consumer's position back, so that it takes the log again from there: its inbox forgets
/// what it has taken. False if there is no such consumer.
pub(crate) fn reset(connection: &mut AnyConnection, consumer: &str, to: i64) -> DbResult<bool> {
    let found = diesel::update(kernel_cursor::table.filter(kernel_cursor::consumer.eq(consumer)))
        .set(kernel_cursor::position.eq(to))
        .perform(connection)?;
    diesel::delete(kernel_inbox::table.filter(kernel_inbox::consumer.eq(consumer)))
        .perform(connection)?;
    Ok(found == 1)
}

/// Where all consumers are.
pub(crate) fn positions(connection: &mut AnyConnection) -> DbResult<Vec<(String, i64)>> {
    Ok(kernel_cursor::table
        .order(kernel_cursor::consumer)
        .select((kernel_cursor::consumer, kernel_cursor::position))
        .rows(connection)?)
}

/// The consumer's position as it is stored: behind what a running loop knows when it was set back.
pub(crate) fn stored_position(connection: &mut AnyConnection, consumer: &str) -> DbResult<i64> {
    Ok(kernel_cursor::table
        .filter(kernel_cursor::consumer.eq(consumer))
        .select(kernel_cursor::position)
        .first(connection)?)
}
