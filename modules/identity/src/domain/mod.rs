//! Rules about people and their logins. Nothing here does I/O.

mod lockout;
mod office;
mod rights;
mod user;

pub(crate) use lockout::Attempts;
pub(crate) use office::Office;
pub(crate) use rights::{may_delete, may_see, may_write};
pub use user::{User, UserKind};
pub(crate) use user::{date_of, faults, placeholder_mail};
