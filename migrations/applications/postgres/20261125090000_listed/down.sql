CREATE INDEX applications_application_by_created_at_id ON applications_application (tenant_id, created_at, id);
DROP INDEX applications_application_listed;
