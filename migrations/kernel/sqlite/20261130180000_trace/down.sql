ALTER TABLE kernel_call DROP COLUMN trace;
ALTER TABLE kernel_parked DROP COLUMN trace;
ALTER TABLE kernel_event DROP COLUMN trace;
