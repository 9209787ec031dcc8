DROP TABLE kernel_unreadable;
ALTER TABLE kernel_event DROP COLUMN received;
