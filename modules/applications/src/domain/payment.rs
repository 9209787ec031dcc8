//! Payments as an application sees them: which of their states moves it, and what an attempt holds.

use std::str::FromStr;

/// `status` of a payment event. The last three are outside the graph that our proxies write, but
/// are read from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentStatus {
    /// To be created at the intermediary.
    CreationPending,
    /// Creation failed.
    CreationFailed,
    /// Created, waiting for the citizen.
    PaymentPending,
    /// The citizen has begun.
    PaymentStarted,
    /// Paid, confirmed by the intermediary.
    Complete,
    /// Cancelled.
    Canceled,
    /// Expired.
    Expired,
    /// Failed at its deadline.
    PaymentFailed,
    /// Paid, the outcome is awaited.
    PaymentConfirmed,
    /// Paid, the notification is awaited.
    NotificationPending,
}

impl PaymentStatus {
    /// Every status.
    pub const ALL: [Self; 10] = [
        Self::CreationPending,
        Self::CreationFailed,
        Self::PaymentPending,
        Self::PaymentStarted,
        Self::Complete,
        Self::Canceled,
        Self::Expired,
        Self::PaymentFailed,
        Self::PaymentConfirmed,
        Self::NotificationPending,
    ];

    /// As events write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreationPending => "CREATION_PENDING",
            Self::CreationFailed => "CREATION_FAILED",
            Self::PaymentPending => "PAYMENT_PENDING",
            Self::PaymentStarted => "PAYMENT_STARTED",
            Self::Complete => "COMPLETE",
            Self::Canceled => "CANCELED",
            Self::Expired => "EXPIRED",
            Self::PaymentFailed => "PAYMENT_FAILED",
            Self::PaymentConfirmed => "PAYMENT_CONFIRMED",
            Self::NotificationPending => "NOTIFICATION_PENDING",
        }
    }

    /// What the status means for the application, if the payment counts.
    #[must_use]
    pub const fn meaning(self) -> PaymentMove {
        match self {
            Self::CreationPending | Self::PaymentPending | Self::PaymentStarted => {
                PaymentMove::Waiting
            }
            Self::PaymentConfirmed | Self::NotificationPending => PaymentMove::Confirming,
            Self::Complete => PaymentMove::Completed,
            Self::CreationFailed | Self::PaymentFailed | Self::Expired | Self::Canceled => {
                PaymentMove::Failed
            }
        }
    }

    /// True while money may still come in the ordinary way.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(
            self.meaning(),
            PaymentMove::Waiting | PaymentMove::Confirming
        )
    }
}

/// A text that is no status of a payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a status of a payment")]
pub struct UnknownPaymentStatus;

impl FromStr for PaymentStatus {
    type Err = UnknownPaymentStatus;

    fn from_str(text: &str) -> Result<Self, UnknownPaymentStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.name() == text)
            .ok_or(UnknownPaymentStatus)
    }
}

/// What the payments of an application say to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentMove {
    /// Still to be paid.
    Waiting,
    /// Paid, the outcome is awaited.
    Confirming,
    /// All items of the attempt are paid.
    Completed,
    /// The attempt failed.
    Failed,
}

impl PaymentMove {
    /// Every move.
    pub const ALL: [Self; 4] = [
        Self::Waiting,
        Self::Confirming,
        Self::Completed,
        Self::Failed,
    ];

    /// Name in the page of the states.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Confirming => "confirming",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// Something to pay: the amount of the application, or one of its revenue stamps (*marche da bollo*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PaymentItem {
    /// The amount, with its split.
    Amount,
    /// The stamp of this position, from 0.
    Stamp(u32),
}

/// One payment of an application: unique by attempt and item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemPayment {
    /// From 1.
    pub attempt: u32,
    /// What is paid.
    pub item: PaymentItem,
    /// Its last known status.
    pub status: PaymentStatus,
    /// We asked for its cancellation: then `CANCELED` is no failure.
    pub cancelled_by_us: bool,
}

fn is_paid(item: PaymentItem, payments: &[ItemPayment]) -> bool {
    payments
        .iter()
        .any(|payment| payment.item == item && payment.status == PaymentStatus::Complete)
}

/// Items that the next attempt asks for: those that no attempt has paid.
#[must_use]
pub fn next_attempt_items(items: &[PaymentItem], payments: &[ItemPayment]) -> Vec<PaymentItem> {
    items
        .iter()
        .copied()
        .filter(|item| !is_paid(*item, payments))
        .collect()
}

/// True when `attempt` has items and each is paid, by whichever attempt.
#[must_use]
pub fn attempt_is_complete(attempt: u32, payments: &[ItemPayment]) -> bool {
    let mut items = payments
        .iter()
        .filter(|payment| payment.attempt == attempt)
        .peekable();
    items.peek().is_some() && items.all(|payment| is_paid(payment.item, payments))
}

/// Items paid by more than one attempt: an anomaly that an operator settles.
#[must_use]
pub fn items_paid_twice(payments: &[ItemPayment]) -> Vec<PaymentItem> {
    let mut paid: Vec<_> = payments
        .iter()
        .filter(|payment| payment.status == PaymentStatus::Complete)
        .map(|payment| payment.item)
        .collect();
    paid.sort_unstable();
    let mut twice: Vec<_> = paid
        .iter()
        .zip(paid.iter().skip(1))
        .filter(|(one, other)| one == other)
        .map(|(item, _)| *item)
        .collect();
    twice.dedup();
    twice
}

/// Payments still open for an item that is paid, or of an attempt that is over: to be cancelled.
#[must_use]
pub fn payments_to_cancel(current_attempt: u32, payments: &[ItemPayment]) -> Vec<ItemPayment> {
    payments
        .iter()
        .copied()
        .filter(|payment| {
            payment.status.is_open()
                && (payment.attempt != current_attempt || is_paid(payment.item, payments))
        })
        .collect()
}

/// What the change of one payment says to the application, all its payments being as given (the
/// changed one included). None: it moves nothing.
///
/// A failure counts for the current attempt only; money counts whichever attempt brought it.
#[must_use]
pub fn payment_move(
    changed: &ItemPayment,
    current_attempt: u32,
    payments: &[ItemPayment],
) -> Option<PaymentMove> {
    match changed.status.meaning() {
        PaymentMove::Completed => {
            attempt_is_complete(current_attempt, payments).then_some(PaymentMove::Completed)
        }
        PaymentMove::Failed
            if changed.status == PaymentStatus::Canceled && changed.cancelled_by_us =>
        {
            None
        }
        other => (changed.attempt == current_attempt).then_some(other),
    }
}
