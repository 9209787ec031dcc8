-- The applications. `submission`, `payment_data`, `details` are JSON kept as text: order and spelling matter.
CREATE TABLE applications_application (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    service_id UUID NOT NULL,
    user_id UUID NOT NULL,
    user_name TEXT COLLATE "C",
    status INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    submitted_at TIMESTAMPTZ,
    status_changed_at TIMESTAMPTZ NOT NULL,
    flow_changed_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    operator_id UUID,
    office_id UUID,
    subject TEXT COLLATE "C",
    external_id TEXT COLLATE "C",
    locale TEXT COLLATE "C" NOT NULL,
    form_id UUID,
    form_version INTEGER,
    submission TEXT COLLATE "C" NOT NULL,
    protocol_number TEXT COLLATE "C",
    protocolled_at TIMESTAMPTZ,
    outcome BOOLEAN,
    outcome_motivation TEXT COLLATE "C",
    payment_type TEXT COLLATE "C",
    payment_data TEXT COLLATE "C",
    payment_origin TEXT COLLATE "C",
    attempt INTEGER NOT NULL,
    current_act_id UUID,
    details TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
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
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    application_id UUID NOT NULL,
    version BIGINT NOT NULL,
    status INTEGER NOT NULL,
    event TEXT COLLATE "C",
    actor_id UUID,
    actor_name TEXT COLLATE "C",
    operator_id UUID,
    office_id UUID,
    message TEXT COLLATE "C",
    message_id UUID,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX applications_history_by_application_id_version_at ON applications_history (tenant_id, application_id, version, at);

-- What each attempt to pay asks for, and what is known of its payment.
CREATE TABLE applications_payment_item (
    tenant_id UUID NOT NULL,
    application_id UUID NOT NULL,
    attempt INTEGER NOT NULL,
    item TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    payment_id UUID,
    reason TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    settled_by_hand BOOLEAN NOT NULL,
    cancelled_by_us BOOLEAN NOT NULL,
    links TEXT COLLATE "C",
    payment_version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, application_id, attempt, item)
);

-- Acts: each becomes a document. What the document's events said of it is beside it.
CREATE TABLE applications_act (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    application_id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    actor_id UUID,
    messages JSONB NOT NULL,
    files JSONB NOT NULL,
    protocol_number TEXT COLLATE "C",
    protocol_document_id TEXT COLLATE "C",
    protocolled_at TIMESTAMPTZ,
    folder_number TEXT COLLATE "C",
    folder_code TEXT COLLATE "C",
    document_id UUID,
    document_status TEXT COLLATE "C",
    document_version BIGINT NOT NULL,
    document_file TEXT COLLATE "C",
    call_in_flight_until TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX applications_act_by_application_id_created_at ON applications_act (tenant_id, application_id, created_at);

-- Money or numbers that came where the state table has no row for them.
CREATE TABLE applications_anomaly (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    application_id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    event_id UUID,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX applications_anomaly_by_application_id_at ON applications_anomaly (tenant_id, application_id, at);

-- Replica of the services.
CREATE TABLE applications_service (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    slug TEXT COLLATE "C" NOT NULL,
    identifier TEXT COLLATE "C",
    body TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX applications_service_by_slug ON applications_service (tenant_id, slug);
CREATE INDEX applications_service_by_identifier ON applications_service (tenant_id, identifier);

-- Which offices a service is linked to.
CREATE TABLE applications_service_office (
    tenant_id UUID NOT NULL,
    service_id UUID NOT NULL,
    office_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, service_id, office_id)
);
CREATE INDEX applications_service_office_by_office_id ON applications_service_office (tenant_id, office_id);

-- Replica of the versions of the forms.
CREATE TABLE applications_form (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version INTEGER NOT NULL,
    schema TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, id, version)
);

-- Replica of the citizens.
CREATE TABLE applications_citizen (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    tax_code TEXT COLLATE "C",
    given_name TEXT COLLATE "C",
    family_name TEXT COLLATE "C",
    email TEXT COLLATE "C",
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- Other ids of a citizen, from fiscal codes corrected since.
CREATE TABLE applications_citizen_alias (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    citizen_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX applications_citizen_alias_by_citizen_id ON applications_citizen_alias (tenant_id, citizen_id);
