-- A connector's settings for the whole body (ente).
CREATE TABLE protocol_proxy_tenant_config (
    tenant_id UUID NOT NULL,
    connector TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    description TEXT NOT NULL,
    parameters JSONB NOT NULL,
    active BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, connector)
);

-- A connector's settings for a service. A service has one active connector.
CREATE TABLE protocol_proxy_service_config (
    tenant_id UUID NOT NULL,
    connector TEXT COLLATE "C" NOT NULL,
    service_id UUID NOT NULL,
    version BIGINT NOT NULL,
    description TEXT NOT NULL,
    parameters JSONB NOT NULL,
    active BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, connector, service_id)
);
CREATE UNIQUE INDEX protocol_proxy_service_config_active ON protocol_proxy_service_config (tenant_id, service_id) WHERE active;

-- Documents that must be registered. connector is null until one takes it. body is the document as its last event told it.
CREATE TABLE protocol_proxy_registration (
    tenant_id UUID NOT NULL,
    document_id UUID NOT NULL,
    version BIGINT NOT NULL,
    application_id UUID NOT NULL,
    service_id UUID NOT NULL,
    act_id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    connector TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C",
    second_number TEXT,
    failure TEXT,
    call_in_flight_until TIMESTAMPTZ,
    body JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, document_id)
);
CREATE UNIQUE INDEX protocol_proxy_registration_act ON protocol_proxy_registration (tenant_id, act_id);
CREATE INDEX protocol_proxy_registration_application ON protocol_proxy_registration (tenant_id, application_id, kind);

-- The present act of each kind of an application.
CREATE TABLE protocol_proxy_act (
    tenant_id UUID NOT NULL,
    application_id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    act_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, application_id, kind)
);

-- Numbers that were given to an act by hand, as the application tells them.
CREATE TABLE protocol_proxy_hand_number (
    tenant_id UUID NOT NULL,
    act_id UUID NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    details JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, act_id, number)
);

-- Replica of services: the newest version wins.
CREATE TABLE protocol_proxy_service (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    protocol_required BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
