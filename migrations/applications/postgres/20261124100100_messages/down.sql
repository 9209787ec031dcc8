DROP TABLE applications_message;
DROP TABLE applications_file;
