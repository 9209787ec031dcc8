-- What a connector knows of a body (*ente*). The secret part is sealed.
CREATE TABLE payment_proxy_tenant (
    tenant_id UUID NOT NULL,
    connector TEXT COLLATE "C" NOT NULL,
    tax_code TEXT COLLATE "C" NOT NULL,
    active BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    sealed_secret TEXT COLLATE "C" NOT NULL,
    body JSONB NOT NULL,
    PRIMARY KEY (tenant_id, connector)
);
CREATE INDEX payment_proxy_tenant_tax_code ON payment_proxy_tenant (connector, tax_code);

-- active_key is the collection and the payment type of an active configuration, null otherwise: one over all connectors.
CREATE TABLE payment_proxy_config (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    connector TEXT COLLATE "C" NOT NULL,
    collection_id UUID NOT NULL,
    collection_type TEXT COLLATE "C" NOT NULL,
    payment_type TEXT COLLATE "C" NOT NULL,
    active BOOLEAN NOT NULL,
    active_key TEXT COLLATE "C",
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    body JSONB NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX payment_proxy_config_active ON payment_proxy_config (tenant_id, active_key);
CREATE UNIQUE INDEX payment_proxy_config_id ON payment_proxy_config (id);
CREATE INDEX payment_proxy_config_list ON payment_proxy_config (tenant_id, connector, created_at);

-- The last state of each payment that a connector keeps, and what is still to be done for it.
CREATE TABLE payment_proxy_debt (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    connector TEXT COLLATE "C" NOT NULL,
    service_id UUID NOT NULL,
    remote_id UUID NOT NULL,
    attempt BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    iuv TEXT COLLATE "C",
    page_url TEXT COLLATE "C",
    expire_at TIMESTAMPTZ,
    next_check_at TIMESTAMPTZ,
    cancel_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    body JSONB NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX payment_proxy_debt_id ON payment_proxy_debt (id);
CREATE INDEX payment_proxy_debt_iuv ON payment_proxy_debt (tenant_id, connector, iuv);
CREATE INDEX payment_proxy_debt_remote ON payment_proxy_debt (tenant_id, remote_id);
CREATE INDEX payment_proxy_debt_check ON payment_proxy_debt (next_check_at);
CREATE INDEX payment_proxy_debt_cancel ON payment_proxy_debt (cancel_at);

-- The last state of each application that was to be paid: attempt is its newest.
CREATE TABLE payment_proxy_application (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
