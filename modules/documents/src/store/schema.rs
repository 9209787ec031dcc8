//! The module's tables.

diesel::table! {
    use opencity_kernel::db::sql::*;
    documents_folder (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        service_id -> Id,
        year -> BigInt,
        title -> Text,
        number -> Nullable<Text>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    documents_document (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        act_id -> Id,
        kind -> Text,
        status -> Text,
        application_id -> Id,
        service_id -> Id,
        owner_id -> Id,
        owner_tax_code -> Nullable<Text>,
        folder_id -> Id,
        title -> Text,
        main_file_id -> Id,
        sha256 -> Text,
        body -> Json,
        downloads -> BigInt,
        last_read_at -> Nullable<Instant>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    documents_waiting (tenant_id, act_id) {
        tenant_id -> Id,
        act_id -> Id,
        application_id -> Id,
        event -> Json,
        created_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    documents_application (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        service_id -> Id,
        office_id -> Nullable<Id>,
        operator_id -> Nullable<Id>,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    documents_service (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        name -> Text,
        offices -> Json,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    documents_form (tenant_id, id, form_version) {
        tenant_id -> Id,
        id -> Id,
        form_version -> BigInt,
        form_schema -> Json,
        translations -> Json,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    documents_message (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        application_id -> Id,
        body -> Json,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    documents_personal_folder (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        owner_id -> Id,
        title -> Text,
        description -> Nullable<Text>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    documents_personal_folder_service (tenant_id, folder_id, service_id) {
        tenant_id -> Id,
        folder_id -> Id,
        service_id -> Id,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    documents_deposit (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        folder_id -> Id,
        owner_id -> Id,
        recipient_type -> Text,
        title -> Text,
        file_id -> Nullable<Id>,
        filename -> Nullable<Text>,
        mime_type -> Nullable<Text>,
        size -> Nullable<BigInt>,
        md5 -> Nullable<Text>,
        sha256 -> Nullable<Text>,
        body -> Json,
        downloads -> BigInt,
        last_read_at -> Nullable<Instant>,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    documents_deposit_reader (tenant_id, deposit_id, tax_code) {
        tenant_id -> Id,
        deposit_id -> Id,
        tax_code -> Text,
    }
}

diesel::table! {
    use opencity_kernel::db::sql::*;
    documents_citizen (tenant_id, id) {
        tenant_id -> Id,
        id -> Id,
        version -> BigInt,
        tax_code -> Nullable<Text>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(documents_document, documents_application);
diesel::allow_tables_to_appear_in_same_query!(
    documents_deposit,
    documents_deposit_reader,
    documents_personal_folder,
    documents_personal_folder_service,
    documents_citizen,
);

opencity_kernel::tenant_tables!(
    documents_folder,
    documents_document,
    documents_waiting,
    documents_application,
    documents_service,
    documents_form,
    documents_message,
    documents_personal_folder,
    documents_personal_folder_service,
    documents_deposit,
    documents_deposit_reader,
    documents_citizen,
);
