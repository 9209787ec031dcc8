-- Folders of citizens, and the documents that people put there.
CREATE TABLE documents_personal_folder (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    owner_id BLOB NOT NULL,
    title TEXT NOT NULL,
    description TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX documents_personal_folder_title ON documents_personal_folder (tenant_id, title, id);
CREATE INDEX documents_personal_folder_owner ON documents_personal_folder (tenant_id, owner_id, title);

-- The services that a folder is about: who works one of them sees it.
CREATE TABLE documents_personal_folder_service (
    tenant_id BLOB NOT NULL,
    folder_id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, folder_id, service_id)
) STRICT;
CREATE INDEX documents_personal_folder_service_service ON documents_personal_folder_service (tenant_id, service_id, folder_id);

-- file_id is null where the document lies elsewhere. body is what else is written of it.
CREATE TABLE documents_deposit (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    folder_id BLOB NOT NULL,
    owner_id BLOB NOT NULL,
    recipient_type TEXT NOT NULL,
    title TEXT NOT NULL,
    file_id BLOB,
    filename TEXT,
    mime_type TEXT,
    size INTEGER,
    md5 TEXT,
    sha256 TEXT,
    body TEXT NOT NULL,
    downloads INTEGER NOT NULL,
    last_read_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX documents_deposit_created ON documents_deposit (tenant_id, created_at, id);
CREATE INDEX documents_deposit_owner ON documents_deposit (tenant_id, owner_id, created_at);
CREATE INDEX documents_deposit_folder ON documents_deposit (tenant_id, folder_id, created_at);

-- Who else may read a document.
CREATE TABLE documents_deposit_reader (
    tenant_id BLOB NOT NULL,
    deposit_id BLOB NOT NULL,
    tax_code TEXT NOT NULL,
    PRIMARY KEY (tenant_id, deposit_id, tax_code)
) STRICT;
CREATE INDEX documents_deposit_reader_tax_code ON documents_deposit_reader (tenant_id, tax_code, deposit_id);

-- Replica: the newest version wins.
CREATE TABLE documents_citizen (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    tax_code TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX documents_citizen_tax_code ON documents_citizen (tenant_id, tax_code);
