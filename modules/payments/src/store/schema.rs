//! The module's tables.

diesel::table! {
    use opencity_kernel::db::sql::*;
    payments_payment (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        service_id -> Id,
        user_id -> Id,
        remote_id -> Id,
        status -> Text,
        version -> BigInt,
        rank -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
        body -> Json,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    payments_item (tenant_id, application_id, attempt, item) {
        tenant_id -> Id,
        application_id -> Id,
        attempt -> BigInt,
        item -> Text,
        payment_id -> Id,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    payments_due (tenant_id, service_id, notice_number) {
        tenant_id -> Id,
        service_id -> Id,
        notice_number -> Text,
        payment_id -> Id,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    payments_service (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        name -> Text,
        kind -> Text,
        offices -> Json,
        gateways -> Json,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    payments_application (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        user_id -> Id,
        operator_id -> Nullable<Id>,
        office_id -> Nullable<Id>,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    payments_import (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        service_id -> Id,
        status -> Text,
        version -> BigInt,
        byte_offset -> BigInt,
        line -> BigInt,
        header -> Nullable<Json>,
        delimiter -> Text,
        done -> BigInt,
        added -> BigInt,
        rejected -> BigInt,
        created_at -> Instant,
        job -> Json,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    payments_import_reject (tenant_id, import_id, line) {
        tenant_id -> Id,
        import_id -> Id,
        line -> BigInt,
        reason -> Text,
        record -> Json,
    }
}

opencity_kernel::tenant_tables!(
    payments_payment,
    payments_item,
    payments_due,
    payments_service,
    payments_application,
    payments_import,
    payments_import_reject,
);
