//! Rules: when an event is tried again, and when it is not any more.

mod failed;
mod schedule;
mod state;

pub(crate) use failed::FailedEvent;
pub use schedule::{Schedule, ScheduleError};
pub use state::State;
