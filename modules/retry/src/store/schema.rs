//! The module's tables.

diesel::table! {
    use opencity_kernel::db::sql::*;
    /// Events that wait for their next attempt.
    retry_entry (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        consumer -> Text,
        topic -> Text,
        original_event_id -> Id,
        entity_id -> Id,
        attempt -> BigInt,
        max_attempts -> BigInt,
        redelivery -> BigInt,
        first_failed_at -> Instant,
        next_attempt_at -> Instant,
        error_type -> Text,
        error_detail -> Text,
        payload -> Text,
        created_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    /// Events that are not tried again by themselves.
    retry_dead_letter (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        state -> Text,
        consumer -> Text,
        topic -> Text,
        original_event_id -> Id,
        entity_id -> Id,
        attempts -> BigInt,
        redelivery -> BigInt,
        permanent -> Bool,
        redeliverable -> Bool,
        first_failed_at -> Instant,
        error_type -> Text,
        error_detail -> Text,
        payload -> Text,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    /// Who decided what.
    retry_decision (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        dead_letter_id -> Id,
        action -> Text,
        reason -> Nullable<Text>,
        decided_by -> Text,
        decided_at -> Instant,
    }
}

opencity_kernel::tenant_tables!(retry_entry, retry_dead_letter, retry_decision);
