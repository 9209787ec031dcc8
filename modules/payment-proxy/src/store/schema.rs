//! The module's tables.

diesel::table! {
    use opencity_kernel::db::sql::*;
    payment_proxy_tenant (tenant_id, connector) {
        tenant_id -> Id,
        connector -> Text,
        tax_code -> Text,
        active -> Bool,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
        sealed_secret -> Text,
        body -> Json,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    payment_proxy_config (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        connector -> Text,
        collection_id -> Id,
        collection_type -> Text,
        payment_type -> Text,
        active -> Bool,
        active_key -> Nullable<Text>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
        body -> Json,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    payment_proxy_debt (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        connector -> Text,
        service_id -> Id,
        remote_id -> Id,
        attempt -> BigInt,
        status -> Text,
        version -> BigInt,
        iuv -> Nullable<Text>,
        page_url -> Nullable<Text>,
        expire_at -> Nullable<Instant>,
        next_check_at -> Nullable<Instant>,
        cancel_at -> Nullable<Instant>,
        created_at -> Instant,
        updated_at -> Instant,
        body -> Json,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    payment_proxy_application (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        status -> Text,
        attempt -> BigInt,
    }
}

opencity_kernel::tenant_tables!(
    payment_proxy_tenant,
    payment_proxy_config,
    payment_proxy_debt,
    payment_proxy_application,
);
