//! The module's tables.

use opencity_kernel::tenant_tables;

diesel::table! {
    use opencity_kernel::db::sql::*;
    services_term (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        kind -> Text,
        name -> Text,
        slug -> Text,
        description -> Nullable<Text>,
        parent_id -> Nullable<Id>,
        geofence -> Nullable<Text>,
        created_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    services_place (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        name -> Text,
        body -> Json,
        created_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    services_group (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        slug -> Text,
        name -> Text,
        topics_id -> Nullable<Id>,
        body -> Json,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    services_service (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        identifier -> Nullable<Text>,
        slug -> Text,
        status -> Integer,
        topics_id -> Nullable<Id>,
        service_group_id -> Nullable<Id>,
        body -> Json,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    services_form (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        title -> Nullable<Text>,
        path -> Nullable<Text>,
        version -> BigInt,
        created_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    services_form_version (tenant_id, form_id, version) {
        tenant_id -> Id,
        form_id -> Id,
        version -> BigInt,
        source -> Text,
        resolved -> Text,
        own_translations -> Json,
        translations -> Json,
        created_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    services_form_nesting (tenant_id, form_id, nested_id) {
        tenant_id -> Id,
        form_id -> Id,
        nested_id -> Id,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    services_office (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        topic_id -> Nullable<Id>,
        location_id -> Nullable<Id>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(services_form, services_form_version);

tenant_tables!(
    services_term,
    services_place,
    services_group,
    services_service,
    services_form,
    services_form_version,
    services_form_nesting,
    services_office,
);
