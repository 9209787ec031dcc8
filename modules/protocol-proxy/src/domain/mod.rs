//! Numbers and what they do to a document, without database and network.

pub(crate) mod numbers;
