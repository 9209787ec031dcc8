//! How often a public link may be followed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use opencity_kernel::clock;
use opencity_kernel::id::PaymentId;
use opencity_kernel::instant::Instant;
use opencity_kernel::{Problem, ProblemKind};

const WINDOW: Duration = Duration::from_secs(60);
/// Payments that are remembered; beyond it, those of past windows are forgotten.
const MOST: usize = 10_000;

/// How often a link may still be followed.
#[derive(Debug, Clone, Copy)]
pub struct Left {
    limit: u32,
    remaining: u32,
    /// Seconds until the count begins anew.
    reset: u64,
}

impl Left {
    /// The answer, with the headers that tell it.
    pub fn told_by(self, mut response: HttpResponse) -> HttpResponse {
        let headers = response.headers_mut();
        for (name, number) in [
            ("x-ratelimit-limit", u64::from(self.limit)),
            ("x-ratelimit-remaining", u64::from(self.remaining)),
            ("x-ratelimit-reset", self.reset),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(number));
        }
        response
    }
}

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
    pub fn pass(&self, payment: PaymentId) -> Result<Left, Problem> {
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
        let reset = WINDOW.saturating_sub(now.since(*since)).as_secs().max(1);
        if *count > self.per_minute {
            return Err(Problem::new(
                ProblemKind::TooManyRequests,
                "This link was followed too often. Wait a minute.",
            )
            .retry_after(reset));
        }
        Ok(Left {
            limit: self.per_minute,
            remaining: self.per_minute - *count,
            reset,
        })
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
        assert_eq!(limiter.pass(one).unwrap().remaining, 1);
        assert_eq!(limiter.pass(one).unwrap().remaining, 0);
        assert_eq!(
            limiter.pass(one).unwrap_err().kind(),
            ProblemKind::TooManyRequests
        );
        assert!(limiter.pass(other).is_ok());
    }
}
