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
    second_number TEXT,
    failure TEXT,
    call_in_flight_until INTEGER,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, document_id)
) STRICT;
CREATE UNIQUE INDEX protocol_proxy_registration_act ON protocol_proxy_registration (tenant_id, act_id);
CREATE INDEX protocol_proxy_registration_application ON protocol_proxy_registration (tenant_id, application_id, kind);

-- The present act of each kind of an application.
CREATE TABLE protocol_proxy_act (
    tenant_id BLOB NOT NULL,
    application_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    act_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, application_id, kind)
) STRICT;

-- Numbers that were given to an act by hand, as the application tells them.
CREATE TABLE protocol_proxy_hand_number (
    tenant_id BLOB NOT NULL,
    act_id BLOB NOT NULL,
    number TEXT NOT NULL,
    details TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, act_id, number)
) STRICT;

-- Replica of services: the newest version wins.
CREATE TABLE protocol_proxy_service (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    protocol_required INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
