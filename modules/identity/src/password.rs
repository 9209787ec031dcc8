//! Passwords: argon2id, on threads of their own, a bounded number at the same time.

use std::sync::{Arc, OnceLock};

use argon2::Params;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use opencity_kernel::module::StartError;
use opencity_kernel::{Problem, crypto};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::argon2id::Argon2id;
use crate::settings::Settings;

/// More characters would only make the machine work.
pub(crate) const MAX_LENGTH: usize = 256;

/// Makes and checks hashes of passwords.
#[derive(Clone)]
pub(crate) struct Hasher {
    params: Params,
    min_length: usize,
    turns: Arc<Semaphore>,
    nobody: Arc<OnceLock<String>>,
}

impl Hasher {
    pub(crate) fn new(settings: &Settings) -> Result<Self, StartError> {
        let params = Params::new(
            settings.argon2_memory_kib,
            settings.argon2_passes,
            settings.argon2_lanes,
            None,
        )
        .map_err(|error| StartError::new("identity.argon2_*", error))?;
        Ok(Self {
            params,
            min_length: settings.password_min_length,
            turns: Arc::new(Semaphore::new(settings.argon2_at_once)),
            nobody: Arc::default(),
        })
    }

    /// Makes the hash that is checked when nobody has the name given, so that the time tells nothing.
    pub(crate) async fn prepare(&self) -> Result<(), StartError> {
        let failed =
            |error: &dyn std::fmt::Display| StartError::new("passwords cannot be hashed", error);
        let random = crypto::random_token(24).map_err(|error| failed(&error))?;
        let hash = self
            .hash(random.into())
            .await
            .map_err(|error| failed(&error))?;
        let _ = self.nobody.set(hash);
        Ok(())
    }

    /// A turn to compute a hash. Whoever checks a lockout holds it from the check to its record, so that
    /// guesses sent at the same time are not more than there are turns.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(Problem::unavailable)
    }

    /// Why a text cannot be a new password: code and message, or `None`.
    pub(crate) fn fault(&self, password: &SecretString) -> Option<(&'static str, String)> {
        let length = password.expose_secret().chars().count();
        (!(self.min_length..=MAX_LENGTH).contains(&length)).then(|| {
            (
                "length",
                format!("Give {} to {MAX_LENGTH} characters.", self.min_length),
            )
        })
    }

    /// The hash of a new password, in the PHC string format.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, Problem> {
        let _turn = self.turn().await?;
        let argon2 = self.argon2();
        blocking(move || {
            let salt = crypto::random_bytes::<16>().map_err(Problem::internal)?;
            let salt = SaltString::encode_b64(&salt).map_err(Problem::internal)?;
            let hash = argon2
                .hash_password(password.expose_secret().as_bytes(), &salt)
                .map_err(Problem::internal)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether the password is that of the hash; with no hash the same work is done, and the answer is no.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<bool, Problem> {
        let argon2 = self.argon2();
        let known = hash.is_some();
        let hash = hash
            .or_else(|| self.nobody.get().cloned())
            .unwrap_or_default();
        blocking(move || {
            let Ok(hash) = PasswordHash::new(&hash) else {
                return Ok(false);
            };
            Ok(argon2
                .verify_password(password.expose_secret().as_bytes(), &hash)
                .is_ok()
                && known)
        })
        .await
    }

    fn argon2(&self) -> Argon2id {
        Argon2id(self.params.clone())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Problem::internal)?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hasher() -> Hasher {
        Hasher {
            params: Params::new(32, 1, 1, None).unwrap(),
            min_length: 12,
            turns: Arc::new(Semaphore::new(2)),
            nobody: Arc::default(),
        }
    }

    #[tokio::test]
    async fn only_the_password_itself_is_accepted() {
        let hasher = hasher();
        let hash = hasher
            .hash("correct horse battery".to_owned().into())
            .await
            .unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=32,t=1,p=1$"), "{hash}");
        assert!(
            hasher
                .verify(
                    "correct horse battery".to_owned().into(),
                    Some(hash.clone())
                )
                .await
                .unwrap()
        );
        assert!(
            !hasher
                .verify("Correct horse battery".to_owned().into(), Some(hash))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn nobody_has_a_password() {
        let hasher = hasher();
        hasher.prepare().await.unwrap();
        assert!(
            !hasher
                .verify("anything at all".to_owned().into(), None)
                .await
                .unwrap()
        );
    }

    #[test]
    fn new_passwords_have_a_least_and_a_most_length() {
        let hasher = hasher();
        let fault = |password: String| hasher.fault(&password.into()).map(|fault| fault.0);
        assert_eq!(fault("x".repeat(11)), Some("length"));
        assert_eq!(fault("x".repeat(12)), None);
        assert_eq!(fault("x".repeat(257)), Some("length"));
    }
}
