-- Work on many applications that was asked for in one call. `input` and `login` are JSON.
CREATE TABLE applications_bulk (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    input TEXT COLLATE "C" NOT NULL,
    requested_by UUID NOT NULL,
    requested_name TEXT COLLATE "C",
    login TEXT COLLATE "C" NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    started_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX applications_bulk_by_ended_at_id ON applications_bulk (ended_at, id);
CREATE INDEX applications_bulk_by_requested_by_id ON applications_bulk (tenant_id, requested_by, id);

-- What became of each of its applications.
CREATE TABLE applications_bulk_item (
    tenant_id UUID NOT NULL,
    bulk_id UUID NOT NULL,
    position INTEGER NOT NULL,
    application_id UUID NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    problem TEXT COLLATE "C",
    at TIMESTAMPTZ,
    PRIMARY KEY (tenant_id, bulk_id, position)
);
CREATE INDEX applications_bulk_item_by_status_position ON applications_bulk_item (tenant_id, bulk_id, status, position);
