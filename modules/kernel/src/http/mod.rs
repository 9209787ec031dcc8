//! HTTP: the server, what wraps every request, what handlers take and give.

mod body;
mod client;
mod docs;
mod files;
mod health;
mod idempotency;
mod middleware;
mod page;
mod scope;
mod server;

pub use body::{Body, OptionalBody, read_limited, typed};
pub use docs::{asyncapi_document, merged_openapi, module_openapi};
pub use idempotency::{Created, IdempotencyKey};
pub use middleware::current_request_id;
pub use page::{Collection, Links, Meta, PageQuery, Sort};
pub use scope::{ApiVersion, Locale, Public, Scope};
pub use server::{Server, ServerParts};
