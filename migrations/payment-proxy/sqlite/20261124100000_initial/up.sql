-- What a connector knows of a body (*ente*). The secret part is sealed.
CREATE TABLE payment_proxy_tenant (
    tenant_id BLOB NOT NULL,
    connector TEXT NOT NULL,
    tax_code TEXT NOT NULL,
    active INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    sealed_secret TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant_id, connector)
) STRICT;
CREATE INDEX payment_proxy_tenant_tax_code ON payment_proxy_tenant (connector, tax_code);

-- active_key is the collection and the payment type of an active configuration, null otherwise: one over all connectors.
CREATE TABLE payment_proxy_config (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    connector TEXT NOT NULL,
    collection_id BLOB NOT NULL,
    collection_type TEXT NOT NULL,
    payment_type TEXT NOT NULL,
    active INTEGER NOT NULL,
    active_key TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX payment_proxy_config_active ON payment_proxy_config (tenant_id, active_key);
CREATE UNIQUE INDEX payment_proxy_config_id ON payment_proxy_config (id);
CREATE INDEX payment_proxy_config_list ON payment_proxy_config (tenant_id, connector, created_at);

-- The last state of each payment that a connector keeps, and what is still to be done for it.
CREATE TABLE payment_proxy_debt (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    connector TEXT NOT NULL,
    service_id BLOB NOT NULL,
    remote_id BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    iuv TEXT,
    page_url TEXT,
    expire_at INTEGER,
    next_check_at INTEGER,
    cancel_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX payment_proxy_debt_id ON payment_proxy_debt (id);
CREATE INDEX payment_proxy_debt_iuv ON payment_proxy_debt (tenant_id, connector, iuv);
CREATE INDEX payment_proxy_debt_remote ON payment_proxy_debt (tenant_id, remote_id);
CREATE INDEX payment_proxy_debt_check ON payment_proxy_debt (next_check_at);
CREATE INDEX payment_proxy_debt_cancel ON payment_proxy_debt (cancel_at);

-- The last state of each application that was to be paid: attempt is its newest.
CREATE TABLE payment_proxy_application (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
