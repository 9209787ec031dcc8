//! The tables of `sandbox.sqlite`.

diesel::table! {
    /// Counters that only grow: notice numbers, registry numbers, folders.
    counters (name) {
        name -> Text,
        value -> BigInt,
    }
}

diesel::table! {
    /// Debt positions; `content` is the request as it was accepted.
    positions (external_id) {
        external_id -> Text,
        organization_tax_code -> Text,
        payer_tax_code -> Text,
        content -> Text,
        notify_secret -> Nullable<Text>,
        iuv -> Text,
        notice_number -> Text,
        created_at -> TimestamptzSqlite,
        cancelled_at -> Nullable<TimestamptzSqlite>,
    }
}

diesel::table! {
    /// What was paid: at most one row for a position.
    payments (transaction_id) {
        transaction_id -> Text,
        external_id -> Text,
        amount -> BigInt,
        paid_at -> TimestamptzSqlite,
    }
}

diesel::table! {
    /// Outcomes to tell, told, or given up; `next_attempt_ms` in milliseconds since 1970.
    notifications (id) {
        id -> BigInt,
        url -> Text,
        secret -> Nullable<Text>,
        body -> Text,
        state -> Text,
        attempts -> Integer,
        next_attempt_ms -> BigInt,
    }
}

diesel::table! {
    /// Folders (*fascicoli*) of the registry.
    folders (organization_tax_code, title) {
        organization_tax_code -> Text,
        title -> Text,
        number -> Text,
    }
}

diesel::table! {
    /// Registered documents; `content` is the request as it was accepted.
    registrations (external_id) {
        external_id -> Text,
        organization_tax_code -> Text,
        year -> Integer,
        number -> BigInt,
        folder_number -> Text,
        document_id -> Text,
        content -> Text,
        registered_at -> TimestamptzSqlite,
        completed_at -> Nullable<TimestamptzSqlite>,
    }
}

diesel::table! {
    /// The files that a registration announced, and when each came.
    files (external_id, position) {
        external_id -> Text,
        position -> Integer,
        name -> Text,
        sha256 -> Text,
        size -> BigInt,
        received_at -> Nullable<TimestamptzSqlite>,
    }
}

diesel::joinable!(payments -> positions (external_id));
diesel::allow_tables_to_appear_in_same_query!(payments, positions);
