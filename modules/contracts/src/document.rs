//! The body of an event on `documents`: an act of an application, made a document and brought to the registry (*protocollo*).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::file::RemoteCollection;
use crate::payload::{passed_on, payload};
use crate::payment::PersonType;
use crate::retry::RetryMeta;
use crate::wire::{rome, rome_option, text_enum};

text_enum! {
    /// Which act a document is of.
    #[derive(Default)]
    pub enum DocumentType {
        /// An application was sent.
        #[default]
        ApplicationRequest => "application-request",
        /// The office asked for integrations.
        IntegrationRequest => "integration-request",
        /// The citizen answered.
        IntegrationResponse => "integration-response",
        /// Accepted or refused.
        ApplicationOutcome => "application-outcome",
        /// Annulled by the office.
        ApplicationRevocation => "application-revocation",
        /// Withdrawn by the citizen.
        ApplicationWithdraw => "application-withdraw",
    }
}

impl DocumentType {
    /// In which direction it is registered.
    #[must_use]
    pub fn transmission(self) -> Transmission {
        match self {
            Self::ApplicationRequest | Self::IntegrationResponse | Self::ApplicationWithdraw => {
                Transmission::Inbound
            }
            Self::IntegrationRequest | Self::ApplicationOutcome | Self::ApplicationRevocation => {
                Transmission::Outbound
            }
        }
    }
}

text_enum! {
    /// The state of a document.
    #[derive(Default)]
    pub enum DocumentStatus {
        /// Made, nobody has taken it.
        #[default]
        DocumentCreated => "DOCUMENT_CREATED",
        /// A proxy has a configuration and took it.
        RegistrationPending => "REGISTRATION_PENDING",
        /// Its number is reserved, a file is still to be sent.
        PartialRegistration => "PARTIAL_REGISTRATION",
        /// Registered: the only state that moves an application.
        RegistrationComplete => "REGISTRATION_COMPLETE",
        /// A permanent error, or the retries are used up.
        RegistrationFailed => "REGISTRATION_FAILED",
    }
}

impl DocumentStatus {
    /// The states that follow by themselves or by a redrive.
    #[must_use]
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::DocumentCreated => &[Self::RegistrationPending],
            Self::RegistrationPending => &[
                Self::RegistrationComplete,
                Self::PartialRegistration,
                Self::RegistrationFailed,
            ],
            Self::PartialRegistration => &[Self::RegistrationComplete, Self::RegistrationFailed],
            Self::RegistrationFailed => &[Self::RegistrationPending],
            Self::RegistrationComplete => &[],
        }
    }

    /// Whether there is an edge to `next`.
    #[must_use]
    pub fn can_become(self, next: Self) -> bool {
        self.next().contains(&next)
    }

    /// Whether a number given by hand completes it: from every state but the complete one, where the first number stays.
    #[must_use]
    pub fn can_be_completed_by_hand(self) -> bool {
        self != Self::RegistrationComplete
    }
}

text_enum! {
    /// The direction of a registration.
    #[derive(Default)]
    pub enum Transmission {
        /// What the citizen sends.
        #[default]
        Inbound => "Inbound",
        /// What the body sends.
        Outbound => "Outbound",
    }
}

text_enum! {
    /// One of the two sides of a document.
    #[derive(Default)]
    pub enum Side {
        /// The citizen.
        #[default]
        User => "user",
        /// The body.
        Tenant => "tenant",
    }
}

text_enum! {
    /// What an author is to the document.
    #[derive(Default)]
    pub enum AuthorRole {
        /// It comes from him.
        #[default]
        Sender => "sender",
        /// It goes to him.
        Receiver => "receiver",
    }
}

