-- The outbox; the relay gives each row its position in the log, in the order of seq, once it is visible.
CREATE TABLE kernel_event (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position BIGINT,
    event_id UUID NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    tenant_id UUID NOT NULL,
    entity_id UUID NOT NULL,
    aggregate_version BIGINT NOT NULL,
    payload TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX kernel_event_position ON kernel_event (position);
CREATE INDEX kernel_event_waiting ON kernel_event (seq) WHERE position IS NULL;

-- How far each consumer is.
CREATE TABLE kernel_cursor (
    consumer TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL
);

-- What each consumer has taken: the original event and the attempt.
CREATE TABLE kernel_inbox (
    consumer TEXT COLLATE "C" NOT NULL,
    event_id UUID NOT NULL,
    attempt BIGINT NOT NULL,
    taken_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (consumer, event_id, attempt)
);

-- Ordering keys that wait: for a call outside, a retry, a decision on a dead letter, or to drain.
CREATE TABLE kernel_hold (
    consumer TEXT COLLATE "C" NOT NULL,
    ordering_key TEXT COLLATE "C" NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('call', 'retry', 'dead', 'drain')),
    event_id UUID NOT NULL,
    PRIMARY KEY (consumer, ordering_key)
);

CREATE TABLE kernel_parked (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer TEXT COLLATE "C" NOT NULL,
    ordering_key TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    tenant_id UUID NOT NULL,
    aggregate_version BIGINT NOT NULL,
    payload TEXT NOT NULL
);
CREATE INDEX kernel_parked_key ON kernel_parked (consumer, ordering_key, id);

-- Calls to outside systems that are claimed and not settled.
CREATE TABLE kernel_call (
    consumer TEXT COLLATE "C" NOT NULL,
    event_id UUID NOT NULL,
    ordering_key TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    tenant_id UUID NOT NULL,
    aggregate_version BIGINT NOT NULL,
    payload TEXT NOT NULL,
    lease_holder UUID NOT NULL,
    lease_until TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (consumer, event_id)
);

-- Who leads: one relay, one runner per module.
CREATE TABLE kernel_lease (
    name TEXT NOT NULL PRIMARY KEY,
    holder UUID NOT NULL,
    fence BIGINT NOT NULL,
    until TIMESTAMPTZ NOT NULL
);

-- Answers kept for Idempotency-Key.
CREATE TABLE kernel_idempotency (
    tenant_id UUID NOT NULL,
    principal TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    status INTEGER NOT NULL,
    location TEXT,
    answer TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, principal, route, key)
);
CREATE INDEX kernel_idempotency_age ON kernel_idempotency (created_at);

-- The directory: tenants by host and slug; rights of operators and administrators.
CREATE TABLE kernel_tenant (
    id UUID NOT NULL PRIMARY KEY,
    slug TEXT COLLATE "C" NOT NULL UNIQUE,
    name TEXT NOT NULL,
    profile JSONB NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE kernel_tenant_host (
    host TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id UUID NOT NULL
);
CREATE TABLE kernel_principal (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    role TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    "system_user" BOOLEAN NOT NULL,
    email TEXT,
    full_name TEXT,
    roles JSONB NOT NULL,
    enabled_services JSONB NOT NULL,
    offices JSONB NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE TABLE kernel_office (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
