#![allow(missing_docs)]

diesel::table! {
    use opencity_kernel::db::sql::*;
    jobs_job (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        kind -> Text,
        status -> Text,
        file_id -> Id,
        body -> Json,
        created_at -> Instant,
        version -> BigInt,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    jobs_service (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        kind -> Text,
        version -> BigInt,
    }
}
opencity_kernel::tenant_tables!(jobs_job, jobs_service);
