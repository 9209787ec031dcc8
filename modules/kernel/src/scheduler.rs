//! Work by the clock: one task of a name runs in one process at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use crate::db::WriteScope;
use crate::events::lease::Lease;

/// Work that is looked for again and again.
#[async_trait]
pub trait Task: Send + Sync + 'static {
    /// Its permanent name: `retry.redeliver`.
    fn name(&self) -> &'static str;

    /// How often it looks by itself.
    fn every(&self) -> Duration;

    /// Does a bounded part of what is due; whether more may be due at once.
    ///
    /// # Errors
    /// Logged; the task looks again at its next turn.
    async fn run(&self) -> Result<bool, TaskError>;
}

/// Why a turn of a task failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TaskError(pub String);

impl TaskError {
    /// With the cause's own words.
    pub fn new(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

impl From<crate::db::DbError> for TaskError {
    fn from(error: crate::db::DbError) -> Self {
        Self::new(error)
    }
}

/// Wakes tasks of this process before their turn.
#[derive(Clone, Default)]
pub struct Wakes {
    tasks: Arc<Mutex<HashMap<&'static str, Arc<Notify>>>>,
}

impl Wakes {
    fn of(&self, task: &'static str) -> Arc<Notify> {
        Arc::clone(
            self.tasks
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(task)
                .or_default(),
        )
    }

    /// Wakes the task of this name: what it is to find must be committed.
    pub fn wake(&self, task: &'static str) {
        self.of(task).notify_one();
    }

    /// Wakes the task once the transaction is committed, so that it finds what was written.
    pub fn after_commit(&self, scope: &mut WriteScope<'_>, task: &'static str) {
        let wakes = self.clone();
        scope.after_commit(move || wakes.wake(task));
    }

    /// Wakes all: the clock has moved.
    pub fn wake_all(&self) {
        for task in self
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            task.notify_one();
        }
    }
}

/// Runs a task until the process stops.
pub async fn run(task: Arc<dyn Task>, lease: Lease, wakes: Wakes, mut stop: watch::Receiver<bool>) {
    let wake = wakes.of(task.name());
    while !*stop.borrow() {
        if lease.held().is_some() {
            match task.run().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(task = task.name(), %error, "a task's turn failed; it will be repeated")
                }
            }
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            () = wake.notified() => {}
            () = tokio::time::sleep(task.every()) => {}
        }
    }
}
