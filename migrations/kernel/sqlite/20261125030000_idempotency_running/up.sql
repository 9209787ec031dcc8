-- Requests with an Idempotency-Key that are being answered; after lease_until another one may take their place.
CREATE TABLE kernel_idempotency_running (
    tenant_id BLOB NOT NULL,
    principal TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, principal, route, key)
) STRICT, WITHOUT ROWID;
