//! Form.io schemas: parse, evaluate, validate; pure, without input or output.
//!
//! A [`Form`] is parsed once from its Form.io JSON and then answers questions about the data of a submission:
//! is it valid ([`Form::validate`]), how does it read to a person ([`Form::answers`]), which uploads does it name
//! ([`file_references`]), and how does it look in each version of the API ([`flatten`], [`without_data_wrappers`],
//! [`normalise_input`]). The data itself is always kept exactly as Form.io nests it.
//!
//! What only JavaScript can decide (`customConditional`, `logic`, JSON logic) is *undecided* here: such a field is
//! never required, never cleared, and shown when it holds something.

mod answers;
mod applicant;
mod conditions;
mod dates;
mod files;
mod flat;
mod money;
mod pattern;
mod payment;
mod rules;
mod schema;
mod shape;
mod validate;
mod values;
mod versions;

pub use answers::{Answer, AnswerValue, EMPTY_ANSWER, Section};
pub use applicant::{Applicant, Geolocation, PostalAddress, application_subject, geolocation};
pub use files::{FileRef, file_references, upload_id};
pub use flat::{flatten, unflatten};
pub use money::{MAX_AMOUNT_CENTS, parse_cents};
pub use payment::{FinancialRow, PaymentFields};
pub use schema::{Field, Form, FormError, Kind, MAX_COMPONENTS, MAX_DEPTH, Page};
pub use validate::{FieldError, Mode};
pub use versions::{normalise_input, with_data_wrappers, without_data_wrappers};
