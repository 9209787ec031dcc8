//! Payment intermediaries: one connector each, configurations, polling, notices, receipts.
