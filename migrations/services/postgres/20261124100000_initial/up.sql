-- Categories, recipients and geographic areas: kind says which.
CREATE TABLE services_term (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('category', 'recipient', 'area')),
    name TEXT COLLATE "C" NOT NULL,
    slug TEXT COLLATE "C" NOT NULL,
    description TEXT,
    parent_id UUID,
    geofence TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES services_term (tenant_id, id)
);
CREATE UNIQUE INDEX services_term_slug ON services_term (tenant_id, kind, slug);
CREATE INDEX services_term_name ON services_term (tenant_id, kind, name);
CREATE INDEX services_term_parent ON services_term (tenant_id, parent_id);

CREATE TABLE services_place (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    body JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX services_place_name ON services_place (tenant_id, name);

CREATE TABLE services_group (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    slug TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    topics_id UUID,
    body JSONB NOT NULL,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, topics_id) REFERENCES services_term (tenant_id, id)
);
CREATE UNIQUE INDEX services_group_slug ON services_group (tenant_id, slug);
CREATE INDEX services_group_name ON services_group (tenant_id, name);
CREATE INDEX services_group_topics ON services_group (tenant_id, topics_id);

-- The columns that queries, constraints and rules need; body is the whole service as it was written.
CREATE TABLE services_service (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    identifier TEXT COLLATE "C",
    slug TEXT COLLATE "C" NOT NULL,
    status INTEGER NOT NULL,
    topics_id UUID,
    service_group_id UUID,
    body JSONB NOT NULL,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, topics_id) REFERENCES services_term (tenant_id, id),
    FOREIGN KEY (tenant_id, service_group_id) REFERENCES services_group (tenant_id, id)
);
CREATE UNIQUE INDEX services_service_identifier ON services_service (tenant_id, identifier);
CREATE UNIQUE INDEX services_service_slug ON services_service (tenant_id, slug);
CREATE INDEX services_service_status ON services_service (tenant_id, status);
CREATE INDEX services_service_topics ON services_service (tenant_id, topics_id);
CREATE INDEX services_service_group ON services_service (tenant_id, service_group_id);

-- version is that of the newest row in services_form_version.
CREATE TABLE services_form (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    title TEXT,
    path TEXT COLLATE "C",
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX services_form_path ON services_form (tenant_id, path);

-- A version never changes. source is the schema as it was sent, resolved has its nested forms inside; both are
-- texts, because the order of keys and the spelling of numbers is the author's.
CREATE TABLE services_form_version (
    tenant_id UUID NOT NULL,
    form_id UUID NOT NULL,
    version BIGINT NOT NULL,
    source TEXT NOT NULL,
    resolved TEXT NOT NULL,
    own_translations JSONB NOT NULL,
    translations JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, form_id, version),
    FOREIGN KEY (tenant_id, form_id) REFERENCES services_form (tenant_id, id)
);

-- Which forms the newest version of a form nests.
CREATE TABLE services_form_nesting (
    tenant_id UUID NOT NULL,
    form_id UUID NOT NULL,
    nested_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, form_id, nested_id),
    FOREIGN KEY (tenant_id, form_id) REFERENCES services_form (tenant_id, id),
    FOREIGN KEY (tenant_id, nested_id) REFERENCES services_form (tenant_id, id)
);
CREATE INDEX services_form_nesting_nested ON services_form_nesting (tenant_id, nested_id);
