DROP TABLE tenants_host;
DROP TABLE tenants_tenant;
