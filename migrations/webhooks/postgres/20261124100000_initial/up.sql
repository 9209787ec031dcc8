-- Secrets and headers are sealed. The earlier secret signs too until its time is over.
CREATE TABLE webhooks_webhook (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    title TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    triggers JSONB NOT NULL,
    filters JSONB NOT NULL,
    headers TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    body_version BIGINT NOT NULL,
    secret TEXT NOT NULL,
    earlier_secret TEXT,
    earlier_secret_until TIMESTAMPTZ,
    switched_off_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX webhooks_webhook_active ON webhooks_webhook (tenant_id, active);

-- One row per webhook and event: the id follows from both, so that a replay collides. The body is what was
-- true when the event happened.
CREATE TABLE webhooks_delivery (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    webhook_id UUID NOT NULL,
    event_id UUID NOT NULL,
    entity_id UUID NOT NULL,
    trigger_name TEXT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at TIMESTAMPTZ,
    lease_holder UUID,
    lease_until TIMESTAMPTZ,
    response_status BIGINT,
    error TEXT,
    last_attempt_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX webhooks_delivery_event ON webhooks_delivery (tenant_id, webhook_id, event_id);
CREATE INDEX webhooks_delivery_listed ON webhooks_delivery (tenant_id, webhook_id, created_at, id);
-- Due work and old rows are looked for across tenants.
CREATE INDEX webhooks_delivery_due ON webhooks_delivery (state, next_attempt_at);
CREATE INDEX webhooks_delivery_old ON webhooks_delivery (state, updated_at);

-- The services of the tenant: their ids are filters, their slugs stand in bodies.
CREATE TABLE webhooks_service (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    slug TEXT COLLATE "C" NOT NULL,
    deleted BOOLEAN NOT NULL,
    aggregate_version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
