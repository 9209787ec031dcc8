//! The body of an event on `messages`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::file::{File, RemoteCollection};
use crate::payload::payload;
use crate::wire::{rome, rome_option, text_enum};

text_enum! {
    /// Who may read a message.
    #[derive(Default)]
    pub enum Visibility {
        /// Operators only.
        #[default]
        Internal => "internal",
        /// The applicant too.
        Applicant => "applicant",
    }
}

text_enum! {
    /// From which side a message comes.
    #[derive(Default)]
    pub enum TransmissionType {
        /// From the citizen.
        Inbound => "inbound",
        /// From the office.
        #[default]
        Outbound => "outbound",
    }
}

text_enum! {
    /// Why a message was written.
    ///
    /// A message is delivered once, at its first event (`oc-aggregate-version` 1), unless it has `sent_at` already. That event is
    /// `created` for what somebody wrote, which fires `message_created`; it is `data` for [`Status`](Self::Status), so that the
    /// change of state alone fires, and never twice. The history row and the application event of that change name the message.
    #[derive(Default)]
    pub enum MessageOrigin {
        /// Somebody wrote it.
        #[default]
        Person => "person",
        /// The platform wrote it because the application entered a state.
        Status => "status",
    }
}

/// An id given by a system outside, given back in the form in which it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ExternalId {
    /// An integer.
    Number(i64),
    /// A string.
    Text(String),
}

/// A button of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallToAction {
    /// What it says.
    pub label: String,
    /// Where it leads.
    pub link: String,
}

/// A message on an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The message.
    pub id: Uuid,
    /// HTML, as it was received.
    pub message: String,
    /// Its subject.
    #[serde(default)]
    pub subject: Option<String>,
    /// Who wrote it; null for the platform itself.
    #[serde(default)]
    pub author_id: Option<Uuid>,
    /// The citizen who owns the application.
    #[serde(default)]
    pub user_id: Option<Uuid>,
    /// Where it is sent.
    #[serde(default)]
    pub email: Option<String>,
    /// What goes with it.
    #[serde(default)]
    pub attachments: Vec<File>,
    /// When it was written.
    #[serde(with = "rome")]
    pub created_at: DateTime<Utc>,
    /// When it was delivered.
    #[serde(default, with = "rome_option")]
    pub sent_at: Option<DateTime<Utc>>,
    /// When it was read.
    #[serde(default, with = "rome_option")]
    pub read_at: Option<DateTime<Utc>>,
    /// When a button of it was used.
    #[serde(default, with = "rome_option")]
    pub clicked_at: Option<DateTime<Utc>>,
    /// Its id in a system outside, which then skips it.
    #[serde(default)]
    pub external_id: Option<ExternalId>,
    /// Whether it is to be registered.
    #[serde(default)]
    pub protocol_required: bool,
    /// When it was registered.
    #[serde(default, with = "rome_option")]
    pub protocolled_at: Option<DateTime<Utc>>,
    /// Its protocol number.
    #[serde(default)]
    pub protocol_number: Option<String>,
    /// The application.
    pub related_entity_id: Uuid,
    /// `application`.
    pub related_entity_type: String,
    /// From which side.
    pub transmission_type: TransmissionType,
    /// Who may read it.
    pub visibility: Visibility,
    /// The service of the application.
    pub remote_collection: RemoteCollection,
    /// Its buttons, e.g. the way to the payment.
    #[serde(default)]
    pub call_to_actions: Vec<CallToAction>,
    /// Why it was written.
    #[serde(default)]
    pub origin: MessageOrigin,
}

payload!(Message, Messages, |message, _tenant| message
    .related_entity_id);
