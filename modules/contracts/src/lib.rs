//! The events that modules exchange, typed and versioned.
//!
//! A module knows another one only by these. An event on the log is one flat JSON object: the [`Envelope`] and the body of the
//! entity that it is about. The types of this crate are the bodies; whoever emits adds the envelope ([`Envelope::add_to`]), and
//! whoever reads takes both from the same object ([`Envelope::read`], [`read`]). Nothing here does I/O.

pub mod application;
pub mod asyncapi;
pub mod delivery;
pub mod document;
mod envelope;
pub mod file;
pub mod form;
pub mod job;
pub mod message;
pub mod money;
mod payload;
pub mod payment;
pub mod payment_validation;
pub mod retry;
pub mod schema;
pub mod security;
pub mod service;
pub mod tenant;
mod topics;
pub mod user;
pub mod user_group;
mod version;
pub mod wire;

pub use application::{Application, ApplicationStatus};
pub use delivery::Delivery;
pub use document::{DocumentEvent, DocumentStatus, DocumentType};
pub use envelope::{Change, ChangeKind, ENVELOPE_KEYS, Envelope, EnvelopeError};
pub use form::Form;
pub use job::{Job, JobStatus};
pub use message::Message;
pub use money::Cents;
pub use payload::{MalformedPayload, Payload, read};
pub use payment::{PaymentEvent, PaymentStatus};
pub use retry::{RetryEntry, RetryMeta};
pub use security::SecurityEvent;
pub use service::Service;
pub use tenant::Tenant;
pub use topics::{KeyRule, Topic, TopicSpec, Writers};
pub use user::User;
pub use user_group::UserGroup;
pub use version::EventVersion;
