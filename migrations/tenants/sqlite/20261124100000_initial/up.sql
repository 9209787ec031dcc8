-- The bodies of the installation: each row is its own tenant's.
CREATE TABLE tenants_tenant (
    tenant_id BLOB NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    mechanographic_code TEXT UNIQUE,
    administrative_code TEXT UNIQUE,
    profile TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who owns a host; which host is the first one stands in the profile.
CREATE TABLE tenants_host (
    tenant_id BLOB NOT NULL,
    host TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE INDEX tenants_host_tenant ON tenants_host (tenant_id);
