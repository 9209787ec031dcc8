-- Which application another system's is here (Pratica Lite).
CREATE TABLE applications_external (
    tenant_id BLOB NOT NULL,
    external_system TEXT NOT NULL,
    external_id TEXT NOT NULL,
    application_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, external_system, external_id)
) STRICT;
CREATE INDEX applications_external_by_external_id ON applications_external (tenant_id, external_id);

-- Other systems know services by their names.
ALTER TABLE applications_service ADD COLUMN name TEXT;
UPDATE applications_service SET name = json_extract(body, '$.name');
CREATE INDEX applications_service_by_name ON applications_service (tenant_id, name);
