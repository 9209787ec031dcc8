-- What no two applications of a service may have in common: SHA-256 of the text that the service makes of the data.
CREATE TABLE applications_unique_id (
    tenant_id UUID NOT NULL,
    service_id UUID NOT NULL,
    hash TEXT NOT NULL,
    application_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, service_id, hash)
);
