//! The JSON Schema (draft 7) of the events of each topic, as published in `/asyncapi.json`.
//!
//! A key that we always write is required, but for those of the two topics that other producers write too (`payments`, `documents`),
//! where only what version 1.0 or 2.0 of the event has is. Keys that are not named are allowed everywhere.

use serde_json::{Map, Value, json};

use crate::application::ApplicationStatus;
use crate::delivery::{Channel, DeliveryStatus, Recipient};
use crate::document::{AuthorRole, DocumentStatus, DocumentType, Side, Transmission};
use crate::envelope::ChangeKind;
use crate::job::JobStatus;
use crate::message::{TransmissionType, Visibility};
use crate::payment::{HttpMethod, PaymentStatus, PaymentType, PersonType};
use crate::security::SecurityEventType;
use crate::service::{
    AccessLevel, PaymentRequired, ResponseType, ServiceKind, ServiceStatus, Workflow,
};
use crate::topics::Topic;
use crate::user::{UserEventReason, UserRole};

/// The schema of a whole event, envelope included.
#[must_use]
pub fn schema(topic: Topic) -> Value {
    match topic {
        Topic::RetryQueue => return retry_entry(),
        Topic::Tenants => tenant(),
        Topic::Users => user(),
        Topic::UserGroups => user_group(),
        Topic::Services => service(),
        Topic::Forms => form(),
        Topic::Applications => application(),
        Topic::Messages => message(),
        Topic::Payments => payment(),
        Topic::Documents => document(),
        Topic::Deliveries => delivery(),
        Topic::Jobs => job(),
        Topic::Security => security(),
    }
    .envelope(topic)
    .build()
}

/// An object under construction. Names are separated by blanks.
#[derive(Default)]
struct Object {
    properties: Map<String, Value>,
    required: Vec<String>,
}

fn object() -> Object {
    Object::default()
}

impl Object {
    /// Keys that are always there.
    fn has(mut self, schema: Value, names: &str) -> Self {
        self.required
            .extend(names.split_whitespace().map(str::to_owned));
        self.may_have(schema, names)
    }

    /// Keys that may be absent.
    fn may_have(mut self, schema: Value, names: &str) -> Self {
        for name in names.split_whitespace() {
            self.properties.insert(name.to_owned(), schema.clone());
        }
        self
    }

    fn envelope(self, topic: Topic) -> Self {
        let change = object()
            .has(words(ChangeKind::ALL), "type")
            .may_have(nullable(text()), "from to")
            .may_have(nullable(uuid()), "history_id")
            .build();
        let app_id = json!({"type": "string", "maxLength": 100, "pattern": "^[^:]+:.+$"});
        let version = topic
            .version()
            .map_or(json!({}), |version| json!({"const": version}));
        self.has(uuid(), "id event_id tenant_id")
            .has(time(), "event_created_at")
            .has(app_id, "app_id")
            .has(version, "event_version")
            .may_have(nullable(change), "change")
            .may_have(nullable(retry_meta()), "retry_meta")
    }

    fn build(self) -> Value {
        json!({"type": "object", "properties": self.properties, "required": self.required})
    }
}

fn text() -> Value {
    json!({"type": "string"})
}

fn short(most: u32) -> Value {
    json!({"type": "string", "maxLength": most})
}

fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn integer() -> Value {
    json!({"type": "integer"})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn amount() -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 999_999_999.99})
}

/// An amount in a string, as in `payment_data`.
fn amount_text() -> Value {
    json!({"type": "string", "pattern": "^[0-9]+([.,][0-9]{1,2})?$"})
}

fn map() -> Value {
    json!({"type": "object"})
}

fn list(item: Value) -> Value {
    json!({"type": "array", "items": item})
}

fn map_of(value: Value) -> Value {
    json!({"type": "object", "additionalProperties": value})
}

