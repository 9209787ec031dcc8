//! Protocol numbers: those of a registry and those given by hand.

use chrono::{DateTime, Utc};
use opencity_contracts::{Application, DocumentEvent, DocumentStatus, DocumentType};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A number and what comes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbered {
    /// The protocol number.
    pub number: String,
    /// The registry's own id of the document.
    pub document_id: Option<String>,
    /// When it was registered.
    pub date: Option<DateTime<Utc>>,
    /// The registry's number of the folder.
    pub folder_number: Option<String>,
}

/// Where a number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Registry,
    Hand,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Hand => "hand",
        }
    }
}

/// The numbers that an application shows, by the kind of the act that has each.
pub(crate) fn of_application(application: &Application) -> Vec<(DocumentType, Numbered)> {
    let a = application;
    [
        (
            DocumentType::ApplicationRequest,
            &a.protocol_number,
            &a.protocol_document_id,
            a.protocolled_at,
            a.protocol_folder_number.clone(),
        ),
        (
            DocumentType::ApplicationOutcome,
            &a.outcome_protocol_number,
            &a.outcome_protocol_document_id,
            a.outcome_protocolled_at,
            None,
        ),
        (
            DocumentType::IntegrationRequest,
            &a.integration_outbound_protocol_number,
            &a.integration_outbound_protocol_document_id,
            a.integration_outbound_protocolled_at,
            None,
        ),
        (
            DocumentType::IntegrationResponse,
            &a.integration_inbound_protocol_number,
            &a.integration_inbound_protocol_document_id,
            a.integration_inbound_protocolled_at,
            None,
        ),
    ]
    .into_iter()
    .filter_map(|(kind, number, document_id, date, folder_number)| {
        let number = number.clone().filter(|number| !number.trim().is_empty())?;
        Some((
            kind,
            Numbered {
                number,
                document_id: document_id.clone(),
                date,
                folder_number,
            },
        ))
    })
    .collect()
}

/// Completes the document with its first number.
pub(crate) fn complete(document: &mut DocumentEvent, numbered: &Numbered, now: DateTime<Utc>) {
    let registration = &mut document.registration_data;
    registration.document_number = Some(numbered.number.clone());
    registration.document_id.clone_from(&numbered.document_id);
    registration.date = Some(numbered.date.unwrap_or(now));
    if numbered.folder_number.is_some() {
        document.folder.id.clone_from(&numbered.folder_number);
    }
    document.call_in_flight_until = None;
    document.status = DocumentStatus::RegistrationComplete;
}

/// Keeps the number reserved by a registry that still lacks a file.
pub(crate) fn reserve(document: &mut DocumentEvent, numbered: &Numbered, now: DateTime<Utc>) {
    complete(document, numbered, now);
    document.status = DocumentStatus::PartialRegistration;
}

/// Keeps a number that came when the document had one: an anomaly, which never replaces the first (decisions §5).
pub(crate) fn keep_second(document: &mut DocumentEvent, numbered: &Numbered, source: Source) {
    document.registration_data.extra.insert(
        "second_number".to_owned(),
        json!({
            "document_number": numbered.number,
            "document_id": numbered.document_id,
            "date": numbered.date.map(|date| opencity_kernel::instant::Instant::from_utc(date).to_wire()),
            "source": source.as_str(),
        }),
    );
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn numbered(number: &str) -> Numbered {
        Numbered {
            number: number.to_owned(),
            document_id: None,
            date: None,
            folder_number: None,
        }
    }

    #[test]
    fn a_second_number_never_replaces_the_first() {
        let mut document = DocumentEvent::default();
        complete(&mut document, &numbered("1"), DateTime::UNIX_EPOCH);
        keep_second(&mut document, &numbered("2"), Source::Hand);
        assert_eq!(
            document.registration_data.document_number.as_deref(),
            Some("1")
        );
        assert_eq!(
            document.registration_data.extra["second_number"]["document_number"],
            "2"
        );
        assert_eq!(
            document.registration_data.extra["second_number"]["source"],
            "hand"
        );
    }

    #[test]
    fn each_number_of_an_application_belongs_to_its_act() {
        let application = Application {
            protocol_number: Some("1".to_owned()),
            outcome_protocol_number: Some("2".to_owned()),
            integration_outbound_protocol_number: Some("3".to_owned()),
            integration_inbound_protocol_number: Some(" ".to_owned()),
            ..Application::default()
        };
        let found: Vec<(DocumentType, String)> = of_application(&application)
            .into_iter()
            .map(|(kind, numbered)| (kind, numbered.number))
            .collect();
        assert_eq!(
            found,
            [
                (DocumentType::ApplicationRequest, "1".to_owned()),
                (DocumentType::ApplicationOutcome, "2".to_owned()),
                (DocumentType::IntegrationRequest, "3".to_owned()),
            ]
        );
    }
}
