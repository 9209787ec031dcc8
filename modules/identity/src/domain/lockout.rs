//! Lockout: three failures within an hour lock an account for ten minutes (decisions §10).

use std::time::Duration;

use opencity_kernel::instant::Instant;

const FAILURES: usize = 3;
const WINDOW: Duration = Duration::from_secs(3600);
const LOCK: Duration = Duration::from_secs(600);

/// What is known of the failed logins of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attempts {
    /// Failures that count, oldest first.
    pub(crate) failures: Vec<Instant>,
    /// Until when everything is refused.
    pub(crate) locked_until: Option<Instant>,
}

impl Attempts {
    /// Whole seconds until the name may try again, if it may not now.
    pub(crate) fn locked_for(&self, now: Instant) -> Option<u64> {
        let left = self.locked_until?.since(now);
        (!left.is_zero()).then(|| left.as_secs() + u64::from(left.subsec_nanos() > 0))
    }

    /// One failure more. The third one locks, and counting begins anew after the lock.
    pub(crate) fn failed(&self, now: Instant) -> Self {
        let since = now.minus(WINDOW);
        let mut failures: Vec<Instant> = self
            .failures
            .iter()
            .copied()
            .filter(|at| *at > since)
            .collect();
        failures.push(now);
        if failures.len() >= FAILURES {
            Self {
                failures: Vec::new(),
                locked_until: Some(now.plus(LOCK)),
            }
        } else {
            Self {
                failures,
                locked_until: None,
            }
        }
    }

    /// Before when a record says nothing any more.
    pub(crate) fn forgotten_before(now: Instant) -> Instant {
        now.minus(WINDOW + LOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_unix(1_800_000_000 + seconds)
    }

    fn after(failures: &[i64]) -> Attempts {
        failures
            .iter()
            .fold(Attempts::default(), |attempts, second| {
                attempts.failed(at(*second))
            })
    }

    #[test]
    fn the_third_failure_within_an_hour_locks_for_ten_minutes() {
        assert_eq!(after(&[0, 10]).locked_for(at(10)), None);
        let locked = after(&[0, 10, 3599]);
        assert_eq!(locked.locked_for(at(3599)), Some(600));
        assert_eq!(locked.locked_for(at(4198)), Some(1));
        assert_eq!(locked.locked_for(at(4199)), None);
    }

    #[test]
    fn failures_of_more_than_an_hour_ago_do_not_count() {
        assert_eq!(after(&[0, 10, 3605]).locked_for(at(3605)), None);
        assert_eq!(after(&[0, 10, 3605, 3606]).locked_for(at(3606)), Some(600));
    }

    #[test]
    fn after_the_lock_counting_begins_anew() {
        assert_eq!(after(&[0, 1, 2, 700, 701]).locked_for(at(701)), None);
        assert_eq!(
            after(&[0, 1, 2, 700, 701, 702]).locked_for(at(702)),
            Some(600)
        );
    }

    #[test]
    fn a_part_of_a_second_counts_as_a_second() {
        let locked = after(&[0, 1, 2]);
        assert_eq!(
            locked.locked_for(at(601).plus(Duration::from_millis(500))),
            Some(1)
        );
    }
}
