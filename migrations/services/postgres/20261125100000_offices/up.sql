-- Offices, as far as the vocabularies are concerned: copies of what `user-groups` tells.
CREATE TABLE services_office (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    topic_id UUID,
    location_id UUID,
    PRIMARY KEY (tenant_id, id)
);
