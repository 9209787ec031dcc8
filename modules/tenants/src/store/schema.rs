//! The module's tables.

diesel::table! {
    use opencity_kernel::db::sql::*;
    tenants_tenant (tenant_id) {
        tenant_id -> Id,
        slug -> Text,
        name -> Text,
        mechanographic_code -> Nullable<Text>,
        administrative_code -> Nullable<Text>,
        profile -> Json,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    tenants_host (host) {
        tenant_id -> Id,
        host -> Text,
    }
}

opencity_kernel::tenant_tables!(tenants_tenant, tenants_host);
