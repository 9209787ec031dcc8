//! Tables of files and messages.
#![allow(missing_docs)]

use opencity_kernel::tenant_tables;

diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_file (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        owner_id -> Id,
        kind -> Text,
        state -> Text,
        application_id -> Nullable<Id>,
        message_id -> Nullable<Id>,
        object_id -> Nullable<Id>,
        upload_key -> Nullable<Text>,
        name -> Text,
        original_name -> Text,
        description -> Nullable<Text>,
        mime_type -> Text,
        announced_size -> BigInt,
        size -> Nullable<BigInt>,
        sha256 -> Nullable<Text>,
        md5 -> Nullable<Text>,
        protocol_required -> Bool,
        protocol_number -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> Instant,
        used_at -> Nullable<Instant>,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_message (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        application_id -> Id,
        service_id -> Id,
        user_id -> Id,
        author_id -> Nullable<Id>,
        author_kind -> Text,
        origin -> Text,
        message -> Text,
        subject -> Nullable<Text>,
        visibility -> Text,
        email -> Nullable<Text>,
        created_at -> Instant,
        sent_at -> Nullable<Instant>,
        read_at -> Nullable<Instant>,
        clicked_at -> Nullable<Instant>,
        protocol_required -> Bool,
        protocolled_at -> Nullable<Instant>,
        protocol_number -> Nullable<Text>,
        external_id -> Nullable<Text>,
        external_id_is_number -> Bool,
    }
}

tenant_tables!(applications_file, applications_message);
