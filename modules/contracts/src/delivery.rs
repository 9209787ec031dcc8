//! The body of an event on `deliveries`. It names no address.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::payload::payload;
use crate::wire::{rome, rome_option, text_enum};

text_enum! {
    /// What became of it.
    #[derive(Default)]
    pub enum DeliveryStatus {
        /// Handed over.
        #[default]
        Sent => "sent",
        /// Given up.
        Failed => "failed",
        /// Came back.
        Bounced => "bounced",
    }
}

text_enum! {
    /// The way that it went.
    #[derive(Default)]
    pub enum Channel {
        /// E-mail.
        #[default]
        Email => "email",
        /// The national app for citizens.
        AppIo => "app_io",
        /// Certified mail.
        Pec => "pec",
    }
}

text_enum! {
    /// For whom it was.
    #[derive(Default)]
    pub enum Recipient {
        /// The citizen.
        #[default]
        Applicant => "applicant",
        /// An operator.
        Operator => "operator",
    }
}

/// One delivery of a message to one recipient by one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The delivery.
    pub id: Uuid,
    /// The application.
    pub application_id: Uuid,
    /// The message; null for a notice that is none.
    #[serde(default)]
    pub message_id: Option<Uuid>,
    /// The way.
    pub channel: Channel,
    /// For whom.
    pub recipient: Recipient,
    /// Which user, if he has an id.
    #[serde(default)]
    pub recipient_id: Option<Uuid>,
    /// What became of it.
    pub status: DeliveryStatus,
    /// When it was handed over.
    #[serde(default, with = "rome_option")]
    pub sent_at: Option<DateTime<Utc>>,
    /// Why not: a code, never the words of a mail server, which quote addresses.
    #[serde(default)]
    pub error: Option<String>,
    /// When it was first tried.
    #[serde(with = "rome")]
    pub created_at: DateTime<Utc>,
    /// When this became known.
    #[serde(with = "rome")]
    pub updated_at: DateTime<Utc>,
}

payload!(Delivery, Deliveries, |delivery, _tenant| delivery
    .application_id);
