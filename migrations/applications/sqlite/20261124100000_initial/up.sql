-- The applications. `submission`, `payment_data`, `details` are JSON kept as text: order and spelling matter.
CREATE TABLE applications_application (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    user_name TEXT,
    status INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    submitted_at INTEGER,
    status_changed_at INTEGER NOT NULL,
    flow_changed_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    operator_id BLOB,
    office_id BLOB,
    subject TEXT,
    external_id TEXT,
    locale TEXT NOT NULL,
    form_id BLOB,
    form_version INTEGER,
    submission TEXT NOT NULL,
    protocol_number TEXT,
    protocolled_at INTEGER,
    outcome INTEGER,
    outcome_motivation TEXT,
    payment_type TEXT,
    payment_data TEXT,
    payment_origin TEXT,
    attempt INTEGER NOT NULL,
    current_act_id BLOB,
    details TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX applications_application_by_created_at_id ON applications_application (tenant_id, created_at, id);
CREATE INDEX applications_application_by_status_created_at_id ON applications_application (tenant_id, status, created_at, id);
CREATE INDEX applications_application_by_service_id_created_at_id ON applications_application (tenant_id, service_id, created_at, id);
CREATE INDEX applications_application_by_service_id_status_created_at_id ON applications_application (tenant_id, service_id, status, created_at, id);
CREATE INDEX applications_application_by_user_id_created_at_id ON applications_application (tenant_id, user_id, created_at, id);
CREATE INDEX applications_application_by_operator_id_created_at_id ON applications_application (tenant_id, operator_id, created_at, id);
CREATE INDEX applications_application_by_office_id_created_at_id ON applications_application (tenant_id, office_id, created_at, id);
CREATE UNIQUE INDEX applications_application_by_external_id ON applications_application (tenant_id, external_id);

-- What happened to each application; rows are only added.
CREATE TABLE applications_history (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    application_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    status INTEGER NOT NULL,
    event TEXT,
    actor_id BLOB,
    actor_name TEXT,
    operator_id BLOB,
    office_id BLOB,
    message TEXT,
    message_id BLOB,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX applications_history_by_application_id_version_at ON applications_history (tenant_id, application_id, version, at);

-- What each attempt to pay asks for, and what is known of its payment.
CREATE TABLE applications_payment_item (
    tenant_id BLOB NOT NULL,
    application_id BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    item TEXT NOT NULL,
    amount INTEGER NOT NULL,
    payment_id BLOB,
    reason TEXT,
    status TEXT NOT NULL,
    settled_by_hand INTEGER NOT NULL,
    cancelled_by_us INTEGER NOT NULL,
    links TEXT,
    payment_version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, application_id, attempt, item)
) STRICT;

-- Acts: each becomes a document. What the document's events said of it is beside it.
CREATE TABLE applications_act (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    application_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    actor_id BLOB,
    messages TEXT NOT NULL,
    files TEXT NOT NULL,
    protocol_number TEXT,
    protocol_document_id TEXT,
    protocolled_at INTEGER,
    folder_number TEXT,
    folder_code TEXT,
    document_id BLOB,
    document_status TEXT,
    document_version INTEGER NOT NULL,
    document_file TEXT,
    call_in_flight_until INTEGER,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX applications_act_by_application_id_created_at ON applications_act (tenant_id, application_id, created_at);

-- Money or numbers that came where the state table has no row for them.
CREATE TABLE applications_anomaly (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    application_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    event_id BLOB,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX applications_anomaly_by_application_id_at ON applications_anomaly (tenant_id, application_id, at);

-- Replica of the services.
CREATE TABLE applications_service (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    slug TEXT NOT NULL,
    identifier TEXT,
    body TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX applications_service_by_slug ON applications_service (tenant_id, slug);
CREATE INDEX applications_service_by_identifier ON applications_service (tenant_id, identifier);

-- Which offices a service is linked to.
CREATE TABLE applications_service_office (
    tenant_id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    office_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, service_id, office_id)
) STRICT;
CREATE INDEX applications_service_office_by_office_id ON applications_service_office (tenant_id, office_id);

-- Replica of the versions of the forms.
CREATE TABLE applications_form (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    schema TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id, version)
) STRICT;

-- Replica of the citizens.
CREATE TABLE applications_citizen (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    tax_code TEXT,
    given_name TEXT,
    family_name TEXT,
    email TEXT,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- Other ids of a citizen, from fiscal codes corrected since.
CREATE TABLE applications_citizen_alias (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    citizen_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX applications_citizen_alias_by_citizen_id ON applications_citizen_alias (tenant_id, citizen_id);
