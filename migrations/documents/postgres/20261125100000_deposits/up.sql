-- Folders of citizens, and the documents that people put there.
CREATE TABLE documents_personal_folder (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    owner_id UUID NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX documents_personal_folder_title ON documents_personal_folder (tenant_id, title, id);
CREATE INDEX documents_personal_folder_owner ON documents_personal_folder (tenant_id, owner_id, title);

-- The services that a folder is about: who works one of them sees it.
CREATE TABLE documents_personal_folder_service (
    tenant_id UUID NOT NULL,
    folder_id UUID NOT NULL,
    service_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, folder_id, service_id)
);
CREATE INDEX documents_personal_folder_service_service ON documents_personal_folder_service (tenant_id, service_id, folder_id);

-- file_id is null where the document lies elsewhere. body is what else is written of it.
CREATE TABLE documents_deposit (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    folder_id UUID NOT NULL,
    owner_id UUID NOT NULL,
    recipient_type TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    file_id UUID,
    filename TEXT COLLATE "C",
    mime_type TEXT COLLATE "C",
    size BIGINT,
    md5 TEXT COLLATE "C",
    sha256 TEXT COLLATE "C",
    body JSONB NOT NULL,
    downloads BIGINT NOT NULL,
    last_read_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX documents_deposit_created ON documents_deposit (tenant_id, created_at, id);
CREATE INDEX documents_deposit_owner ON documents_deposit (tenant_id, owner_id, created_at);
CREATE INDEX documents_deposit_folder ON documents_deposit (tenant_id, folder_id, created_at);

-- Who else may read a document.
CREATE TABLE documents_deposit_reader (
    tenant_id UUID NOT NULL,
    deposit_id UUID NOT NULL,
    tax_code TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, deposit_id, tax_code)
);
CREATE INDEX documents_deposit_reader_tax_code ON documents_deposit_reader (tenant_id, tax_code, deposit_id);

-- Replica: the newest version wins.
CREATE TABLE documents_citizen (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    tax_code TEXT COLLATE "C",
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX documents_citizen_tax_code ON documents_citizen (tenant_id, tax_code);
