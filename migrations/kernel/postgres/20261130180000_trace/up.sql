-- The trace that an event belongs to: the request that it follows from, or itself.
ALTER TABLE kernel_event ADD COLUMN trace UUID;
ALTER TABLE kernel_parked ADD COLUMN trace UUID;
ALTER TABLE kernel_call ADD COLUMN trace UUID;
