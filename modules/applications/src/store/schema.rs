//! The tables of this module.

use opencity_kernel::tenant_tables;

diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_application (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        service_id -> Id,
        user_id -> Id,
        user_name -> Nullable<Text>,
        status -> Integer,
        created_at -> Instant,
        submitted_at -> Nullable<Instant>,
        status_changed_at -> Instant,
        flow_changed_at -> Instant,
        updated_at -> Instant,
        operator_id -> Nullable<Id>,
        office_id -> Nullable<Id>,
        subject -> Nullable<Text>,
        external_id -> Nullable<Text>,
        locale -> Text,
        form_id -> Nullable<Id>,
        form_version -> Nullable<Integer>,
        submission -> Text,
        protocol_number -> Nullable<Text>,
        protocolled_at -> Nullable<Instant>,
        outcome -> Nullable<Bool>,
        outcome_motivation -> Nullable<Text>,
        payment_type -> Nullable<Text>,
        payment_data -> Nullable<Text>,
        payment_origin -> Nullable<Text>,
        attempt -> Integer,
        current_act_id -> Nullable<Id>,
        details -> Text,
        version -> BigInt,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_history (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        application_id -> Id,
        version -> BigInt,
        status -> Integer,
        event -> Nullable<Text>,
        actor_id -> Nullable<Id>,
        actor_name -> Nullable<Text>,
        operator_id -> Nullable<Id>,
        office_id -> Nullable<Id>,
        message -> Nullable<Text>,
        message_id -> Nullable<Id>,
        at -> Instant,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_payment_item (tenant_id, application_id, attempt, item) {
        tenant_id -> Id,
        application_id -> Id,
        attempt -> Integer,
        item -> Text,
        amount -> BigInt,
        payment_id -> Nullable<Id>,
        reason -> Nullable<Text>,
        status -> Text,
        settled_by_hand -> Bool,
        cancelled_by_us -> Bool,
        links -> Nullable<Text>,
        payment_version -> BigInt,
        created_at -> Instant,
        updated_at -> Instant,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_act (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        application_id -> Id,
        kind -> Text,
        actor_id -> Nullable<Id>,
        messages -> Json,
        files -> Json,
        protocol_number -> Nullable<Text>,
        protocol_document_id -> Nullable<Text>,
        protocolled_at -> Nullable<Instant>,
        folder_number -> Nullable<Text>,
        folder_code -> Nullable<Text>,
        document_id -> Nullable<Id>,
        document_status -> Nullable<Text>,
        document_version -> BigInt,
        document_file -> Nullable<Text>,
        call_in_flight_until -> Nullable<Instant>,
        created_at -> Instant,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_anomaly (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        application_id -> Id,
        kind -> Text,
        detail -> Text,
        event_id -> Nullable<Id>,
        at -> Instant,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_service (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        slug -> Text,
        identifier -> Nullable<Text>,
        body -> Text,
        version -> BigInt,
        name -> Nullable<Text>,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_external (tenant_id, external_system, external_id) {
        tenant_id -> Id,
        external_system -> Text,
        external_id -> Text,
        application_id -> Id,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_bulk (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        action -> Text,
        input -> Text,
        requested_by -> Id,
        requested_name -> Nullable<Text>,
        login -> Text,
        total -> Integer,
        done -> Integer,
        refused -> Integer,
        created_at -> Instant,
        started_at -> Nullable<Instant>,
        ended_at -> Nullable<Instant>,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_bulk_item (tenant_id, bulk_id, position) {
        tenant_id -> Id,
        bulk_id -> Id,
        position -> Integer,
        application_id -> Id,
        status -> Text,
        problem -> Nullable<Text>,
        at -> Nullable<Instant>,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_service_office (tenant_id, service_id, office_id) {
        tenant_id -> Id,
        service_id -> Id,
        office_id -> Id,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_form (tenant_id, id, version) {
        tenant_id -> Id,
        id -> Id,
        version -> Integer,
        schema -> Text,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_citizen (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        tax_code -> Nullable<Text>,
        given_name -> Nullable<Text>,
        family_name -> Nullable<Text>,
        email -> Nullable<Text>,
        version -> BigInt,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_citizen_alias (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        citizen_id -> Id,
    }
}
diesel::table! {
    use opencity_kernel::db::sql::*;
    applications_unique_id (tenant_id, service_id, hash) {
        tenant_id -> Id,
        service_id -> Id,
        hash -> Text,
        application_id -> Id,
    }
}

tenant_tables!(
    applications_application,
    applications_history,
    applications_payment_item,
    applications_act,
    applications_anomaly,
    applications_service,
    applications_service_office,
    applications_external,
    applications_bulk,
    applications_bulk_item,
    applications_form,
    applications_citizen,
    applications_citizen_alias,
    applications_unique_id,
);
