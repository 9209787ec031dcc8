//! The schema of `applications`.

use serde_json::{Value, json};

use super::{
    Object, amount, count, file, file_fields, flag, integer, list, map, nullable, object, short,
    text, time, uuid, words,
};
use crate::application::{ApplicationStatus, ExternalAction, SourceType};
use crate::document::DocumentType;
use crate::payment::HttpMethod;

pub(super) fn application() -> Object {
    let numbers = nullable(list(object().has(text(), "id protocollo").build()));
    let exchanged = nullable(file_fields().may_have(list(file()), "attachments").build());
    let codes: Vec<&str> = ApplicationStatus::ALL
        .iter()
        .map(|status| status.as_str())
        .collect();
    let names: Vec<&str> = ApplicationStatus::ALL
        .iter()
        .map(|status| status.name())
        .collect();
    let act = object()
        .has(uuid(), "id")
        .has(words(DocumentType::ALL), "type")
        .has(nullable(uuid()), "actor")
        .has(list(uuid()), "message_ids file_ids");
    let link = object()
        .has(text(), "action url")
        .has(nullable(text()), "description");
    let texts = "user_name external_id service service_name service_group_name subject locale outcome_motivation payment_type \
        user_compilation_notes protocol_folder_number protocol_folder_code protocol_number protocol_document_id \
        outcome_protocol_number outcome_protocol_document_id";
    object()
        .has(uuid(), "user service_id tenant")
        .has(nullable(text()), texts)
        .may_have(nullable(text()), "integration_outbound_protocol_number integration_outbound_protocol_document_id")
        .may_have(nullable(text()), "integration_inbound_protocol_number integration_inbound_protocol_document_id")
        .may_have(nullable(time()), "integration_outbound_protocolled_at integration_inbound_protocolled_at")
        .has(nullable(uuid()), "user_group_id operator_id")
        .has(map(), "data submission")
        .has(nullable(object().has(uuid(), "id").has(count(), "version").build()), "form")
        .has(nullable(act.build()), "act")
        .has(list(file()), "compiled_modules attachments outcome_attachments")
        .has(nullable(file()), "outcome_file")
        .has(nullable(integer()), "creation_time submission_time latest_status_change_time protocol_time outcome_protocol_time")
        .has(nullable(time()), "created_at submitted_at latest_status_change_at protocolled_at outcome_protocolled_at")
        .has(nullable(time()), "flow_changed_at")
        .has(time(), "updated_at")
        .has(numbers, "protocol_numbers outcome_protocol_numbers")
        .has(nullable(flag()), "outcome")
        .has(nullable(payment_data()), "payment_data")
        .has(words(&codes), "status")
        .has(words(&names), "status_name")
        .has(authentication(), "authentication")
        .has(list(link.build()), "links")
        .has(list(uuid()), "meetings")
        .has(list(object().has(exchanged, "outbound inbound").build()), "integrations")
        .has(json!({}), "backoffice_data")
        .may_have(nullable(source()), "source")
}

/// Another system's application, as it tells it.
fn source() -> Value {
    let person = object()
        .has(text(), "tax_identification_number")
        .has(nullable(text()), "name family_name")
        .build();
    let document = object()
        .has(text(), "title")
        .has(nullable(text()), "url protocol_number")
        .has(nullable(time()), "protocolled_at")
        .build();
    let payment = object()
        .has(amount(), "amount")
        .has(nullable(text()), "iuv status url")
        .build();
    let link = object()
        .has(words(ExternalAction::ALL), "action")
        .has(text(), "url")
        .build();
    object()
        .has(words(SourceType::ALL), "type")
        .has(text(), "external_system external_id")
        .has(nullable(time()), "updated_at")
        .has(nullable(person), "subject applicant beneficiary")
        .has(list(document), "documents")
        .has(list(payment), "payments")
        .has(list(link), "links")
        .build()
}

fn payment_data() -> Value {
    let endpoint = object()
        .has(text(), "url")
        .has(words(HttpMethod::ALL), "method")
        .build();
    let split = object()
        .has(text(), "code")
        .has(amount_text(), "amount")
        .has(map(), "meta")
        .build();
    let stamp = object()
        .has(amount_text(), "amount")
        .has(nullable(text()), "collection_data")
        .has(short(140), "reason")
        .build();
    object()
        .has(short(140), "reason")
        .has(amount_text(), "amount")
        .has(time(), "expire_at")
        .has(nullable(list(split)), "split")
        .has(nullable(list(stamp)), "stamps")
        .has(endpoint, "notify landing")
        .has(uuid(), "config_id")
        .may_have(json!({"type": "integer", "minimum": 1}), "attempt")
        .build()
}

fn authentication() -> Value {
    object()
        .has(
            nullable(text()),
            "authentication_method session_id spid_code spid_level session_index",
        )
        .has(
            nullable(text()),
            "certificate_issuer certificate_subject certificate",
        )
        .has(nullable(time()), "instant")
        .build()
}

/// An amount in a string, as in `payment_data`.
fn amount_text() -> Value {
    json!({"type": "string", "pattern": "^[0-9]+([.,][0-9]{1,2})?$", "examples": ["16.00"]})
}
