-- Services, as far as offices are concerned: copies of what `services` tells.
CREATE TABLE identity_service (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    offices JSONB NOT NULL,
    rule_offices JSONB NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
