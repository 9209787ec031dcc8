//! The relay of the embedded carrier on PostgreSQL: gives the events that have become visible
//! their position in the log, in the order in which they were inserted. A sequence alone is not
//! the order of commits; this is, since a writer locks the aggregate's row before it inserts.

use super::lease::{self, Lease};
use super::signal::Signal;
use crate::db::{AfterCommit, Database, DbResult, Priority, ReadQuery};
use diesel::connection::SimpleConnection;

const GIVE_POSITIONS: &str = "
    WITH waiting AS (
        SELECT seq, row_number() OVER (ORDER BY seq) AS place
        FROM (SELECT seq FROM kernel_event WHERE position IS NULL ORDER BY seq LIMIT 1000) w
    ), last AS (SELECT COALESCE(MAX(position), 0) AS position FROM kernel_event)
    UPDATE kernel_event e SET position = last.position + waiting.place
    FROM waiting, last WHERE e.seq = waiting.seq";

/// The relay.
pub struct Relay {
    database: Database,
    lease: Lease,
    grown: Signal,
}

impl Relay {
    pub(super) fn new(database: Database, lease: Lease, grown: Signal) -> Self {
        Self {
            database,
            lease,
            grown,
        }
    }

    /// One round; whether there may be more.
    pub(super) async fn round(&self) -> DbResult<bool> {
        let Some(held) = self.lease.held() else {
            return Ok(false);
        };
        let waiting = self
            .database
            .read_raw(|connection| {
                use crate::db::kernel_tables::kernel_event::dsl;
                use diesel::prelude::*;
                let first: Option<i64> = dsl::kernel_event
                    .filter(dsl::position.is_null())
                    .select(dsl::seq)
                    .limit(1)
                    .rows(connection)?
                    .into_iter()
                    .next();
                Ok(first.is_some())
            })
            .await?;
        if !waiting {
            return Ok(false);
        }
        self.database
            .write_raw(Priority::Background, move |connection| {
                let result: DbResult<()> = (|| {
                    // Taken over meanwhile: the fence has moved, and this round must write nothing.
                    lease::check(connection, &held)?;
                    Ok(connection.batch_execute(GIVE_POSITIONS)?)
                })();
                (result, AfterCommit::default())
            })
            .await?;
        self.grown.tell();
        Ok(true)
    }
}