/// A document and its registration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DocumentEvent {
    /// The document.
    pub id: Uuid,
    /// The citizen.
    pub owner_id: Uuid,
    /// The submission, request, answer or outcome that it is of; no two documents of one act.
    pub act_id: Uuid,
    /// Until when a call to the registry may be under way: no number by hand before.
    #[serde(default, with = "rome_option")]
    pub call_in_flight_until: Option<DateTime<Utc>>,
    /// Which act.
    #[serde(rename = "type")]
    pub kind: DocumentType,
    /// Its state.
    pub status: DocumentStatus,
    /// Title.
    pub title: String,
    /// In a line.
    #[serde(default)]
    pub short_description: Option<String>,
    /// At length.
    #[serde(default)]
    pub description: Option<String>,
    /// The application.
    pub remote_id: Uuid,
    /// The service.
    pub remote_collection: RemoteCollection,
    /// Where it is collected.
    pub folder: Folder,
    /// What the registry says.
    pub registration_data: RegistrationData,
    /// The act itself.
    pub main_document: DocumentFile,
    /// What goes with it.
    #[serde(default)]
    pub attachments: Vec<DocumentFile>,
    /// Sender and receiver.
    #[serde(default)]
    pub author: Vec<Author>,
    /// Who made it.
    pub source_type: Side,
    /// Whom it is for.
    pub recipient_type: Side,
    /// Subjects.
    #[serde(default)]
    pub topics: Vec<Value>,
    /// Pictures.
    #[serde(default)]
    pub image_gallery: Vec<Value>,
    /// Not used by us; passed on.
    #[serde(default)]
    pub has_organization: Option<Value>,
    /// When the citizen looked at it.
    #[serde(default, with = "rome_option")]
    pub last_seen: Option<DateTime<Utc>>,
    /// Where it is published.
    #[serde(default)]
    pub document_url: Option<String>,
    /// When it was made.
    #[serde(with = "rome")]
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    #[serde(with = "rome")]
    pub updated_at: DateTime<Utc>,
    /// Only on a redelivery; null in every event that a module writes anew.
    #[serde(default)]
    pub retry_meta: Option<RetryMeta>,
    /// Keys of other writers, passed on.
    #[serde(flatten, deserialize_with = "passed_on")]
    pub extra: Map<String, Value>,
}

payload!(DocumentEvent, Documents, |document, _tenant| document
    .remote_id);

/// The folder (*fascicolo*) of a document: one per service and calendar year.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// The registry's number; null before it has one.
    pub id: Option<String>,
    /// Title.
    pub title: String,
}

/// What the registry says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RegistrationData {
    /// The direction.
    pub transmission_type: Transmission,
    /// Protocol number.
    #[serde(default)]
    pub document_number: Option<String>,
    /// The registry's own id.
    #[serde(default)]
    pub document_id: Option<String>,
    /// When it was registered.
    #[serde(default, with = "rome_option")]
    pub date: Option<DateTime<Utc>>,
    /// Keys of other writers, passed on.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A file of a document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DocumentFile {
    /// The file.
    pub id: Uuid,
    /// The name under which it is kept.
    pub name: String,
    /// What it is.
    #[serde(default)]
    pub description: Option<String>,
    /// The name that people see.
    pub filename: String,
    /// Its type.
    pub mime_type: String,
    /// In bytes.
    pub size: u64,
    /// Where its bytes are.
    pub url: String,
    /// MD5 in hex.
    pub md5: String,
    /// SHA-256 in hex. AgID's *Impronta* wants base64 of the raw digest.
    pub sha256: String,
    /// Keys of other writers, passed on.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A sender or receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// A person or a body.
    #[serde(rename = "type")]
    pub kind: PersonType,
    /// Fiscal code.
    pub tax_identification_number: Option<String>,
    /// First name, or the body's.
    pub name: String,
    /// Family name.
    #[serde(default)]
    pub family_name: Option<String>,
    /// Street.
    #[serde(default)]
    pub street_name: Option<String>,
    /// House number.
    #[serde(default)]
    pub building_number: Option<String>,
    /// Postal code.
    #[serde(default)]
    pub postal_code: Option<String>,
    /// Town.
    #[serde(default)]
    pub town_name: Option<String>,
    /// Province code.
    #[serde(default)]
    pub country_subdivision: Option<String>,
    /// `IT`.
    #[serde(default)]
    pub country: Option<String>,
    /// E-mail.
    #[serde(default)]
    pub email: Option<String>,
    /// Sender or receiver.
    pub role: AuthorRole,
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )]
    use super::*;

    #[test]
    fn only_a_redrive_brings_a_failed_document_back_and_a_complete_one_stays() {
        use DocumentStatus::*;
        let edges = [
            (DocumentCreated, RegistrationPending),
            (RegistrationPending, RegistrationComplete),
            (RegistrationPending, PartialRegistration),
            (RegistrationPending, RegistrationFailed),
            (PartialRegistration, RegistrationComplete),
            (PartialRegistration, RegistrationFailed),
            (RegistrationFailed, RegistrationPending),
        ];
        for from in DocumentStatus::ALL {
            for to in DocumentStatus::ALL {
                assert_eq!(
                    from.can_become(*to),
                    edges.contains(&(*from, *to)),
                    "{from} -> {to}"
                );
            }
        }
        assert!(!RegistrationComplete.can_be_completed_by_hand());
        assert!(RegistrationFailed.can_be_completed_by_hand());
    }

    #[test]
    fn what_the_citizen_sends_comes_in() {
        assert_eq!(
            DocumentType::ApplicationWithdraw.transmission(),
            Transmission::Inbound
        );
        assert_eq!(
            DocumentType::ApplicationOutcome.transmission(),
            Transmission::Outbound
        );
    }
}
