DROP TABLE notifications_application;
DROP TABLE notifications_service;
DROP TABLE notifications_delivery;
