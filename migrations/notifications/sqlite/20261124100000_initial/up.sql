-- What is to be delivered, and what became of it.
CREATE TABLE notifications_delivery (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    event_id BLOB NOT NULL,
    recipient TEXT NOT NULL,
    recipient_id BLOB,
    application_id BLOB NOT NULL,
    message_id BLOB,
    mail TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    lease_until INTEGER,
    sent_at INTEGER,
    error TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX notifications_delivery_once ON notifications_delivery (tenant_id, event_id, recipient);
CREATE INDEX notifications_delivery_due ON notifications_delivery (next_at) WHERE state = 'pending';
CREATE INDEX notifications_delivery_created ON notifications_delivery (tenant_id, created_at, id);

-- Replica of services: who works them, what they are called.
CREATE TABLE notifications_service (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    protocol_required INTEGER NOT NULL,
    offices TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;

-- Replica of applications: to whom each is assigned.
CREATE TABLE notifications_application (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    operator_id BLOB,
    office_id BLOB,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
