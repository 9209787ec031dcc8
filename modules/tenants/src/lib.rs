//! The public body (Ente): registry data, hosts, look.
