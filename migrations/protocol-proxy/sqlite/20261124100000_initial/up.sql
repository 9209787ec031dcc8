-- A connector's settings for the whole body (ente).
CREATE TABLE protocol_proxy_tenant_config (
    tenant_id BLOB NOT NULL,
    connector TEXT NOT NULL,
    version INTEGER NOT NULL,
    description TEXT NOT NULL,
    parameters TEXT NOT NULL,
    active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, connector)
) STRICT;

-- A connector's settings for a service. A service has one active connector.
CREATE TABLE protocol_proxy_service_config (
    tenant_id BLOB NOT NULL,
    connector TEXT NOT NULL,
    service_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    description TEXT NOT NULL,
    parameters TEXT NOT NULL,
    active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, connector, service_id)
) STRICT;
CREATE UNIQUE INDEX protocol_proxy_service_config_active ON protocol_proxy_service_config (tenant_id, service_id) WHERE active;

-- Documents that must be registered. connector is null until one takes it. body is the document as its last event told it.
CREATE TABLE protocol_proxy_registration (
    tenant_id BLOB NOT NULL,
    document_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    application_id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    act_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    connector TEXT,
    status TEXT NOT NULL,
    number TEXT,
    reserved_number TEXT,
    by_hand INTEGER NOT NULL,
    second_number TEXT,
    failure TEXT,
    call_in_flight_until INTEGER,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, document_id)
) STRICT;
CREATE INDEX protocol_proxy_registration_application ON protocol_proxy_registration (tenant_id, application_id, kind);

-- Numbers that people or systems gave to an act by hand, seen on the application. document_id is the document that each
-- came to; null as long as there is none.
CREATE TABLE protocol_proxy_hand_number (
    tenant_id BLOB NOT NULL,
    application_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    details TEXT NOT NULL,
    document_id BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, application_id, kind, number)
) STRICT;

-- Replica of services: the newest version wins.
CREATE TABLE protocol_proxy_service (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    protocol_required INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
