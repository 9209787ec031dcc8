#![allow(missing_docs)]

diesel::table! {
    use opencity_kernel::db::sql::*;
    notifications_delivery (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        event_id -> Id,
        recipient -> Text,
        recipient_id -> Nullable<Id>,
        application_id -> Id,
        message_id -> Nullable<Id>,
        mail -> Json,
        state -> Text,
        attempts -> BigInt,
        next_at -> Instant,
        lease_until -> Nullable<Instant>,
        sent_at -> Nullable<Instant>,
        error -> Nullable<Text>,
        created_at -> Instant,
        updated_at -> Instant,
        version -> BigInt,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    notifications_service (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        name -> Text,
        protocol_required -> Bool,
        offices -> Json,
        version -> BigInt,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    notifications_application (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        service_id -> Id,
        operator_id -> Nullable<Id>,
        office_id -> Nullable<Id>,
        version -> BigInt,
    }
}
opencity_kernel::tenant_tables!(
    notifications_delivery,
    notifications_service,
    notifications_application
);
