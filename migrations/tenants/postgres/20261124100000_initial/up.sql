-- The bodies of the installation: each row is its own tenant's.
CREATE TABLE tenants_tenant (
    tenant_id UUID NOT NULL PRIMARY KEY,
    slug TEXT COLLATE "C" NOT NULL UNIQUE,
    name TEXT NOT NULL,
    mechanographic_code TEXT COLLATE "C" UNIQUE,
    administrative_code TEXT COLLATE "C" UNIQUE,
    profile JSONB NOT NULL,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- Who owns a host; which host is the first one stands in the profile.
CREATE TABLE tenants_host (
    tenant_id UUID NOT NULL,
    host TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
CREATE INDEX tenants_host_tenant ON tenants_host (tenant_id);
