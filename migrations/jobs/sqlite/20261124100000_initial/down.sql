DROP TABLE jobs_service;
DROP TABLE jobs_job;
