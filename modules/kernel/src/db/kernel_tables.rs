//! The kernel's own tables.
#![allow(missing_docs)]

diesel::table! {
    use crate::db::sql::*;
    kernel_event (seq) {
        seq -> BigInt,
        position -> Nullable<BigInt>,
        event_id -> Id,
        topic -> Text,
        key -> Text,
        tenant_id -> Id,
        entity_id -> Id,
        aggregate_version -> BigInt,
        payload -> Text,
        created_at -> Instant,
        received -> Bool,
        trace -> Nullable<Id>,
    }
}
diesel::table! {
    use crate::db::sql::*;
    kernel_unreadable (topic, partition, record_offset) {
        topic -> Text,
        partition -> BigInt,
        record_offset -> BigInt,
        key -> Text,
        value -> Text,
        reason -> Text,
        received_at -> Instant,
    }
}
diesel::table! {
    kernel_cursor (consumer) {
        consumer -> Text,
        position -> BigInt,
    }
}
diesel::table! {
    use crate::db::sql::*;
    kernel_inbox (consumer, event_id, attempt) {
        consumer -> Text,
        event_id -> Id,
        attempt -> BigInt,
        taken_at -> Instant,
    }
}
diesel::table! {
    use crate::db::sql::*;
    kernel_hold (consumer, ordering_key) {
        consumer -> Text,
        ordering_key -> Text,
        reason -> Text,
        event_id -> Id,
    }
}
diesel::table! {
    use crate::db::sql::*;
    kernel_parked (id) {
        id -> BigInt,
        consumer -> Text,
        ordering_key -> Text,
        position -> BigInt,
        topic -> Text,
        key -> Text,
        tenant_id -> Id,
        aggregate_version -> BigInt,
        payload -> Text,
        trace -> Nullable<Id>,
    }
}
diesel::table! {
    use crate::db::sql::*;
    kernel_call (consumer, event_id) {
        consumer -> Text,
        event_id -> Id,
        ordering_key -> Text,
        position -> BigInt,
        topic -> Text,
        key -> Text,
        tenant_id -> Id,
        aggregate_version -> BigInt,
        payload -> Text,
        lease_holder -> Id,
        lease_until -> Instant,
        trace -> Nullable<Id>,
    }
}
diesel::table! {
    use crate::db::sql::*;
    kernel_lease (name) {
        name -> Text,
        holder -> Id,
        fence -> BigInt,
        until -> Instant,
    }
}
diesel::table! {
    use crate::db::sql::*;
    kernel_idempotency (tenant_id, principal, route, key) {
        tenant_id -> Id,
        principal -> Text,
        route -> Text,
        key -> Text,
        body_hash -> Text,
        status -> Integer,
        location -> Nullable<Text>,
        answer -> Text,
        created_at -> Instant,
    }
}
diesel::table! {
    use crate::db::sql::*;
    kernel_idempotency_running (tenant_id, principal, route, key) {
        tenant_id -> Id,
        principal -> Text,
        route -> Text,
        key -> Text,
        body_hash -> Text,
        lease_until -> Instant,
    }
}
diesel::table! {
    use crate::db::sql::*;
    kernel_tenant (id) {
        id -> Id,
        slug -> Text,
        name -> Text,
        profile -> Json,
        version -> BigInt,
    }
}
diesel::table! {
    use crate::db::sql::*;
    kernel_tenant_host (host) {
        host -> Text,
        tenant_id -> Id,
    }
}
diesel::table! {
    use crate::db::sql::*;
    kernel_principal (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        role -> Text,
        enabled -> Bool,
        system_user -> Bool,
        email -> Nullable<Text>,
        full_name -> Nullable<Text>,
        roles -> Json,
        enabled_services -> Json,
        offices -> Json,
        version -> BigInt,
    }
}
diesel::table! {
    use crate::db::sql::*;
    kernel_office (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        name -> Text,
        version -> BigInt,
    }
}

crate::tenant_tables!(
    kernel_idempotency,
    kernel_idempotency_running,
    kernel_principal,
    kernel_office,
    kernel_tenant_host
);
