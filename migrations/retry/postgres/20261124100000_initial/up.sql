-- Events that wait for their next attempt. The payload is the queue's entry as it came.
CREATE TABLE retry_entry (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    consumer TEXT COLLATE "C" NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    original_event_id UUID NOT NULL,
    entity_id UUID NOT NULL,
    attempt BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    redelivery BIGINT NOT NULL,
    first_failed_at TIMESTAMPTZ NOT NULL,
    next_attempt_at TIMESTAMPTZ NOT NULL,
    error_type TEXT NOT NULL,
    error_detail TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
-- Due work is looked for, and lists are read, across tenants.
CREATE INDEX retry_entry_due ON retry_entry (next_attempt_at);
CREATE INDEX retry_entry_listed ON retry_entry (id);

-- Events that are not tried again by themselves: one row per consumer and event, whatever happens to it.
CREATE TABLE retry_dead_letter (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    consumer TEXT COLLATE "C" NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    original_event_id UUID NOT NULL,
    entity_id UUID NOT NULL,
    attempts BIGINT NOT NULL,
    redelivery BIGINT NOT NULL,
    permanent BOOLEAN NOT NULL,
    redeliverable BOOLEAN NOT NULL,
    first_failed_at TIMESTAMPTZ NOT NULL,
    error_type TEXT NOT NULL,
    error_detail TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX retry_dead_letter_event ON retry_dead_letter (tenant_id, consumer, original_event_id);
CREATE INDEX retry_dead_letter_listed ON retry_dead_letter (id);
CREATE INDEX retry_dead_letter_state ON retry_dead_letter (state, id);

-- Who decided what, and why. Never changed.
CREATE TABLE retry_decision (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    dead_letter_id UUID NOT NULL,
    action TEXT NOT NULL,
    reason TEXT,
    decided_by TEXT NOT NULL,
    decided_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX retry_decision_letter ON retry_decision (tenant_id, dead_letter_id, id);
