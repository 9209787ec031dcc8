//! Who calls: tokens, and what their owners may do.

mod caller;
mod jwks;
mod keys;

pub use caller::{
    AdministratorOnly, AnyUser, Auth, Caller, CallerKind, Internal, ModuleOnly, Permission,
    PlatformOnly, Staff,
};
pub(crate) use caller::{optional_caller, refusal};
pub use jwks::keep_fresh;
pub use keys::{Claims, Login, PublicKey, Verifier};

use secrecy::{ExposeSecret, SecretString};

use crate::module::StartError;

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

/// The fewest bytes of a key that signs by HMAC-SHA256 (RFC 7518, 3.2).
const KEY_BYTES: usize = 32;

impl AuthSettings {
    /// # Errors
    /// In a sentence that names the setting.
    pub(crate) fn validate(&self) -> Result<(), StartError> {
        if !self.jwks_url.is_empty() && url::Url::parse(&self.jwks_url).is_err() {
            return Err(StartError(
                "auth.jwks_url takes a URL, such as http://identity:8080/.well-known/jwks.json"
                    .to_owned(),
            ));
        }
        let short = |key: &&ServiceKey| key.key.expose_secret().len() < KEY_BYTES;
        if let Some(key) = self.service_keys.iter().find(short) {
            return Err(StartError(format!(
                "the key {} of auth.service_keys has fewer than {KEY_BYTES} characters",
                key.id
            )));
        }
        Ok(())
    }
}