fn nullable(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

fn words<T: serde::Serialize>(values: &[T]) -> Value {
    json!({"enum": values})
}

fn file_fields() -> Object {
    object()
        .has(uuid(), "id")
        .has(text(), "name")
        .may_have(
            nullable(text()),
            "url originalName description protocol_number external_id mime_type md5 sha256",
        )
        .may_have(nullable(time()), "created_at")
        .may_have(nullable(flag()), "protocol_required")
        .may_have(nullable(count()), "size")
}

fn file() -> Value {
    file_fields().build()
}

fn remote_collection() -> Value {
    object().has(uuid(), "id").has(text(), "type").build()
}

fn application() -> Object {
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
        .may_have(nullable(map()), "source")
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

fn message() -> Object {
    object()
        .has(text(), "message")
        .has(nullable(text()), "subject email protocol_number")
        .has(nullable(uuid()), "author_id user_id")
        .has(list(file()), "attachments")
        .has(time(), "created_at")
        .has(
            nullable(time()),
            "sent_at read_at clicked_at protocolled_at",
        )
        .has(
            json!({"type": ["string", "integer", "null"]}),
            "external_id",
        )
        .has(flag(), "protocol_required")
        .has(uuid(), "related_entity_id")
        .has(json!({"const": "application"}), "related_entity_type")
        .has(words(TransmissionType::ALL), "transmission_type")
        .has(words(Visibility::ALL), "visibility")
        .has(remote_collection(), "remote_collection")
        .may_have(
            list(object().has(text(), "label link").build()),
            "call_to_actions",
        )
}

fn payment() -> Object {
    let payer = object()
        .has(words(PersonType::ALL), "type")
        .has(
            json!({"type": "string", "minLength": 1, "maxLength": 255}),
            "tax_identification_number name",
        )
        .may_have(
            nullable(text()),
            "family_name street_name building_number postal_code town_name",
        )
        .may_have(nullable(text()), "country_subdivision country email")
        .build();
    object()
        .has(uuid(), "user_id service_id remote_id")
        .has(short(50), "type")
        .has(time(), "created_at updated_at")
        .has(words(PaymentStatus::ALL), "status")
        .may_have(nullable(short(140)), "reason")
        .may_have(nullable(text()), "locale")
        .may_have(json!({"type": "integer", "minimum": 1}), "attempt")
        .may_have(
            json!({"type": "string", "pattern": "^(amount|stamp:[0-9]+)$"}),
            "item",
        )
        .has(payment_details(), "payment")
        .has(payment_links(), "links")
        .has(payer.clone(), "payer")
        .may_have(nullable(payer), "debtor")
}

fn payment_details() -> Value {
    let receiver = object()
        .has(
            json!({"type": "string", "pattern": "^[0-9]{11}$"}),
            "tax_identification_number",
        )
        .has(text(), "name")
        .may_have(
            nullable(text()),
            "iban address building_number postal_code town_name country_subdivision country",
        )
        .build();
    let document = object()
        .has(
            json!({"type": "string", "pattern": "^sha256:[0-9a-fA-F]{64}$"}),
            "hash",
        )
        .may_have(nullable(text()), "id ref")
        .build();
    let split = object()
        .has(text(), "code")
        .has(nullable(amount()), "amount")
        .has(map(), "meta")
        .build();
    object()
        .has(json!({"const": "EUR"}), "currency")
        .has(
            json!({"type": "string", "minLength": 1, "maxLength": 50}),
            "iud",
        )
        .has(list(split), "split")
        .may_have(nullable(short(255)), "transaction_id")
        .may_have(nullable(time()), "paid_at expire_at")
        .may_have(nullable(amount()), "amount")
        .may_have(nullable(words(PaymentType::ALL)), "type")
        .may_have(nullable(short(50)), "notice_code iuv")
        .may_have(nullable(receiver), "receiver")
        .may_have(nullable(text()), "due_type pagopa_category")
        .may_have(nullable(document), "document")
        .build()
}

fn payment_links() -> Value {
    let called = || {
        object()
            .may_have(nullable(text()), "url")
            .may_have(nullable(words(HttpMethod::ALL)), "method")
    };
    let opened = called()
        .may_have(nullable(time()), "last_opened_at")
        .build();
    let notify = called().may_have(nullable(time()), "sent_at").build();
    let update = called()
        .may_have(nullable(time()), "last_check_at next_check_at")
        .build();
    object()
        .has(
            opened.clone(),
            "online_payment_begin online_payment_landing offline_payment receipt",
        )
        .may_have(nullable(list(notify)), "notify")
        .has(update, "update")
        .may_have(opened, "confirm cancel")
        .build()
}

fn document() -> Object {
    let hex =
        |digits: u32| json!({"type": "string", "pattern": format!("^[0-9a-fA-F]{{{digits}}}$")});
    let file = object()
        .has(uuid(), "id")
        .has(text(), "name filename mime_type url")
        .may_have(nullable(text()), "description")
        .has(count(), "size")
        .has(hex(32), "md5")
        .has(hex(64), "sha256")
        .build();
    let registration = object()
        .has(words(Transmission::ALL), "transmission_type")
        .has(nullable(text()), "document_number document_id")
        .has(nullable(time()), "date")
        .build();
    let author = object()
        .has(words(PersonType::ALL), "type")
        .has(text(), "name")
        .has(words(AuthorRole::ALL), "role")
        .has(nullable(text()), "tax_identification_number")
        .may_have(
            nullable(text()),
            "family_name street_name building_number postal_code town_name",
        )
        .may_have(nullable(text()), "country_subdivision country email")
        .build();
    object()
        .has(uuid(), "owner_id act_id remote_id")
        .may_have(nullable(time()), "call_in_flight_until last_seen")
        .has(words(DocumentType::ALL), "type")
        .has(words(DocumentStatus::ALL), "status")
        .has(text(), "title")
        .may_have(
            nullable(text()),
            "short_description description document_url",
        )
        .has(remote_collection(), "remote_collection")
        .has(
            object()
                .has(nullable(text()), "id")
                .has(text(), "title")
                .build(),
            "folder",
        )
        .has(registration, "registration_data")
        .has(file.clone(), "main_document")
        .may_have(list(file), "attachments")
        .may_have(list(author), "author")
        .has(words(Side::ALL), "source_type recipient_type")
        .may_have(list(json!({})), "topics image_gallery")
        .may_have(json!({}), "has_organization")
        .has(time(), "created_at updated_at")
}

fn service() -> Object {
    let attachment = object()
        .has(text(), "name url")
        .has(nullable(text()), "original_name")
        .has(nullable(time()), "created_at");
    let step_form = object()
        .has(nullable(uuid()), "formio_id")
        .has(nullable(text()), "url")
        .build();
    let step = object()
        .has(text(), "identifier title type")
        .has(nullable(text()), "description guide")
        .has(step_form, "parameters")
        .build();
    let gateway = object().has(text(), "identifier").has(
        object().has(nullable(uuid()), "config_id").build(),
        "parameters",
    );
    let payment = object()
        .has(nullable(amount()), "total_amounts")
        .has(list(gateway.build()), "gateways")
        .build();
    let feedback = object()
        .has(nullable(text()), "message subject")
        .has(flag(), "is_active")
        .build();
    let rule = object()
        .has(text(), "value")
        .has(uuid(), "user_group_id")
        .build();
    let assignment = object()
        .has(text(), "field")
        .has(list(rule), "rules")
        .build();
    let texts = "identifier topics topics_name service_group service_group_name short_description description howto how_to_do \
        what_you_need what_you_get costs who special_cases more_info constraints times_and_deadlines conditions compilation_info \
        final_indications booking_call_to_action external_card_url satisfy_entrypoint_id access_url protocol_handler \
        post_submit_validation_expression post_submit_validation_message";
    object()
        .has(uuid(), "tenant")
        .has(text(), "slug")
        .has(short(255), "name")
        .has(words(ServiceKind::ALL), "kind")
        .has(
            nullable(uuid()),
            "topics_id service_group_id backoffice_form_id",
        )
        .has(nullable(text()), texts)
        .has(
            list(attachment.build()),
            "costs_attachments conditions_attachments",
        )
        .has(
            list(text()),
            "coverage recipients geographic_areas life_events business_events",
        )
        .has(
            list(uuid()),
            "recipients_id geographic_areas_id user_group_ids",
        )
        .has(words(ResponseType::ALL), "response_type")
        .has(list(step), "flow_steps")
        .has(
            flag(),
            "protocol_required sticky login_suggested shared_with_group",
        )
        .has(
            flag(),
            "allow_reopening allow_withdraw allow_integration_request",
        )
        .has(map(), "protocollo_parameters integrations")
        .has(words(PaymentRequired::ALL), "payment_required")
        .has(payment, "payment_parameters")
        .has(words(ServiceStatus::ALL), "status")
        .has(words(AccessLevel::ALL), "access_level")
        .has(words(Workflow::ALL), "workflow")
        .has(nullable(time()), "scheduled_from scheduled_to created_at")
        .has(time(), "updated_at")
        .has(nullable(count()), "max_response_time")
        .has(nullable(map()), "source")
        .has(map_of(feedback), "feedback_messages")
        .has(nullable(assignment), "automatic_assignment")
}

fn form() -> Object {
    object()
        .has(count(), "version")
        .has(nullable(text()), "title path")
        .has(map(), "schema")
        .has(map_of(map_of(text())), "translations")
        .has(time(), "created_at updated_at")
}

fn user() -> Object {
    let address = object()
        .has(
            nullable(text()),
            "address country county municipality post_code",
        )
        .build();
    object()
        .has(words(UserRole::ALL), "role")
        .has(words(UserEventReason::ALL), "event_reason")
        .has(nullable(text()), "tax_code spid_code given_name family_name full_name gender email mobile_phone telephone")
        .has(nullable(text()), "place_of_birth county_of_birth country_of_birth")
        .has(nullable(time()), "date_of_birth")
        .has(address, "domicile residency")
        .has(time(), "created_at updated_at")
        .may_have(nullable(text()), "username")
        .may_have(nullable(flag()), "enabled system_user")
        .may_have(list(text()), "roles")
        .may_have(list(uuid()), "aliases enabled_services_ids user_groups_ids")
}

fn user_group() -> Object {
    let contact = object()
        .has(nullable(uuid()), "id")
        .has(nullable(text()), "name email url phone_number pec")
        .build();
    object()
        .has(text(), "name")
        .has(
            nullable(uuid()),
            "topic_id manager_id core_location_id calendar_id",
        )
        .has(
            nullable(text()),
            "short_description main_function more_info",
        )
        .has(nullable(count()), "users_count services_count")
        .has(nullable(contact), "core_contact_point")
        .has(time(), "created_at updated_at")
}

fn tenant() -> Object {
    let address = "street_name building_number postal_code town_name country_subdivision country";
    let gateway = object()
        .has(text(), "identifier")
        .has(map(), "parameters")
        .build();
    object()
        .has(text(), "name slug")
        .has(
            list(text()),
            "hosts locales backoffice_enabled_integrations",
        )
        .has(
            nullable(text()),
            "tax_identification_number ipa_code mechanographic_code administrative_code",
        )
        .has(
            nullable(text()),
            "site_url email pec theme satisfy_entrypoint_id",
        )
        .has(object().has(nullable(text()), address).build(), "address")
        .has(
            nullable(object().has(text(), "mime_type bytes sha256").build()),
            "logo",
        )
        .has(list(json!({})), "meta")
        .has(flag(), "io_enabled linkable_application_meetings")
        .has(list(gateway), "gateways")
        .has(time(), "created_at updated_at")
}

fn job() -> Object {
    let file = object()
        .has(text(), "name mime_type url md5 sha256")
        .has(count(), "size")
        .build();
    let progress = object()
        .has(count(), "done rejected")
        .has(nullable(count()), "total")
        .build();
    object()
        .has(text(), "type")
        .has(words(JobStatus::ALL), "status")
        .has(nullable(uuid()), "requested_by")
        .has(nullable(file), "attachment rejects")
        .has(map(), "args")
        .has(progress, "progress")
        .has(json!({}), "output")
        .has(nullable(text()), "running_output")
        .has(nullable(time()), "started_at terminated_at")
        .has(time(), "created_at updated_at")
}

fn delivery() -> Object {
    object()
        .has(uuid(), "application_id")
        .has(nullable(uuid()), "message_id recipient_id")
        .has(words(Channel::ALL), "channel")
        .has(words(Recipient::ALL), "recipient")
        .has(words(DeliveryStatus::ALL), "status")
        .has(nullable(time()), "sent_at")
        .has(nullable(text()), "error")
        .has(time(), "created_at updated_at")
}

fn security() -> Object {
    object()
        .has(words(SecurityEventType::ALL), "type")
        .has(nullable(uuid()), "user_id actor_id")
        .has(nullable(text()), "method ip")
        .has(map(), "details")
        .has(time(), "occurred_at")
}

fn retry_meta() -> Value {
    let error = object()
        .may_have(text(), "type title")
        .may_have(nullable(text()), "detail")
        .may_have(flag(), "permanent")
        .build();
    object()
        .has(text(), "original_topic")
        .may_have(nullable(text()), "original_key consumer")
        .may_have(nullable(uuid()), "original_event_id")
        .may_have(nullable(integer()), "aggregate_version")
        .may_have(json!({}), "state")
        .may_have(nullable(error), "error")
        .may_have(nullable(count()), "attempt max_attempts")
        .may_have(nullable(time()), "first_failed_at next_attempt_at")
        .may_have(flag(), "discarded")
        .build()
}

/// A whole event of another topic, or bytes that are no event.
fn retry_entry() -> Value {
    object()
        .has(retry_meta(), "retry_meta")
        .may_have(text(), "raw")
        .build()
}
