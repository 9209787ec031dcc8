DROP TABLE services_office;
