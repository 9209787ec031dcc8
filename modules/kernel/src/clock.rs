//! The one clock. Tests can move it (feature `faults`).

use crate::instant::Instant;

#[cfg(feature = "faults")]
static AHEAD_MICROS: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

/// Now.
#[must_use]
pub fn now() -> Instant {
    let now = chrono::Utc::now().timestamp_micros();
    #[cfg(feature = "faults")]
    let now = now + AHEAD_MICROS.load(std::sync::atomic::Ordering::Relaxed);
    Instant::from_micros(now)
}

/// Moves the clock of this process forward.
#[cfg(feature = "faults")]
pub fn advance(by: std::time::Duration) {
    let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX / 4);
    AHEAD_MICROS.fetch_add(micros, std::sync::atomic::Ordering::Relaxed);
}
