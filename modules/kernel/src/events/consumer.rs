//! What listens to events.

use async_trait::async_trait;

use super::{Event, Topic};
use crate::db::{DbError, WriteScope};

/// What orders the events that a consumer must take one after the other. When one of them has to
/// wait, the later ones of the same key wait behind it; all others go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderingKey {
    /// The entity that the event is about.
    Entity,
    /// Something else that the event names, e.g. the application of a document.
    Other(String),
    /// Nothing waits: a replica, where the newest version wins.
    None,
}

/// What follows from taking an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Something was done.
    Done,
    /// The event is none of the consumer's business.
    Nothing,
    /// An outside system must be called: [`Consumer::call`], after this transaction.
    Call,
}

/// The outcome of a call, written in one transaction with the note that the call is over.
pub type Settle = Box<dyn FnOnce(&mut WriteScope<'_>) -> Result<(), HandleError> + Send>;

/// Why an event cannot be taken. Titles and details never hold personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A short kebab-case name.
    pub kind: String,
    /// A sentence.
    pub detail: String,
    /// Whether trying again is of no use.
    pub permanent: bool,
    /// What the consumer wants to find again at the next attempt.
    pub state: serde_json::Value,
}

/// Why taking an event failed.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// It goes to the retry queue, or, if permanent, becomes a dead letter.
    #[error("{}: {}", .0.kind, .0.detail)]
    Failed(Box<Failure>),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl HandleError {
    /// A failure that passes by itself.
    pub fn temporary(kind: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::failed(kind.into(), detail.into(), false)
    }

    /// A failure that somebody must look at.
    pub fn permanent(kind: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::failed(kind.into(), detail.into(), true)
    }

    fn failed(kind: String, detail: String, permanent: bool) -> Self {
        Self::Failed(Box::new(Failure {
            kind,
            detail,
            permanent,
            state: serde_json::Value::Null,
        }))
    }

    /// Keeps a state that the consumer wants to find again at the next attempt.
    #[must_use]
    pub fn with_state(mut self, state: serde_json::Value) -> Self {
        if let Self::Failed(failure) = &mut self {
            failure.state = state;
        }
        self
    }

    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Failed(failure) => *failure,
            Self::Database(error) => Failure {
                kind: "database".to_owned(),
                detail: error.to_string(),
                permanent: !error.is_temporary() && matches!(error, DbError::Malformed(_)),
                state: serde_json::Value::Null,
            },
        }
    }
}

/// Why a call outside failed.
pub type CallError = HandleError;

/// Listens to topics. Delivery is at least once, in order per key; the kernel records what was
/// taken, so that the effect is once.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// Its permanent name: `payments.dispatcher`.
    fn name(&self) -> &'static str;

    /// What it listens to.
    fn topics(&self) -> &'static [Topic];

    /// What must be taken in order.
    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::Entity
    }

    /// Takes an event: rows and events of its own, no call outside.
    ///
    /// # Errors
    /// What it wrote is undone, and the event retried or put aside.
    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError>;

    /// Calls the outside system, outside any transaction; gives back what to write. Called again
    /// after a crash: the outside system must know the call by an id of ours.
    ///
    /// # Errors
    /// The event is retried or put aside.
    async fn call(&self, _event: &Event) -> Result<Settle, CallError> {
        Err(HandleError::permanent(
            "no-call",
            "this consumer calls nothing",
        ))
    }

    /// The event will not be tried again by itself: tell the entity so.
    ///
    /// # Errors
    /// If that cannot be written.
    fn give_up(
        &self,
        _scope: &mut WriteScope<'_>,
        _event: &Event,
        _failure: &Failure,
    ) -> Result<(), HandleError> {
        Ok(())
    }
}
