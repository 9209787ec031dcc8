-- An asynchronous process: its request and how it stands.
CREATE TABLE jobs_job (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    file_id UUID NOT NULL,
    body JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX jobs_job_created ON jobs_job (tenant_id, created_at, id);
CREATE INDEX jobs_job_file ON jobs_job (tenant_id, file_id);

-- Replica of services: what a process may be asked for.
CREATE TABLE jobs_service (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
