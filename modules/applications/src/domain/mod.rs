//! The life cycle of an application (*pratica*), pure: no I/O, no database, no HTTP.
//!
//! One table ([`table::TABLE`]) says everything that may happen. [`decide`] walks it for the calls
//! of people, for the events of payments and documents and for what happens at once;
//! [`draw::states_page`] draws `docs/states.md` from it.

pub mod action;
pub mod audience;
pub mod caller;
pub mod condition;
mod decide;
pub mod draw;
pub mod payment;
pub mod plan;
pub mod refusal;
pub mod row;
pub mod status;
pub mod table;

pub use action::{ActKind, Action};
pub use audience::{Audience, audience};
pub use caller::{Caller, Who};
pub use condition::{Condition, Facts, PaymentKind};
pub use decide::{available_actions, creation, decide};
pub use payment::{ItemPayment, PaymentItem, PaymentMove, PaymentStatus};
pub use plan::{Effect, Origin, Plan};
pub use refusal::{Reason, Refusal};
pub use status::Status;
