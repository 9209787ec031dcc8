DROP TABLE applications_unique_id;
