DROP INDEX applications_service_by_name;
ALTER TABLE applications_service DROP COLUMN name;
DROP TABLE applications_external;
