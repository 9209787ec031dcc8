//! When a delivery is sent again, and when no more.

use std::time::Duration;

use chrono::DateTime;
use opencity_kernel::instant::Instant;

/// The longest wait that a target may ask for.
const LONGEST: Duration = Duration::from_secs(86_400);

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// An answer with this status.
    Answered {
        /// The status.
        status: u16,
        /// How long the target asks to wait.
        retry_after: Option<Duration>,
    },
    /// No answer.
    NoAnswer,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The target took it.
    Delivered,
    /// Another attempt after this wait.
    Again(Duration),
    /// No attempt is left.
    Failed,
    /// The target wants nothing any more.
    SwitchOff,
}

/// The waits before the attempts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    waits: Vec<Duration>,
    jitter: f64,
}

impl Schedule {
    /// A schedule: seconds before each attempt, and by how many percent a wait may differ. `None` without
    /// any attempt, or with waits that could be below zero.
    pub(crate) fn new(seconds: &[u64], jitter_percent: u8) -> Option<Self> {
        (!seconds.is_empty() && jitter_percent <= 100).then(|| Self {
            waits: seconds
                .iter()
                .map(|seconds| Duration::from_secs(*seconds))
                .collect(),
            jitter: f64::from(jitter_percent) / 100.0,
        })
    }

    /// The wait before the attempt that follows so many; `luck` is a random number from 0 to 1.
    pub(crate) fn wait_after(&self, attempts: i64, luck: f64) -> Option<Duration> {
        let wait = usize::try_from(attempts)
            .ok()
            .and_then(|index| self.waits.get(index))?;
        Some(wait.mul_f64(1.0 + self.jitter * (2.0 * luck.clamp(0.0, 1.0) - 1.0)))
    }

    /// What follows the attempt of this number (from 1). A redirect is a failure: whoever may answer for the
    /// target must not send the body elsewhere.
    pub(crate) fn after(&self, number: i64, attempt: Attempt, luck: f64) -> Step {
        let asked = match attempt {
            Attempt::Answered {
                status: 200..=299, ..
            } => return Step::Delivered,
            Attempt::Answered { status: 410, .. } => return Step::SwitchOff,
            Attempt::Answered { retry_after, .. } => retry_after,
            Attempt::NoAnswer => None,
        };
        match self.wait_after(number, luck) {
            Some(wait) => Step::Again(wait.max(asked.unwrap_or_default().min(LONGEST))),
            None => Step::Failed,
        }
    }
}

/// Reads `Retry-After`: seconds, or a date.
pub(crate) fn retry_after(value: &str, now: Instant) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(value).ok()?;
    Some(Instant::from_utc(until.to_utc()).since(now))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const SECONDS: &[u64] = &[
        0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ];

    fn schedule() -> Schedule {
        Schedule::new(SECONDS, 20).unwrap()
    }

    fn answer(status: u16) -> Attempt {
        Attempt::Answered {
            status,
            retry_after: None,
        }
    }

    #[test]
    fn the_waits_are_those_of_the_schedule_and_then_it_has_failed() {
        let mut waits = Vec::new();
        let mut number = 0;
        loop {
            number += 1;
            match schedule().after(number, answer(500), 0.5) {
                Step::Again(wait) => waits.push(wait.as_secs()),
                step => break assert_eq!(step, Step::Failed),
            }
        }
        assert_eq!(waits, SECONDS[1..]);
        assert_eq!(number, 10);
        assert_eq!(
            schedule().wait_after(0, 0.9),
            Some(Duration::ZERO),
            "the first one goes at once"
        );
    }

    #[test]
    fn only_a_2xx_is_a_success_and_a_410_switches_off() {
        for status in [200, 201, 204, 299] {
            assert_eq!(schedule().after(1, answer(status), 0.5), Step::Delivered);
        }
        for status in [301, 302, 307, 400, 404, 429, 500, 503] {
            assert_eq!(
                schedule().after(1, answer(status), 0.5),
                Step::Again(Duration::from_secs(5)),
                "{status}"
            );
        }
        assert_eq!(
            schedule().after(1, Attempt::NoAnswer, 0.5),
            Step::Again(Duration::from_secs(5))
        );
        assert_eq!(schedule().after(3, answer(410), 0.5), Step::SwitchOff);
    }

    #[test]
    fn a_target_may_ask_for_a_longer_wait_but_for_no_more_than_a_day() {
        let asks = |seconds| Attempt::Answered {
            status: 429,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        assert_eq!(
            schedule().after(1, asks(120), 0.5),
            Step::Again(Duration::from_secs(120))
        );
        assert_eq!(
            schedule().after(1, asks(1), 0.5),
            Step::Again(Duration::from_secs(5))
        );
        assert_eq!(
            schedule().after(1, asks(10_000_000), 0.5),
            Step::Again(Duration::from_secs(86_400))
        );
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = Instant::parse("2025-03-10T08:00:00Z").unwrap();
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(
            retry_after("Mon, 10 Mar 2025 08:01:00 GMT", now),
            Some(Duration::from_secs(60))
        );
        assert_eq!(
            retry_after("Mon, 10 Mar 2025 07:00:00 GMT", now),
            Some(Duration::ZERO)
        );
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn the_jitter_is_at_most_a_fifth() {
        assert_eq!(
            schedule().wait_after(2, 0.0),
            Some(Duration::from_secs(240))
        );
        assert_eq!(
            schedule().wait_after(2, 1.0),
            Some(Duration::from_secs(360))
        );
    }
}
