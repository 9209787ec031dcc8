//! Rules: what fires, what is sent, how it is signed, when it is sent again.

pub(crate) mod body;
mod headers;
mod schedule;
mod signature;
mod state;
mod trigger;

pub(crate) use headers::check_header;
pub(crate) use schedule::{Attempt, Schedule, Step, retry_after};
pub(crate) use signature::{Secret, signature};
pub(crate) use state::DeliveryState;
pub(crate) use trigger::{Occurrence, Trigger, wants};
