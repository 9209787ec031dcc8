//! The JSON Schema (draft 7) of the events of each topic, as published in `/asyncapi.json`.
//!
//! A key that we always write is required, but for those of the two topics that other producers write too (`payments`, `documents`),
//! where only what version 1.0 or 2.0 of the event has is. Keys that are not named are allowed everywhere.

mod application;
mod document;
mod payment;
mod service;

use serde_json::{Map, Value, json};

use crate::delivery::{Channel, DeliveryStatus, Recipient};
use crate::envelope::ChangeKind;
use crate::job::JobStatus;
use crate::message::{MessageOrigin, TransmissionType, Visibility};
use crate::security::SecurityEventType;
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
        Topic::Services => service::service(),
        Topic::Forms => form(),
        Topic::Applications => application::application(),
        Topic::Messages => message(),
        Topic::Payments => payment::payment(),
        Topic::Documents => document::document(),
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
        let app_id = json!({"type": "string", "maxLength": 100, "pattern": "^[^:]+:.+$", "examples": ["payments:0.1.0"]});
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
        .may_have(words(MessageOrigin::ALL), "origin")
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
