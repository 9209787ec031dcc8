-- A list is read in the order of this index, and what it may be narrowed by is in it: nothing is sorted, and a row is only
-- looked up when it is shown. Counting reads the index alone.
CREATE INDEX applications_application_listed ON applications_application
    (tenant_id, created_at, id, status, service_id, operator_id, office_id, updated_at, submitted_at);
DROP INDEX applications_application_by_created_at_id;
