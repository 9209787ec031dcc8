-- Work on many applications that was asked for in one call. `input` and `login` are JSON.
CREATE TABLE applications_bulk (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    action TEXT NOT NULL,
    input TEXT NOT NULL,
    requested_by BLOB NOT NULL,
    requested_name TEXT,
    login TEXT NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX applications_bulk_by_ended_at_id ON applications_bulk (ended_at, id);
CREATE INDEX applications_bulk_by_requested_by_id ON applications_bulk (tenant_id, requested_by, id);

-- What became of each of its applications.
CREATE TABLE applications_bulk_item (
    tenant_id BLOB NOT NULL,
    bulk_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    application_id BLOB NOT NULL,
    status TEXT NOT NULL,
    problem TEXT,
    at INTEGER,
    PRIMARY KEY (tenant_id, bulk_id, position)
) STRICT;
CREATE INDEX applications_bulk_item_by_status_position ON applications_bulk_item (tenant_id, bulk_id, status, position);
