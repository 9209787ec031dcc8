//! How often a public link may be followed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opencity_kernel::clock;
use opencity_kernel::id::PaymentId;
use opencity_kernel::instant::Instant;
use opencity_kernel::{Problem, ProblemKind};

const WINDOW: Duration = Duration::from_secs(60);
/// Payments that are remembered; beyond it, those of past windows are forgotten.
const MOST: usize = 10_000;

/// Counts requests by payment, in windows of a minute. Each process counts for itself.
pub struct Limiter {
    per_minute: u32,
    seen: Mutex<HashMap<PaymentId, (Instant, u32)>>,
}

impl Limiter {
    /// With so many requests a minute.
    pub fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            seen: Mutex::default(),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// [`ProblemKind::TooManyRequests`].
    pub fn pass(&self, payment: PaymentId) -> Result<(), Problem> {
        let now = clock::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.retain(|_, (since, _)| now.since(*since) < WINDOW);
            if seen.len() >= MOST {
                seen.clear();
            }
        }
        let (since, count) = seen.entry(payment).or_insert((now, 0));
        if now.since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        if *count > self.per_minute {
            let wait = WINDOW.saturating_sub(now.since(*since)).as_secs().max(1);
            return Err(Problem::new(
                ProblemKind::TooManyRequests,
                "This link was followed too often. Wait a minute.",
            )
            .retry_after(wait));
        }
        Ok(())
    }
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

    #[test]
    fn one_payment_is_slowed_down_and_not_another() {
        let limiter = Limiter::new(2);
        let (one, other) = (PaymentId::random(), PaymentId::random());
        assert!(limiter.pass(one).is_ok());
        assert!(limiter.pass(one).is_ok());
        assert_eq!(
            limiter.pass(one).unwrap_err().kind(),
            ProblemKind::TooManyRequests
        );
        assert!(limiter.pass(other).is_ok());
    }
}
