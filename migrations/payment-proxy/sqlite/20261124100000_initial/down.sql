DROP TABLE payment_proxy_application;
DROP TABLE payment_proxy_debt;
DROP TABLE payment_proxy_config;
DROP TABLE payment_proxy_tenant;
