DROP TABLE protocol_proxy_service;
DROP TABLE protocol_proxy_hand_number;
DROP TABLE protocol_proxy_act;
DROP TABLE protocol_proxy_registration;
DROP TABLE protocol_proxy_service_config;
DROP TABLE protocol_proxy_tenant_config;
