-- The log: outbox and, on SQLite, the log itself (there is one writer: seq is the position).
CREATE TABLE kernel_event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    position INTEGER,
    event_id BLOB NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    tenant_id BLOB NOT NULL,
    entity_id BLOB NOT NULL,
    aggregate_version INTEGER NOT NULL,
    payload TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- How far each consumer is.
CREATE TABLE kernel_cursor (
    consumer TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;

-- What each consumer has taken: the original event and the attempt.
CREATE TABLE kernel_inbox (
    consumer TEXT NOT NULL,
    event_id BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    taken_at INTEGER NOT NULL,
    PRIMARY KEY (consumer, event_id, attempt)
) STRICT, WITHOUT ROWID;

-- Ordering keys that wait: for a call outside, a retry, a decision on a dead letter, or to drain.
CREATE TABLE kernel_hold (
    consumer TEXT NOT NULL,
    ordering_key TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('call', 'retry', 'dead', 'drain')),
    event_id BLOB NOT NULL,
    PRIMARY KEY (consumer, ordering_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE kernel_parked (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    consumer TEXT NOT NULL,
    ordering_key TEXT NOT NULL,
    position INTEGER NOT NULL,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    tenant_id BLOB NOT NULL,
    aggregate_version INTEGER NOT NULL,
    payload TEXT NOT NULL
) STRICT;
CREATE INDEX kernel_parked_key ON kernel_parked (consumer, ordering_key, id);

-- Calls to outside systems that are claimed and not settled.
CREATE TABLE kernel_call (
    consumer TEXT NOT NULL,
    event_id BLOB NOT NULL,
    ordering_key TEXT NOT NULL,
    position INTEGER NOT NULL,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    tenant_id BLOB NOT NULL,
    aggregate_version INTEGER NOT NULL,
    payload TEXT NOT NULL,
    lease_holder BLOB NOT NULL,
    lease_until INTEGER NOT NULL,
    PRIMARY KEY (consumer, event_id)
) STRICT, WITHOUT ROWID;

-- Who leads: one relay, one runner per module.
CREATE TABLE kernel_lease (
    name TEXT NOT NULL PRIMARY KEY,
    holder BLOB NOT NULL,
    fence INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Answers kept for Idempotency-Key.
CREATE TABLE kernel_idempotency (
    tenant_id BLOB NOT NULL,
    principal TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    status INTEGER NOT NULL,
    location TEXT,
    answer TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, principal, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX kernel_idempotency_age ON kernel_idempotency (created_at);

-- The directory: tenants by host and slug; rights of operators and administrators.
CREATE TABLE kernel_tenant (
    id BLOB NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    profile TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE kernel_tenant_host (
    host TEXT NOT NULL PRIMARY KEY,
    tenant_id BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE kernel_principal (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    role TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    system_user INTEGER NOT NULL,
    email TEXT,
    full_name TEXT,
    roles TEXT NOT NULL,
    enabled_services TEXT NOT NULL,
    offices TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE kernel_office (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
