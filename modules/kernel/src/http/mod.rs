//! HTTP: the server, what wraps every request, what handlers take and give.

mod answer;
mod body;
mod client;
mod docs;
mod files;
mod health;
mod idempotency;
mod middleware;
mod page;
mod paths;
mod query;
mod scope;
mod server;

/// The most characters of a parameter in path or query: filters are lists of ids at most.
pub(crate) const LONGEST_PART: usize = 4000;

pub use answer::{deleted, download, modified, patched};
pub use body::{Body, Given, OptionalBody, given, not_null, read_limited, typed};
pub use client::TrustedProxy;
pub use docs::{
    BodyLimits, StaticFile, asyncapi_document, event_schema, merged_openapi, module_openapi,
    static_documents,
};
pub use idempotency::{Created, IdempotencyKey};
pub use middleware::current_request_id;
pub use page::{Collection, Links, Meta, PageQuery, Sort};
pub use paths::{covers, segments};
pub use query::Query;
pub use scope::{ApiVersion, Locale, Public, Scope};
pub use server::{Server, ServerParts};
