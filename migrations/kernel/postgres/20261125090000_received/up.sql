-- Whether an event came from a broker, rather than from a module of this database.
ALTER TABLE kernel_event ADD COLUMN received BOOLEAN NOT NULL DEFAULT FALSE;

-- Records of a broker that are no event: kept as they are until a platform administrator has looked.
CREATE TABLE kernel_unreadable (
    topic TEXT NOT NULL,
    partition BIGINT NOT NULL,
    record_offset BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (topic, partition, record_offset)
);
