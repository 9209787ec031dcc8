//! Delayed redelivery of events, dead letters, redrive.
