//! Waiting for a replica: until the consumers of a module have passed what was written before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::prelude::*;
use tokio::sync::watch;

use super::lease::Lease;
use super::signal::Signals;
use super::{Consumer, Topic, log};
use crate::db::kernel_tables::{kernel_cursor, kernel_event};
use crate::db::{AnyConnection, Database, DbResult, ReadQuery};

/// How often who waits looks by himself, should nobody wake him.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// By module, its consumers.
type Followed = HashMap<&'static str, Vec<Follower>>;

/// Where the consumers of this process are: who waits for a replica asks here.
#[derive(Clone)]
pub struct Bus {
    followed: Arc<Mutex<Followed>>,
    pub(super) signals: Signals,
    /// Whether the brokers answer.
    pub(super) broker_up: watch::Sender<bool>,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            followed: Arc::default(),
            signals: Signals::default(),
            broker_up: watch::Sender::new(true),
        }
    }
}

impl Bus {
    /// Whether the brokers answer; true where there are none.
    #[must_use]
    pub fn broker_is_up(&self) -> bool {
        *self.broker_up.borrow()
    }

    /// Changes when a consumer has taken events.
    pub(crate) fn moved(&self) -> watch::Receiver<u64> {
        self.signals.moved.subscribe()
    }

    /// A consumer of this process that others may wait for.
    pub(super) fn register(&self, module: &'static str, follower: Follower) {
        self.followed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(module)
            .or_default()
            .push(follower);
    }

    /// Waits until the consumers of a module have passed everything written before this call, at
    /// most so long; whether they have.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn caught_up(
        &self,
        database: &Database,
        module: &str,
        most: Duration,
    ) -> DbResult<bool> {
        tokio::time::timeout(most, self.wait(database, module))
            .await
            .map_or(Ok(false), |passed| passed.map(|()| true))
    }

    async fn wait(&self, database: &Database, module: &str) -> DbResult<()> {
        let mut grown = self.signals.grown.subscribe();
        let written = database.read_raw(log::last_written).await?;
        let end = loop {
            if let Some(end) = database
                .read_raw(move |connection| log::position_of_written(connection, written))
                .await?
            {
                break end;
            }
            let _ = tokio::time::timeout(LOOK_AGAIN, grown.changed()).await;
        };
        let followed = self
            .followed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(module)
            .cloned()
            .unwrap_or_default();
        for mut follower in followed {
            follower
                .pass(database, end, self.signals.moved.subscribe())
                .await?;
        }
        Ok(())
    }
}

/// Follows a consumer, in this process or in the one that holds the lease of its module.
#[derive(Clone)]
pub(super) struct Follower {
    pub consumer: Arc<dyn Consumer>,
    /// Held by this process if the consumer runs here.
    pub lease: Lease,
    /// Where it is, if it runs here.
    pub position: watch::Receiver<i64>,
}

impl Follower {
    /// Waits until the consumer has passed a position.
    async fn pass(
        &mut self,
        database: &Database,
        end: i64,
        mut moved: watch::Receiver<u64>,
    ) -> DbResult<()> {
        while *self.position.borrow_and_update() < end {
            let (name, topics) = (self.consumer.name(), self.consumer.topics());
            if self.lease.held().is_none()
                && database
                    .read_raw(move |connection| has_passed(connection, name, topics, end))
                    .await?
            {
                break;
            }
            tokio::select! {
                Ok(()) = self.position.changed() => {}
                Ok(()) = moved.changed() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
        Ok(())
    }
}

/// Whether a consumer has taken everything of its topics up to a position, as the database says: for a
/// process in which it does not run.
fn has_passed(
    connection: &mut AnyConnection,
    consumer: &str,
    topics: &'static [Topic],
    end: i64,
) -> DbResult<bool> {
    let stored: i64 = kernel_cursor::table
        .filter(kernel_cursor::consumer.eq(consumer))
        .select(kernel_cursor::position)
        .first(connection)?;
    if stored >= end {
        return Ok(true);
    }
    let topics: Vec<&'static str> = topics.iter().map(|topic| topic.as_str()).collect();
    let waiting: Vec<i64> = kernel_event::table
        .filter(kernel_event::position.gt(stored))
        .filter(kernel_event::position.le(end))
        .filter(kernel_event::topic.eq_any(topics))
        .select(kernel_event::seq)
        .limit(1)
        .rows(connection)?;
    Ok(waiting.is_empty())
}
