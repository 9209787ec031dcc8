-- Events that wait for their next attempt. The payload is the queue's entry as it came.
CREATE TABLE retry_entry (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    consumer TEXT NOT NULL,
    topic TEXT NOT NULL,
    original_event_id BLOB NOT NULL,
    entity_id BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    redelivery INTEGER NOT NULL,
    first_failed_at INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    error_type TEXT NOT NULL,
    error_detail TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
-- Due work is looked for, and lists are read, across tenants.
CREATE INDEX retry_entry_due ON retry_entry (next_attempt_at);
CREATE INDEX retry_entry_listed ON retry_entry (id);

-- Events that are not tried again by themselves: one row per consumer and event, whatever happens to it.
CREATE TABLE retry_dead_letter (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    consumer TEXT NOT NULL,
    topic TEXT NOT NULL,
    original_event_id BLOB NOT NULL,
    entity_id BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    redelivery INTEGER NOT NULL,
    permanent INTEGER NOT NULL,
    redeliverable INTEGER NOT NULL,
    first_failed_at INTEGER NOT NULL,
    error_type TEXT NOT NULL,
    error_detail TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX retry_dead_letter_event ON retry_dead_letter (tenant_id, consumer, original_event_id);
CREATE INDEX retry_dead_letter_listed ON retry_dead_letter (id);
CREATE INDEX retry_dead_letter_state ON retry_dead_letter (state, id);

-- Who decided what, and why. Never changed.
CREATE TABLE retry_decision (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    dead_letter_id BLOB NOT NULL,
    action TEXT NOT NULL,
    reason TEXT,
    decided_by TEXT NOT NULL,
    decided_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX retry_decision_letter ON retry_decision (tenant_id, dead_letter_id, id);
