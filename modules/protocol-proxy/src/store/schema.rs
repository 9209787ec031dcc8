//! The module's tables.

diesel::table! {
    use opencity_kernel::db::sql::*;
    protocol_proxy_tenant_config (tenant_id, connector) {
        tenant_id -> Id,
        connector -> Text,
        version -> BigInt,
        description -> Text,
        parameters -> Json,
        active -> Bool,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    protocol_proxy_service_config (tenant_id, connector, service_id) {
        tenant_id -> Id,
        connector -> Text,
        service_id -> Id,
        version -> BigInt,
        description -> Text,
        parameters -> Json,
        active -> Bool,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    protocol_proxy_registration (tenant_id, document_id) {
        tenant_id -> Id,
        document_id -> Id,
        version -> BigInt,
        application_id -> Id,
        service_id -> Id,
        act_id -> Id,
        kind -> Text,
        connector -> Nullable<Text>,
        status -> Text,
        number -> Nullable<Text>,
        second_number -> Nullable<Text>,
        failure -> Nullable<Text>,
        call_in_flight_until -> Nullable<Instant>,
        body -> Json,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    protocol_proxy_act (tenant_id, application_id, kind) {
        tenant_id -> Id,
        application_id -> Id,
        kind -> Text,
        act_id -> Id,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    protocol_proxy_hand_number (tenant_id, act_id, number) {
        tenant_id -> Id,
        act_id -> Id,
        number -> Text,
        details -> Json,
        created_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    protocol_proxy_service (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        protocol_required -> Bool,
    }
}

opencity_kernel::tenant_tables!(
    protocol_proxy_tenant_config,
    protocol_proxy_service_config,
    protocol_proxy_registration,
    protocol_proxy_act,
    protocol_proxy_hand_number,
    protocol_proxy_service,
);
