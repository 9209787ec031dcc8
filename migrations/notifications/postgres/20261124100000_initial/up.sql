-- What is to be delivered, and what became of it.
CREATE TABLE notifications_delivery (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    event_id UUID NOT NULL,
    recipient TEXT NOT NULL,
    recipient_id UUID,
    application_id UUID NOT NULL,
    message_id UUID,
    mail JSONB NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at TIMESTAMPTZ NOT NULL,
    lease_until TIMESTAMPTZ,
    sent_at TIMESTAMPTZ,
    error TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX notifications_delivery_once ON notifications_delivery (tenant_id, event_id, recipient);
CREATE INDEX notifications_delivery_due ON notifications_delivery (next_at) WHERE state = 'pending';
CREATE INDEX notifications_delivery_created ON notifications_delivery (tenant_id, created_at, id);

-- Replica of services: who works them, what they are called.
CREATE TABLE notifications_service (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    protocol_required BOOLEAN NOT NULL,
    offices JSONB NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- Replica of applications: to whom each is assigned.
CREATE TABLE notifications_application (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    service_id UUID NOT NULL,
    operator_id UUID,
    office_id UUID,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
