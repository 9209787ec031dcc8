//! What the intermediary says of a debt, and what that does to the payment.

use chrono::{DateTime, Utc};
use opencity_contracts::PaymentEvent;
use opencity_contracts::payment::PaymentStatus;

/// How a debt stands at the intermediary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// To be paid.
    Open,
    /// Paid.
    Paid {
        /// When.
        paid_at: DateTime<Utc>,
        /// The intermediary's id of the payment.
        transaction_id: Option<String>,
    },
    /// Cancelled.
    Cancelled,
    /// Its time is over.
    Expired,
}

/// What a standing does to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The payment has another state.
    Changed,
    /// It is as it was.
    Nothing,
    /// Money came where none was expected: somebody must look at it.
    Anomaly,
}

/// Applies a standing. The same one again has no effect.
pub fn apply(payment: &mut PaymentEvent, standing: &Standing) -> Effect {
    let to = match standing {
        Standing::Open => return Effect::Nothing,
        Standing::Paid { .. } => PaymentStatus::Complete,
        Standing::Cancelled => PaymentStatus::Canceled,
        Standing::Expired => PaymentStatus::Expired,
    };
    if !payment.status.can_become(to) {
        let unexpected = to == PaymentStatus::Complete && payment.status != to;
        return if unexpected {
            Effect::Anomaly
        } else {
            Effect::Nothing
        };
    }
    payment.status = to;
    if let Standing::Paid {
        paid_at,
        transaction_id,
    } = standing
    {
        payment.payment.paid_at = Some(*paid_at);
        payment.payment.transaction_id.clone_from(transaction_id);
    }
    Effect::Changed
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )]
    use super::*;

    fn paid() -> Standing {
        Standing::Paid {
            paid_at: "2025-03-10T09:20:11Z".parse().unwrap(),
            transaction_id: Some("t".to_owned()),
        }
    }

    fn after(status: PaymentStatus, standing: &Standing) -> (Effect, PaymentEvent) {
        let mut payment = PaymentEvent {
            status,
            ..PaymentEvent::default()
        };
        (apply(&mut payment, standing), payment)
    }

    #[test]
    fn a_payment_completes_once_and_also_after_its_time() {
        use PaymentStatus::*;
        for status in [PaymentPending, PaymentStarted, Expired] {
            let (effect, mut payment) = after(status, &paid());
            assert_eq!(
                (effect, payment.status),
                (Effect::Changed, Complete),
                "{status:?}"
            );
            assert_eq!(payment.payment.transaction_id.as_deref(), Some("t"));
            assert_eq!(apply(&mut payment, &paid()), Effect::Nothing);
        }
    }

    #[test]
    fn money_for_a_cancelled_payment_is_an_anomaly_and_changes_nothing() {
        let (effect, payment) = after(PaymentStatus::Canceled, &paid());
        assert_eq!(
            (effect, payment.status, payment.payment.paid_at),
            (Effect::Anomaly, PaymentStatus::Canceled, None)
        );
    }

    #[test]
    fn what_is_paid_is_neither_cancelled_nor_expired_by_what_comes_late() {
        for standing in [Standing::Open, Standing::Cancelled, Standing::Expired] {
            assert_eq!(after(PaymentStatus::Complete, &standing).0, Effect::Nothing);
        }
    }
}
