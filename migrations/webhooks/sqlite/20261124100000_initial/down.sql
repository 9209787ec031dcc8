DROP TABLE webhooks_service;
DROP TABLE webhooks_delivery;
DROP TABLE webhooks_webhook;
