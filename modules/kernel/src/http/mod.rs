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

pub use answer::{deleted, download, modified, patched};
pub use body::{Body, OptionalBody, given, read_limited, typed};
pub use docs::{StaticFile, asyncapi_document, merged_openapi, module_openapi, static_documents};
pub use idempotency::{Created, IdempotencyKey};
pub use middleware::current_request_id;
pub use page::{Collection, Links, Meta, PageQuery, Sort};
pub use paths::{covers, segments};
pub use query::Query;
pub use scope::{ApiVersion, Locale, Public, Scope};
pub use server::{Server, ServerParts};
