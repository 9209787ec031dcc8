-- What no two applications of a service may have in common: SHA-256 of the text that the service makes of the data.
CREATE TABLE applications_unique_id (
    tenant_id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    hash TEXT NOT NULL,
    application_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, service_id, hash)
) STRICT, WITHOUT ROWID;
