DROP TABLE documents_citizen;
DROP TABLE documents_deposit_reader;
DROP TABLE documents_deposit;
DROP TABLE documents_personal_folder_service;
DROP TABLE documents_personal_folder;
