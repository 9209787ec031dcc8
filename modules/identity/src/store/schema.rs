//! The module's tables.

diesel::table! {
    use opencity_kernel::db::sql::*;
    identity_user (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        kind -> Text,
        username -> Nullable<Text>,
        username_key -> Nullable<Text>,
        enabled -> Bool,
        system_user -> Bool,
        anonymous -> Bool,
        tax_code -> Nullable<Text>,
        spid_code -> Nullable<Text>,
        given_name -> Nullable<Text>,
        family_name -> Nullable<Text>,
        email -> Nullable<Text>,
        mobile_phone -> Nullable<Text>,
        telephone -> Nullable<Text>,
        gender -> Nullable<Text>,
        date_of_birth -> Nullable<Instant>,
        place_of_birth -> Nullable<Text>,
        birth_code -> Nullable<Text>,
        county_of_birth -> Nullable<Text>,
        country_of_birth -> Nullable<Text>,
        domicile -> Json,
        residency -> Json,
        enabled_services -> Json,
        offices -> Json,
        aliases -> Json,
        last_login_at -> Nullable<Instant>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    identity_alias (tenant_id, alias) {
        tenant_id -> Id,
        alias -> Id,
        user_id -> Id,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    identity_office (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        name -> Text,
        topic_id -> Nullable<Id>,
        short_description -> Nullable<Text>,
        main_function -> Nullable<Text>,
        more_info -> Nullable<Text>,
        manager_id -> Nullable<Id>,
        contact_point -> Nullable<Json>,
        location_id -> Nullable<Id>,
        calendar_id -> Nullable<Id>,
        version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    identity_membership (tenant_id, office_id, user_id) {
        tenant_id -> Id,
        office_id -> Id,
        user_id -> Id,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    identity_service (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        offices -> Json,
        rule_offices -> Json,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    identity_assigned (tenant_id, application_id) {
        tenant_id -> Id,
        application_id -> Id,
        office_id -> Id,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    identity_credential (tenant_id, user_id) {
        tenant_id -> Id,
        user_id -> Id,
        password_hash -> Text,
        changed_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    identity_attempt (tenant_id, account) {
        tenant_id -> Id,
        account -> Text,
        failures -> Json,
        locked_until -> Nullable<Instant>,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    identity_signing_key (kid) {
        kid -> Text,
        generation -> BigInt,
        private_key -> Text,
        modulus -> Text,
        exponent -> Text,
        created_at -> Instant,
        retired_at -> Nullable<Instant>,
    }
}

opencity_kernel::tenant_tables!(
    identity_user,
    identity_alias,
    identity_office,
    identity_membership,
    identity_service,
    identity_assigned,
    identity_credential,
    identity_attempt,
);
