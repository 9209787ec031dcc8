DROP TABLE identity_service;
