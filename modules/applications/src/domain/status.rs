//! The 21 states of an application.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A state of an application. Stored as its code, shown as a string of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// 1000: a draft, seen by nobody but its owner and the office; emits no event.
    Draft,
    /// 1500: a payment is open.
    PaymentPending,
    /// 1510: paid, the outcome is awaited.
    PaymentOutcomePending,
    /// 1520: paid; left at once.
    PaymentSuccess,
    /// 1530: the attempt to pay failed.
    PaymentError,
    /// 1900: sent, its PDF is being made.
    PreSubmit,
    /// 2000: acquired.
    Submitted,
    /// 3000: has a protocol number.
    Registered,
    /// 4000: taken in charge.
    Pending,
    /// 4100: a request for integrations is being registered.
    RequestIntegration,
    /// 4200: the citizen has to answer.
    DraftForIntegration,
    /// 4300: the answer is being registered.
    SubmittedAfterIntegration,
    /// 4400: the answer is registered; left at once.
    RegisteredAfterIntegration,
    /// 4500: entered only by import or force.
    PendingAfterIntegration,
    /// 5000: of older installations; read, never entered.
    Processing,
    /// 6000: accepted, the outcome is being registered.
    CompleteWaiting,
    /// 7000: accepted. Final.
    Complete,
    /// 8000: rejected, the outcome is being registered.
    CancelledWaiting,
    /// 9000: rejected. Final.
    Cancelled,
    /// 20000: withdrawn by its owner. Final.
    Withdrawn,
    /// 50000: annulled by the office. Final, never left.
    Revoked,
}

impl Status {
    /// Every state, in the order of the codes.
    pub const ALL: [Self; 21] = [
        Self::Draft,
        Self::PaymentPending,
        Self::PaymentOutcomePending,
        Self::PaymentSuccess,
        Self::PaymentError,
        Self::PreSubmit,
        Self::Submitted,
        Self::Registered,
        Self::Pending,
        Self::RequestIntegration,
        Self::DraftForIntegration,
        Self::SubmittedAfterIntegration,
        Self::RegisteredAfterIntegration,
        Self::PendingAfterIntegration,
        Self::Processing,
        Self::CompleteWaiting,
        Self::Complete,
        Self::CancelledWaiting,
        Self::Cancelled,
        Self::Withdrawn,
        Self::Revoked,
    ];

    const fn facts(self) -> (i32, &'static str, &'static str) {
        match self {
            Self::Draft => (1000, "status_draft", "Bozza"),
            Self::PaymentPending => (1500, "status_payment_pending", "In attesa di pagamento"),
            Self::PaymentOutcomePending => (
                1510,
                "status_payment_outcome_pending",
                "In attesa dell'esito di pagamento",
            ),
            Self::PaymentSuccess => (
                1520,
                "status_payment_success",
                "Pagamento avvenuto con successo",
            ),
            Self::PaymentError => (1530, "status_payment_error", "Pagamento rifiutato"),
            Self::PreSubmit => (1900, "status_pre_submit", "Inviata"),
            Self::Submitted => (2000, "status_submitted", "Acquisita"),
            Self::Registered => (3000, "status_registered", "Protocollata"),
            Self::Pending => (4000, "status_pending", "In carico"),
            Self::RequestIntegration => {
                (4100, "status_request_integration", "Richiesta integrazioni")
            }
            Self::DraftForIntegration => (
                4200,
                "status_draft_for_integration",
                "In attesa di integrazioni",
            ),
            Self::SubmittedAfterIntegration => (
                4300,
                "status_submitted_after_integration",
                "Integrazioni in attesa di protocollazione",
            ),
            Self::RegisteredAfterIntegration => (
                4400,
                "status_registered_after_integration",
                "Integrazioni protocollate",
            ),
            Self::PendingAfterIntegration => (
                4500,
                "status_pending_after_integration",
                "Presa in carico in seguito a integrazioni",
            ),
            Self::Processing => (5000, "status_processing", "In elaborazione"),
            Self::CompleteWaiting => (
                6000,
                "status_complete_waitallegatioperatore",
                "Accettata (in attesa di protocollazione del documento di esito)",
            ),
            Self::Complete => (7000, "status_complete", "Accettata"),
            Self::CancelledWaiting => (
                8000,
                "status_cancelled_waitallegatioperatore",
                "Rifiutata (in attesa di protocollazione del documento di esito)",
            ),
            Self::Cancelled => (9000, "status_cancelled", "Rifiutata"),
            Self::Withdrawn => (20000, "status_withdraw", "Ritirata"),
            Self::Revoked => (50000, "status_revoked", "Annullata"),
        }
    }

    /// The stored code, e.g. 4000.
    #[must_use]
    pub const fn code(self) -> i32 {
        self.facts().0
    }

    /// The name on the wire, e.g. `status_pending`; also the key of a service's `feedback_messages`.
    #[must_use]
    pub const fn status_name(self) -> &'static str {
        self.facts().1
    }

    /// What people read, in Italian.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.facts().2
    }

    /// True where the application is closed: accepted, rejected, withdrawn, annulled.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Complete | Self::Cancelled | Self::Withdrawn | Self::Revoked
        )
    }
}

/// A code or a text that is no state of an application.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a state of an application")]
pub struct UnknownStatus;

impl TryFrom<i32> for Status {
    type Error = UnknownStatus;

    fn try_from(code: i32) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.code() == code)
            .ok_or(UnknownStatus)
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(UnknownStatus);
        }
        text.parse::<i32>()
            .map_err(|_| UnknownStatus)
            .and_then(Self::try_from)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code())
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Requests write a state as a string or as a number.
impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Code;

        impl de::Visitor<'_> for Code {
            type Value = Status;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the code of a state, as a string or a number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Status, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, code: u64) -> Result<Status, E> {
                i32::try_from(code)
                    .map_err(|_| UnknownStatus)
                    .and_then(Status::try_from)
                    .map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, code: i64) -> Result<Status, E> {
                i32::try_from(code)
                    .map_err(|_| UnknownStatus)
                    .and_then(Status::try_from)
                    .map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Code)
    }
}
