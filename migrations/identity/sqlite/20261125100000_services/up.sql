-- Services, as far as offices are concerned: copies of what `services` tells.
CREATE TABLE identity_service (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    offices TEXT NOT NULL,
    rule_offices TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
