//! The schema of `documents`.

use serde_json::json;

use super::{Object, count, list, nullable, object, remote_collection, text, time, uuid, words};
use crate::document::{AuthorRole, DocumentStatus, DocumentType, Side, Transmission};
use crate::payment::PersonType;

pub(super) fn document() -> Object {
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
