//! The life of a dead letter.

use serde::{Deserialize, Serialize};

/// How a dead letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DeadLetterState)]
pub enum State {
    /// Somebody must decide.
    Dead,
    /// Sent back to its topic; if it fails for good once more, it is dead again.
    Redriven,
    /// Given up.
    Discarded,
}

impl State {
    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Dead, Self::Redriven, Self::Discarded]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}
