DROP TABLE documents_message;
DROP TABLE documents_form;
DROP TABLE documents_service;
DROP TABLE documents_application;
DROP TABLE documents_waiting;
DROP TABLE documents_document;
DROP TABLE documents_folder;
