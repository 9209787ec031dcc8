//! When an event is tried again.

use std::time::Duration;

/// The waits before the attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    waits: Vec<Duration>,
    attempts: i64,
    jitter: f64,
}

/// Why a schedule is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// No wait.
    #[error("retry.schedule_seconds needs at least one number")]
    Empty,
    /// Nothing is ever tried again.
    #[error("retry.attempts takes 1 or more")]
    NoAttempts,
    /// Waits below zero.
    #[error("retry.jitter_percent takes 0 to 100")]
    Jitter,
}

impl Schedule {
    /// A schedule: the wait before each attempt in seconds (the last one repeats), the number of
    /// attempts, and by how many percent a wait may be shorter or longer.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn new(seconds: &[u64], attempts: i64, jitter_percent: u8) -> Result<Self, ScheduleError> {
        if seconds.is_empty() {
            return Err(ScheduleError::Empty);
        }
        if attempts < 1 {
            return Err(ScheduleError::NoAttempts);
        }
        if jitter_percent > 100 {
            return Err(ScheduleError::Jitter);
        }
        Ok(Self {
            waits: seconds
                .iter()
                .map(|seconds| Duration::from_secs(*seconds))
                .collect(),
            attempts,
            jitter: f64::from(jitter_percent) / 100.0,
        })
    }

    /// How many attempts an event has.
    #[must_use]
    pub fn attempts(&self) -> i64 {
        self.attempts
    }

    /// How long to wait before an attempt (from 1); `luck` is a random number from 0 to 1. Without it,
    /// everything that failed together would come back together.
    #[must_use]
    pub fn wait_before(&self, attempt: i64, luck: f64) -> Duration {
        let index = usize::try_from(attempt - 1).unwrap_or(0);
        let wait = self
            .waits
            .get(index)
            .or(self.waits.last())
            .copied()
            .unwrap_or_default();
        wait.mul_f64(1.0 + self.jitter * (2.0 * luck.clamp(0.0, 1.0) - 1.0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECONDS: &[u64] = &[60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400];

    #[test]
    fn the_waits_are_those_of_the_schedule_and_the_last_one_repeats() {
        let schedule = Schedule::new(SECONDS, 10, 20).unwrap();
        let waits: Vec<u64> = (1..=10)
            .map(|attempt| schedule.wait_before(attempt, 0.5).as_secs())
            .collect();
        assert_eq!(
            waits,
            [
                60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400, 86_400, 86_400
            ]
        );
    }

    #[test]
    fn the_jitter_is_at_most_a_fifth_in_both_directions() {
        let schedule = Schedule::new(SECONDS, 10, 20).unwrap();
        assert_eq!(schedule.wait_before(1, 0.0).as_secs(), 48);
        assert_eq!(schedule.wait_before(1, 1.0).as_secs(), 72);
    }

    #[test]
    fn a_schedule_that_tries_nothing_is_refused() {
        assert_eq!(Schedule::new(&[], 10, 20), Err(ScheduleError::Empty));
        assert_eq!(
            Schedule::new(SECONDS, 0, 20),
            Err(ScheduleError::NoAttempts)
        );
        assert_eq!(Schedule::new(SECONDS, 10, 101), Err(ScheduleError::Jitter));
    }
}
