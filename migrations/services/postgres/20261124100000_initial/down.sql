DROP TABLE services_form_nesting;
DROP TABLE services_form_version;
DROP TABLE services_form;
DROP TABLE services_service;
DROP TABLE services_group;
DROP TABLE services_place;
DROP TABLE services_term;
