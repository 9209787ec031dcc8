//! The module's tables.

diesel::table! {
    use opencity_kernel::db::sql::*;
    /// Webhooks.
    webhooks_webhook (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        title -> Text,
        endpoint -> Text,
        triggers -> Json,
        filters -> Json,
        headers -> Text,
        active -> Bool,
        body_version -> BigInt,
        secret -> Text,
        earlier_secret -> Nullable<Text>,
        earlier_secret_until -> Nullable<Instant>,
        switched_off_at -> Nullable<Instant>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    /// What is or was sent.
    webhooks_delivery (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        webhook_id -> Id,
        event_id -> Id,
        entity_id -> Id,
        trigger_name -> Text,
        state -> Text,
        body -> Text,
        attempts -> BigInt,
        next_attempt_at -> Nullable<Instant>,
        lease_holder -> Nullable<Id>,
        lease_until -> Nullable<Instant>,
        response_status -> Nullable<BigInt>,
        error -> Nullable<Text>,
        last_attempt_at -> Nullable<Instant>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    /// The services of the tenant.
    webhooks_service (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        slug -> Text,
        deleted -> Bool,
        aggregate_version -> BigInt,
    }
}

opencity_kernel::tenant_tables!(webhooks_webhook, webhooks_delivery, webhooks_service);
