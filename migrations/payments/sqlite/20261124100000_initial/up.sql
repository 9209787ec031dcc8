-- The newest form of each payment, as its event tells it.
CREATE TABLE payments_payment (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    remote_id BLOB NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX payments_payment_remote ON payments_payment (tenant_id, remote_id, created_at);

-- One payment per application, attempt and item.
CREATE TABLE payments_item (
    tenant_id BLOB NOT NULL,
    application_id BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    item TEXT NOT NULL,
    payment_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, application_id, attempt, item)
) STRICT;

-- One due per service and notice number.
CREATE TABLE payments_due (
    tenant_id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    notice_number TEXT NOT NULL,
    payment_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, service_id, notice_number)
) STRICT;

CREATE TABLE payments_service (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    offices TEXT NOT NULL,
    gateways TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE payments_application (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    user_id BLOB NOT NULL,
    operator_id BLOB,
    office_id BLOB,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- An import of dues: which rows of its file are done.
CREATE TABLE payments_import (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    service_id BLOB NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    byte_offset INTEGER NOT NULL,
    line INTEGER NOT NULL,
    header TEXT,
    delimiter TEXT NOT NULL,
    done INTEGER NOT NULL,
    added INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    job TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX payments_import_open ON payments_import (status, created_at);

CREATE TABLE payments_import_reject (
    tenant_id BLOB NOT NULL,
    import_id BLOB NOT NULL,
    line INTEGER NOT NULL,
    reason TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (tenant_id, import_id, line)
) STRICT;
