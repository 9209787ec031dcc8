-- Offices, as far as the vocabularies are concerned: copies of what `user-groups` tells.
CREATE TABLE services_office (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    topic_id BLOB,
    location_id BLOB,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
