CREATE TABLE IF NOT EXISTS counters (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS positions (
    external_id TEXT NOT NULL PRIMARY KEY,
    organization_tax_code TEXT NOT NULL,
    payer_tax_code TEXT NOT NULL,
    content TEXT NOT NULL,
    notify_secret TEXT,
    iuv TEXT NOT NULL,
    notice_number TEXT NOT NULL,
    created_at TEXT NOT NULL,
    cancelled_at TEXT,
    UNIQUE (organization_tax_code, notice_number)
);
CREATE INDEX IF NOT EXISTS positions_of_payer ON positions (payer_tax_code);

CREATE TABLE IF NOT EXISTS payments (
    transaction_id TEXT NOT NULL PRIMARY KEY,
    external_id TEXT NOT NULL UNIQUE REFERENCES positions (external_id),
    amount BIGINT NOT NULL,
    paid_at TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS notifications (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    url TEXT NOT NULL,
    secret TEXT,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'abandoned')),
    attempts INTEGER NOT NULL,
    next_attempt_ms BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS notifications_due ON notifications (next_attempt_ms) WHERE state = 'pending';

CREATE TABLE IF NOT EXISTS folders (
    organization_tax_code TEXT NOT NULL,
    title TEXT NOT NULL,
    number TEXT NOT NULL,
    PRIMARY KEY (organization_tax_code, title),
    UNIQUE (organization_tax_code, number)
);

CREATE TABLE IF NOT EXISTS registrations (
    external_id TEXT NOT NULL PRIMARY KEY,
    organization_tax_code TEXT NOT NULL,
    year INTEGER NOT NULL,
    number BIGINT NOT NULL,
    folder_number TEXT NOT NULL,
    document_id TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL,
    registered_at TEXT NOT NULL,
    completed_at TEXT,
    UNIQUE (organization_tax_code, year, number)
);

CREATE TABLE IF NOT EXISTS files (
    external_id TEXT NOT NULL REFERENCES registrations (external_id),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    received_at TEXT,
    PRIMARY KEY (external_id, position)
);
