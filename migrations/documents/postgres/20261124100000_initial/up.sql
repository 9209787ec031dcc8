-- One folder (fascicolo) per service and calendar year.
CREATE TABLE documents_folder (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    service_id UUID NOT NULL,
    year BIGINT NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C",
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX documents_folder_service_year ON documents_folder (tenant_id, service_id, year);

-- One document per act. body is the document as its last event told it.
CREATE TABLE documents_document (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    act_id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    application_id UUID NOT NULL,
    service_id UUID NOT NULL,
    owner_id UUID NOT NULL,
    owner_tax_code TEXT COLLATE "C",
    folder_id UUID NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    main_file_id UUID NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    body JSONB NOT NULL,
    downloads BIGINT NOT NULL,
    last_read_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX documents_document_act ON documents_document (tenant_id, act_id);
CREATE INDEX documents_document_created ON documents_document (tenant_id, created_at);
CREATE INDEX documents_document_owner ON documents_document (tenant_id, owner_id, created_at);
CREATE INDEX documents_document_service ON documents_document (tenant_id, service_id, created_at);
CREATE INDEX documents_document_application ON documents_document (tenant_id, application_id);
CREATE INDEX documents_document_folder ON documents_document (tenant_id, folder_id);
CREATE INDEX documents_document_file ON documents_document (tenant_id, main_file_id);
CREATE INDEX documents_document_sha256 ON documents_document (tenant_id, sha256);

-- Acts that wait for a message that they name. event is the application's event.
CREATE TABLE documents_waiting (
    tenant_id UUID NOT NULL,
    act_id UUID NOT NULL,
    application_id UUID NOT NULL,
    event JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, act_id)
);
CREATE INDEX documents_waiting_application ON documents_waiting (tenant_id, application_id);

-- Replicas: the newest version wins.
CREATE TABLE documents_application (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    service_id UUID NOT NULL,
    office_id UUID,
    operator_id UUID,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX documents_application_office ON documents_application (tenant_id, office_id);
CREATE INDEX documents_application_operator ON documents_application (tenant_id, operator_id);

CREATE TABLE documents_service (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    offices JSONB NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE documents_form (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    form_version BIGINT NOT NULL,
    form_schema JSONB NOT NULL,
    translations JSONB NOT NULL,
    PRIMARY KEY (tenant_id, id, form_version)
);

CREATE TABLE documents_message (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    application_id UUID NOT NULL,
    body JSONB NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX documents_message_application ON documents_message (tenant_id, application_id);
