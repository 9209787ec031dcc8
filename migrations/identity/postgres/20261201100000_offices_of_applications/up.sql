-- Open applications that an office is assigned: copies of what `applications` tells.
CREATE TABLE identity_assigned (
    tenant_id UUID NOT NULL,
    application_id UUID NOT NULL,
    office_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, application_id)
);
CREATE INDEX identity_assigned_office ON identity_assigned (tenant_id, office_id);
