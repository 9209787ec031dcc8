//! How a delivery stands.

use serde::{Deserialize, Serialize};

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryState {
    /// It waits for its next attempt, or is being sent.
    Pending,
    /// The target took it.
    Delivered,
    /// No attempt is left; it can be redelivered.
    Failed,
    /// The webhook is off; it goes on when the webhook is on again.
    Held,
}

impl DeliveryState {
    /// As it is stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Held => "held",
        }
    }

    /// The state of this name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Failed, Self::Held]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}
