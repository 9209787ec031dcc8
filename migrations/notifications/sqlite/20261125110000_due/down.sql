DROP INDEX notifications_delivery_due;
CREATE INDEX notifications_delivery_due ON notifications_delivery (next_at) WHERE state = 'pending';
