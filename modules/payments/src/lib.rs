//! Payment dispatcher, read model of payments, import of dues.
