//! When the intermediary is asked next: densely at first, thinning out (`payments.md` §10.5).

use std::time::Duration;

use chrono::{Datelike, Days, TimeZone};
use opencity_kernel::instant::Instant;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What follows from a check that found the debt unpaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextCheck {
    /// The next check, on a whole second.
    At(Instant),
    /// None: the payment expires.
    Expired,
    /// It was never checked, so nothing is computed anew.
    Unchanged,
}

/// The first check: a minute after the creation.
pub fn first_check(now: Instant) -> Instant {
    whole_second(now.plus(Duration::from_secs(MINUTE)))
}

/// The check after the one at `last_check_at`. The payment's age at that check decides, bounds included; it is counted from now,
/// and the last check falls on the expiry.
pub fn next_check(
    created_at: Instant,
    last_check_at: Option<Instant>,
    now: Instant,
    expire_at: Option<Instant>,
) -> NextCheck {
    let Some(last) = last_check_at else {
        return NextCheck::Unchanged;
    };
    if expire_at.is_some_and(|expire_at| expire_at <= now) {
        return NextCheck::Expired;
    }
    let age = last.since(created_at);
    let within = |seconds: u64| age <= Duration::from_secs(seconds);
    let next = if within(5 * MINUTE) {
        now.plus(Duration::from_secs(MINUTE))
    } else if within(15 * MINUTE) {
        now.plus(Duration::from_secs(5 * MINUTE))
    } else if within(7 * DAY) {
        now.plus(Duration::from_secs(HOUR))
    } else if within(30 * DAY) {
        now.plus(Duration::from_secs(6 * HOUR))
    } else if within(365 * DAY) {
        next_sunday(now)
    } else {
        return NextCheck::Expired;
    };
    NextCheck::At(whole_second(
        expire_at.map_or(next, |expire_at| next.min(expire_at)),
    ))
}

/// The next Sunday in Italy at the same time of day; on a Sunday the following one.
fn next_sunday(now: Instant) -> Instant {
    let here = now.rome();
    let days = u64::from(7 - here.weekday().num_days_from_sunday());
    here.naive_local()
        .checked_add_days(Days::new(days))
        .and_then(|local| here.timezone().from_local_datetime(&local).earliest())
        // An hour that the clock change leaves out: the same span in plain hours.
        .map_or_else(
            || now.plus(Duration::from_secs(days * DAY)),
            |time| Instant::from_utc(time.to_utc()),
        )
}

fn whole_second(instant: Instant) -> Instant {
    Instant::from_unix(instant.unix())
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

    fn at(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    /// Created on Monday 10 March 2025 at 9 in Italy.
    const CREATED: &str = "2025-03-10T09:00:00+01:00";

    fn next(last: &str, now: &str, expire: Option<&str>) -> NextCheck {
        next_check(at(CREATED), Some(at(last)), at(now), expire.map(at))
    }

    #[test]
    fn the_interval_follows_the_age_at_the_last_check_bounds_included() {
        for (last, expected) in [
            ("2025-03-10T09:00:00+01:00", "2025-03-10T09:01:00+01:00"),
            ("2025-03-10T09:05:00+01:00", "2025-03-10T09:06:00+01:00"),
            ("2025-03-10T09:05:01+01:00", "2025-03-10T09:10:01+01:00"),
            ("2025-03-10T09:15:00+01:00", "2025-03-10T09:20:00+01:00"),
            ("2025-03-10T09:15:01+01:00", "2025-03-10T10:15:01+01:00"),
            ("2025-03-17T09:00:00+01:00", "2025-03-17T10:00:00+01:00"),
            ("2025-03-17T09:00:01+01:00", "2025-03-17T15:00:01+01:00"),
            ("2025-04-09T09:00:00+01:00", "2025-04-09T15:00:00+01:00"),
            // Wednesday 9 April, after thirty days: Sunday 13 April.
            ("2025-04-09T09:00:01+01:00", "2025-04-13T09:00:01+01:00"),
            ("2026-03-10T09:00:00+01:00", "2026-03-15T09:00:00+01:00"),
        ] {
            assert_eq!(
                next(last, last, None),
                NextCheck::At(at(expected)),
                "{last}"
            );
        }
        assert_eq!(
            next(
                "2026-03-10T09:00:01+01:00",
                "2026-03-10T09:00:01+01:00",
                None
            ),
            NextCheck::Expired
        );
    }

    #[test]
    fn a_sunday_is_followed_by_the_next_one_at_the_same_time_of_day_over_the_clock_change() {
        let sunday = "2025-10-19T09:30:00+02:00";
        assert_eq!(
            next(sunday, sunday, None),
            NextCheck::At(at("2025-10-26T09:30:00+01:00"))
        );
    }

    #[test]
    fn the_span_counts_from_now_and_loses_its_fraction() {
        assert_eq!(
            next(
                "2025-03-10T09:01:00+01:00",
                "2025-03-10T09:03:07.9+01:00",
                None
            ),
            NextCheck::At(at("2025-03-10T09:04:07+01:00"))
        );
    }

    #[test]
    fn the_last_check_falls_on_the_expiry_and_then_the_payment_expires() {
        let expiry = Some("2025-03-10T09:30:00+01:00");
        assert_eq!(
            next(
                "2025-03-10T09:20:00+01:00",
                "2025-03-10T09:20:00+01:00",
                expiry
            ),
            NextCheck::At(at("2025-03-10T09:30:00+01:00"))
        );
        assert_eq!(
            next(
                "2025-03-10T09:30:00+01:00",
                "2025-03-10T09:30:00+01:00",
                expiry
            ),
            NextCheck::Expired
        );
    }

    #[test]
    fn without_a_check_nothing_is_computed() {
        assert_eq!(
            next_check(at(CREATED), None, at(CREATED), None),
            NextCheck::Unchanged
        );
        assert_eq!(
            first_check(at("2025-03-10T09:00:00.5+01:00")),
            at("2025-03-10T09:01:00+01:00")
        );
    }
}
