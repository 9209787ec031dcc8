//! What PUT and PATCH change of an application.

use opencity_kernel::Problem;
use opencity_kernel::http::given;
use opencity_kernel::id::UserId;
use opencity_kernel::instant::Instant;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::short;
use crate::aggregate::Aggregate;
use crate::domain::{ActKind, Status};
use crate::engine::Number;

/// A change of an application. The body of a GET may be sent back: keys not named here are ignored, and what does not change must
/// be as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ApplicationChange, example = json!({"protocol_number": "2025/1042", "protocol_folder_number": "6.3-12"}))]
#[serde(default)]
pub struct Changes {
    /// The form's data as a whole, in any version.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
    /// The present state, where the body of a GET is sent back; transitions change it.
    #[schema(value_type = Option<String>)]
    pub status: Option<Status>,
    /// The service as POST takes it, where it is sent back; it does not change.
    #[schema(max_length = 255)]
    pub service: Option<String>,
    /// The citizen, where he is sent back; he does not change.
    pub user: Option<UserId>,
    /// When it was begun, where it is sent back; it does not change.
    pub created_at: Option<Instant>,
    /// Its id in a system outside.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    pub external_id: Option<Option<String>>,
    /// What the office writes on its own form.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    pub backoffice_data: Option<Option<Value>>,
    /// The payment connector, where the service has several.
    #[schema(max_length = 255)]
    pub payment_type: Option<String>,
    /// The registry's number of the folder.
    #[schema(max_length = 255)]
    pub protocol_folder_number: Option<String>,
    /// The folder's title.
    #[schema(max_length = 255)]
    pub protocol_folder_code: Option<String>,
    /// The protocol number of the request.
    #[schema(max_length = 255)]
    pub protocol_number: Option<String>,
    /// The registry's id of the request.
    #[schema(max_length = 255)]
    pub protocol_document_id: Option<String>,
    /// When the request was registered.
    pub protocolled_at: Option<Instant>,
    /// The protocol number of the outcome.
    #[schema(max_length = 255)]
    pub outcome_protocol_number: Option<String>,
    /// The registry's id of the outcome.
    #[schema(max_length = 255)]
    pub outcome_protocol_document_id: Option<String>,
    /// When the outcome was registered.
    pub outcome_protocolled_at: Option<Instant>,
    /// The protocol number of the request for integrations.
    #[schema(max_length = 255)]
    pub integration_outbound_protocol_number: Option<String>,
    /// The registry's id of it.
    #[schema(max_length = 255)]
    pub integration_outbound_protocol_document_id: Option<String>,
    /// When it was registered.
    pub integration_outbound_protocolled_at: Option<Instant>,
    /// The protocol number of the answer.
    #[schema(max_length = 255)]
    pub integration_inbound_protocol_number: Option<String>,
    /// The registry's id of it.
    #[schema(max_length = 255)]
    pub integration_inbound_protocol_document_id: Option<String>,
    /// When it was registered.
    pub integration_inbound_protocolled_at: Option<Instant>,
}

impl Changes {
    pub(super) fn check(&self) -> Result<(), Problem> {
        let numbers = [
            ("protocol_number", &self.protocol_number),
            ("outcome_protocol_number", &self.outcome_protocol_number),
            (
                "integration_outbound_protocol_number",
                &self.integration_outbound_protocol_number,
            ),
            (
                "integration_inbound_protocol_number",
                &self.integration_inbound_protocol_number,
            ),
        ];
        let others = [
            ("payment_type", &self.payment_type),
            ("protocol_folder_number", &self.protocol_folder_number),
            ("protocol_folder_code", &self.protocol_folder_code),
            ("protocol_document_id", &self.protocol_document_id),
            (
                "outcome_protocol_document_id",
                &self.outcome_protocol_document_id,
            ),
            (
                "integration_outbound_protocol_document_id",
                &self.integration_outbound_protocol_document_id,
            ),
            (
                "integration_inbound_protocol_document_id",
                &self.integration_inbound_protocol_document_id,
            ),
        ];
        let external_id = self.external_id.as_ref().and_then(Option::as_deref);
        short(
            numbers
                .iter()
                .chain(&others)
                .map(|(field, text)| (*field, text.as_deref()))
                .chain([("external_id", external_id)]),
        )?;
        let blank = |text: &str| text.trim().is_empty();
        match numbers
            .iter()
            .find(|(_, number)| number.as_deref().is_some_and(blank))
        {
            Some((field, _)) => Err(Problem::field(
                field,
                "required",
                "Give the number, or leave it out.",
            )),
            None => Ok(()),
        }
    }

