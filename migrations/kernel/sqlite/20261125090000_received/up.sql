-- Whether an event came from a broker, rather than from a module of this database.
ALTER TABLE kernel_event ADD COLUMN received INTEGER NOT NULL DEFAULT 0 CHECK (received IN (0, 1));

-- Records of a broker that are no event: kept as they are until a platform administrator has looked.
CREATE TABLE kernel_unreadable (
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    record_offset INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (topic, partition, record_offset)
) STRICT;
