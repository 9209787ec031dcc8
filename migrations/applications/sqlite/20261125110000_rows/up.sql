-- Of a table that is kept by its key SQLite reads all rows of the tenant by that key, rather than those of an application by its
-- index: it takes the key for an index that holds all that is asked for. So these two are kept by row id.
CREATE TABLE applications_file_new (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    owner_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('begun', 'received', 'finished', 'expired')),
    application_id BLOB,
    message_id BLOB,
    object_id BLOB,
    upload_key TEXT,
    name TEXT NOT NULL,
    original_name TEXT NOT NULL,
    description TEXT,
    mime_type TEXT NOT NULL,
    announced_size INTEGER NOT NULL,
    size INTEGER,
    sha256 TEXT,
    md5 TEXT,
    protocol_required INTEGER NOT NULL,
    protocol_number TEXT,
    external_id TEXT,
    created_at INTEGER NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;
INSERT INTO applications_file_new SELECT * FROM applications_file;
DROP TABLE applications_file;
ALTER TABLE applications_file_new RENAME TO applications_file;
CREATE INDEX applications_file_application ON applications_file (tenant_id, application_id, id) WHERE application_id IS NOT NULL;
CREATE INDEX applications_file_message ON applications_file (tenant_id, message_id, id) WHERE message_id IS NOT NULL;
CREATE INDEX applications_file_unused ON applications_file (created_at) WHERE used_at IS NULL;

CREATE TABLE applications_message_new (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    application_id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    author_id BLOB,
    author_kind TEXT NOT NULL,
    origin TEXT NOT NULL,
    message TEXT NOT NULL,
    subject TEXT,
    visibility TEXT NOT NULL,
    email TEXT,
    created_at INTEGER NOT NULL,
    sent_at INTEGER,
    read_at INTEGER,
    clicked_at INTEGER,
    protocol_required INTEGER NOT NULL,
    protocolled_at INTEGER,
    protocol_number TEXT,
    external_id TEXT,
    external_id_is_number INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
INSERT INTO applications_message_new SELECT * FROM applications_message;
DROP TABLE applications_message;
ALTER TABLE applications_message_new RENAME TO applications_message;
CREATE INDEX applications_message_application ON applications_message (tenant_id, application_id, id);
CREATE INDEX applications_message_external ON applications_message (tenant_id, application_id, external_id) WHERE external_id IS NOT NULL;
