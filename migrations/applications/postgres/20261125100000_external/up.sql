-- Which application another system's is here (Pratica Lite).
CREATE TABLE applications_external (
    tenant_id UUID NOT NULL,
    external_system TEXT COLLATE "C" NOT NULL,
    external_id TEXT COLLATE "C" NOT NULL,
    application_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, external_system, external_id)
);
CREATE INDEX applications_external_by_external_id ON applications_external (tenant_id, external_id);

-- Other systems know services by their names.
ALTER TABLE applications_service ADD COLUMN name TEXT COLLATE "C";
UPDATE applications_service SET name = body::json ->> 'name';
CREATE INDEX applications_service_by_name ON applications_service (tenant_id, name);
