-- Open applications that an office is assigned: copies of what `applications` tells.
CREATE TABLE identity_assigned (
    tenant_id BLOB NOT NULL,
    application_id BLOB NOT NULL,
    office_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, application_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_assigned_office ON identity_assigned (tenant_id, office_id);
