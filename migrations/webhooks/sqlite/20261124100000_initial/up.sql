-- Secrets and headers are sealed. The earlier secret signs too until its time is over.
CREATE TABLE webhooks_webhook (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    title TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    triggers TEXT NOT NULL,
    filters TEXT NOT NULL,
    headers TEXT NOT NULL,
    active INTEGER NOT NULL,
    body_version INTEGER NOT NULL,
    secret TEXT NOT NULL,
    earlier_secret TEXT,
    earlier_secret_until INTEGER,
    switched_off_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_webhook_active ON webhooks_webhook (tenant_id, active);

-- One row per webhook and event: the id follows from both, so that a replay collides. The body is what was
-- true when the event happened.
CREATE TABLE webhooks_delivery (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    webhook_id BLOB NOT NULL,
    event_id BLOB NOT NULL,
    entity_id BLOB NOT NULL,
    trigger_name TEXT NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER,
    lease_holder BLOB,
    lease_until INTEGER,
    response_status INTEGER,
    error TEXT,
    last_attempt_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX webhooks_delivery_event ON webhooks_delivery (tenant_id, webhook_id, event_id);
CREATE INDEX webhooks_delivery_listed ON webhooks_delivery (tenant_id, webhook_id, created_at, id);
-- Due work and old rows are looked for across tenants.
CREATE INDEX webhooks_delivery_due ON webhooks_delivery (state, next_attempt_at);
CREATE INDEX webhooks_delivery_old ON webhooks_delivery (state, updated_at);

-- The services of the tenant: their ids are filters, their slugs stand in bodies.
CREATE TABLE webhooks_service (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    slug TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    aggregate_version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