    /// The protocol data, by act; those that say nothing new are left out.
    pub(super) fn numbers(&self, aggregate: &Aggregate) -> Vec<(ActKind, Number)> {
        let row = &aggregate.row;
        let details = &aggregate.details;
        let plain =
            |number: &Option<String>, document_id: &Option<String>, at: Option<Instant>| Number {
                number: number.clone(),
                document_id: document_id.clone(),
                at,
                ..Number::default()
            };
        let new_text = |new: &Option<String>, old: &Option<String>| new.is_some() && new != old;
        let same_second = |new: Option<Instant>, old: Option<Instant>| {
            new.is_none() || new.map(Instant::unix) == old.map(Instant::unix)
        };
        let mut numbers = Vec::new();
        if new_text(&self.protocol_number, &row.protocol_number)
            || new_text(&self.protocol_document_id, &details.protocol_document_id)
            || new_text(
                &self.protocol_folder_number,
                &details.protocol_folder_number,
            )
            || new_text(&self.protocol_folder_code, &details.protocol_folder_code)
            || !same_second(self.protocolled_at, row.protocolled_at)
        {
            let number = Number {
                folder_number: self.protocol_folder_number.clone(),
                folder_code: self.protocol_folder_code.clone(),
                ..plain(
                    &self.protocol_number,
                    &self.protocol_document_id,
                    self.protocolled_at,
                )
            };
            numbers.push((ActKind::Request, number));
        }
        let others = [
            (
                ActKind::IntegrationRequest,
                plain(
                    &self.integration_outbound_protocol_number,
                    &self.integration_outbound_protocol_document_id,
                    self.integration_outbound_protocolled_at,
                ),
                &details.integration_outbound,
            ),
            (
                ActKind::IntegrationResponse,
                plain(
                    &self.integration_inbound_protocol_number,
                    &self.integration_inbound_protocol_document_id,
                    self.integration_inbound_protocolled_at,
                ),
                &details.integration_inbound,
            ),
            (
                ActKind::Outcome,
                plain(
                    &self.outcome_protocol_number,
                    &self.outcome_protocol_document_id,
                    self.outcome_protocolled_at,
                ),
                &details.outcome_number,
            ),
        ];
        for (kind, number, held) in others {
            if new_text(&number.number, &held.number)
                || new_text(&number.document_id, &held.document_id)
                || !same_second(number.at, held.at)
            {
                numbers.push((kind, number));
            }
        }
        numbers
    }

    /// The first field of those that do not change which says something else than it is. Times are told in whole seconds.
    pub(super) fn unchangeable(&self, aggregate: &Aggregate) -> Option<&'static str> {
        let row = &aggregate.row;
        let known = &aggregate.service;
        let is_service = |name: &String| {
            *name == row.service_id.to_string()
                || *name == known.slug
                || known.identifier.as_ref() == Some(name)
        };
        if !self.service.as_ref().is_none_or(is_service) {
            Some("service")
        } else if self.user.is_some_and(|user| user != row.user_id) {
            Some("user")
        } else if self
            .created_at
            .is_some_and(|at| at.unix() != row.created_at.unix())
        {
            Some("created_at")
        } else {
            None
        }
    }

    pub(super) fn changes_data(&self, aggregate: &Aggregate) -> bool {
        self.unchangeable(aggregate).is_some()
            || self.data.is_some()
            || self.external_id.is_some()
            || self.payment_type.is_some()
            || self.status.is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_with_null_is_told_from_one_that_is_missing() {
        let none: Changes = serde_json::from_value(json!({})).unwrap();
        assert!(none.external_id.is_none());
        let null: Changes = serde_json::from_value(json!({"external_id": null})).unwrap();
        assert_eq!(null.external_id, Some(None));
    }
}
