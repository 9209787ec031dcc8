-- The state stands in the index: where it comes as a bound value, an index of the waiting ones alone is not taken for it.
DROP INDEX notifications_delivery_due;
CREATE INDEX notifications_delivery_due ON notifications_delivery (state, next_at);
