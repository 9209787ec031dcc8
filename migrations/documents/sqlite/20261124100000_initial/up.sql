-- One folder (fascicolo) per service and calendar year.
CREATE TABLE documents_folder (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    year INTEGER NOT NULL,
    title TEXT NOT NULL,
    number TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX documents_folder_service_year ON documents_folder (tenant_id, service_id, year);

-- One document per act. body is the document as its last event told it.
CREATE TABLE documents_document (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    act_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    application_id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    owner_id BLOB NOT NULL,
    owner_tax_code TEXT,
    folder_id BLOB NOT NULL,
    title TEXT NOT NULL,
    main_file_id BLOB NOT NULL,
    sha256 TEXT NOT NULL,
    body TEXT NOT NULL,
    downloads INTEGER NOT NULL,
    last_read_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
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
    tenant_id BLOB NOT NULL,
    act_id BLOB NOT NULL,
    application_id BLOB NOT NULL,
    event TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, act_id)
) STRICT;
CREATE INDEX documents_waiting_application ON documents_waiting (tenant_id, application_id);

-- Replicas: the newest version wins.
CREATE TABLE documents_application (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    service_id BLOB NOT NULL,
    office_id BLOB,
    operator_id BLOB,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX documents_application_office ON documents_application (tenant_id, office_id);
CREATE INDEX documents_application_operator ON documents_application (tenant_id, operator_id);

CREATE TABLE documents_service (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    offices TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE documents_form (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    form_version INTEGER NOT NULL,
    form_schema TEXT NOT NULL,
    translations TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id, form_version)
) STRICT;

CREATE TABLE documents_message (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    application_id BLOB NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX documents_message_application ON documents_message (tenant_id, application_id);
