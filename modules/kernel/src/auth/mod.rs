//! Who calls: tokens, and what their owners may do.

mod caller;
mod keys;

pub(crate) use caller::optional_caller;
pub use caller::{
    AdministratorOnly, AnyUser, Auth, Caller, CallerKind, Internal, Permission, PlatformOnly, Staff,
};
pub use keys::{Claims, Login, PublicKey, Verifier};

use secrecy::SecretString;

/// `[auth]`
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// `iss` of every token.
    pub issuer: String,
    /// Seconds that a token is good for.
    pub token_life_seconds: u64,
    /// Where identity publishes its keys; empty when it runs in this process.
    pub jwks_url: String,
    /// Keys that processes sign their own short tokens with; the first one signs.
    pub service_keys: Vec<ServiceKey>,
}

/// A key between the processes of an installation.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceKey {
    /// `kid`.
    pub id: String,
    /// The secret, at least 32 bytes.
    pub key: SecretString,
}
