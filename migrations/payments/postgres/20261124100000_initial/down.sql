DROP TABLE payments_import_reject;
DROP TABLE payments_import;
DROP TABLE payments_application;
DROP TABLE payments_service;
DROP TABLE payments_due;
DROP TABLE payments_item;
DROP TABLE payments_payment;
