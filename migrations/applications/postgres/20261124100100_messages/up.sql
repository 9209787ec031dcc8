-- Files: uploads, and what came inside a body. The bytes are in the file store under module/tenant/owner/object.
CREATE TABLE applications_file (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    owner_id UUID NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('begun', 'received', 'finished', 'expired')),
    application_id UUID,
    message_id UUID,
    object_id UUID,
    upload_key TEXT,
    name TEXT NOT NULL,
    original_name TEXT NOT NULL,
    description TEXT,
    mime_type TEXT NOT NULL,
    announced_size BIGINT NOT NULL,
    size BIGINT,
    sha256 TEXT,
    md5 TEXT,
    protocol_required BOOLEAN NOT NULL,
    protocol_number TEXT,
    external_id TEXT COLLATE "C",
    created_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX applications_file_application ON applications_file (tenant_id, application_id, id) WHERE application_id IS NOT NULL;
CREATE INDEX applications_file_message ON applications_file (tenant_id, message_id, id) WHERE message_id IS NOT NULL;
CREATE INDEX applications_file_unused ON applications_file (created_at) WHERE used_at IS NULL;

-- Messages on applications.
CREATE TABLE applications_message (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    application_id UUID NOT NULL,
    service_id UUID NOT NULL,
    user_id UUID NOT NULL,
    author_id UUID,
    author_kind TEXT NOT NULL,
    origin TEXT NOT NULL,
    message TEXT NOT NULL,
    subject TEXT,
    visibility TEXT NOT NULL,
    email TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ,
    read_at TIMESTAMPTZ,
    clicked_at TIMESTAMPTZ,
    protocol_required BOOLEAN NOT NULL,
    protocolled_at TIMESTAMPTZ,
    protocol_number TEXT,
    external_id TEXT COLLATE "C",
    external_id_is_number BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX applications_message_application ON applications_message (tenant_id, application_id, id);
CREATE INDEX applications_message_external ON applications_message (tenant_id, application_id, external_id) WHERE external_id IS NOT NULL;
