-- The newest form of each payment, as its event tells it.
CREATE TABLE payments_payment (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    service_id UUID NOT NULL,
    user_id UUID NOT NULL,
    remote_id UUID NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    body JSONB NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX payments_payment_remote ON payments_payment (tenant_id, remote_id, created_at);

-- One payment per application, attempt and item.
CREATE TABLE payments_item (
    tenant_id UUID NOT NULL,
    application_id UUID NOT NULL,
    attempt BIGINT NOT NULL,
    item TEXT COLLATE "C" NOT NULL,
    payment_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, application_id, attempt, item)
);

-- One due per service and notice number.
CREATE TABLE payments_due (
    tenant_id UUID NOT NULL,
    service_id UUID NOT NULL,
    notice_number TEXT COLLATE "C" NOT NULL,
    payment_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, service_id, notice_number)
);

CREATE TABLE payments_service (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    offices JSONB NOT NULL,
    gateways JSONB NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE payments_application (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    user_id UUID NOT NULL,
    operator_id UUID,
    office_id UUID,
    PRIMARY KEY (tenant_id, id)
);

-- An import of dues: which rows of its file are done.
CREATE TABLE payments_import (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    service_id UUID NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    byte_offset BIGINT NOT NULL,
    line BIGINT NOT NULL,
    header JSONB,
    delimiter TEXT COLLATE "C" NOT NULL,
    done BIGINT NOT NULL,
    added BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    job JSONB NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX payments_import_open ON payments_import (status, created_at);

CREATE TABLE payments_import_reject (
    tenant_id UUID NOT NULL,
    import_id UUID NOT NULL,
    line BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    record JSONB NOT NULL,
    PRIMARY KEY (tenant_id, import_id, line)
);
