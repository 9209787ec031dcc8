//! Tokens: RS256 of identity, HS256 between the modules of an installation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use super::{AuthSettings, ServiceKey};
use crate::clock;
use crate::crypto::sha256;
use crate::id::{TenantId, UserId};
use crate::instant::Instant;
use crate::problem::{Problem, ProblemKind};

/// `aud` of every token for people.
pub const AUDIENCE: &str = "opencity";
/// The role of a token between modules, and the only one that such a token can have.
pub const SERVICE_ROLE: &str = "ROLE_SERVICE";
/// Seconds that a token between modules is good for.
const SERVICE_LIFE: i64 = 300;
/// Seconds that the clocks of two processes may differ.
const LEEWAY: i64 = 30;
/// How long a request with a key that is not known waits for the keys to be fetched again.
const FETCHED_WITHIN: Duration = Duration::from_secs(2);

/// How somebody logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// `password`, `anonymous`, `spid`, `cie`, …
    pub method: String,
    /// As a service's `access_level`: 0 anonymous, 1000, 2000, 3000, 4000.
    pub level: u32,
    /// The session.
    pub session_id: String,
    /// When.
    pub instant: Instant,
}

/// What a token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// For whom.
    pub aud: String,
    /// When, seconds since 1970.
    pub iat: i64,
    /// Until when.
    pub exp: i64,
    /// `ROLE_…`.
    pub roles: Vec<String>,
    /// The login name; of a service, its module.
    pub username: String,
    /// The user.
    pub id: UserId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// How he logged in.
    pub auth: Login,
}

/// A public key of identity, as JWKS has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PublicKey {
    /// Its id.
    pub kid: String,
    /// Modulus, base64url.
    pub n: String,
    /// Exponent, base64url.
    pub e: String,
}

#[derive(Serialize, Deserialize)]
struct ServiceClaims {
    sub: String,
    aud: String,
    iat: i64,
    exp: i64,
    tenant_id: TenantId,
    role: String,
}

/// What the tokens said whose signature was right, by the SHA-256 of the token.
#[derive(Default)]
struct Checked(HashMap<[u8; 32], Claims>);

impl Checked {
    /// How many tokens are kept.
    const MOST: usize = 4096;

    fn keep(&mut self, token: [u8; 32], claims: Claims) {
        if self.0.len() >= Self::MOST {
            let now = clock::now().unix();
            self.0.retain(|_, claims| claims.exp > now);
        }
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        self.0.insert(token, claims);
    }
}

/// Checks tokens. A token's signature is checked once, what it says each time that it comes: its key must still be known, its
/// time not be over.
#[derive(Clone)]
pub struct Verifier {
    issuer: String,
    keys: Arc<RwLock<HashMap<String, DecodingKey>>>,
    checked: Arc<Mutex<Checked>>,
    service_keys: Arc<Vec<ServiceKey>>,
    unknown_kid: Arc<Notify>,
    /// Counts how often the keys were replaced.
    replaced: watch::Sender<u64>,
    /// Whether the keys come from another process.
    fetched: bool,
}

impl Verifier {
    /// A verifier that knows no public key yet.
    #[must_use]
    pub fn new(settings: &AuthSettings) -> Self {
        Self {
            issuer: settings.issuer.clone(),
            keys: Arc::default(),
            checked: Arc::default(),
            service_keys: Arc::new(settings.service_keys.clone()),
            unknown_kid: Arc::default(),
            replaced: watch::Sender::new(0),
            fetched: !settings.jwks_url.is_empty(),
        }
    }

    /// Replaces the public keys: by identity in the same process, or by the task that fetches them.
    pub fn set_keys(&self, keys: &[PublicKey]) {
        let decoded = keys
            .iter()
            .filter_map(
                |key| match DecodingKey::from_rsa_components(&key.n, &key.e) {
                    Ok(decoding) => Some((key.kid.clone(), decoding)),
                    Err(error) => {
                        tracing::error!(kid = key.kid, %error, "a public key cannot be read");
                        None
                    }
                },
            )
            .collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = decoded;
        *self.checked() = Checked::default();
        self.replaced.send_modify(|count| *count += 1);
    }

    /// Told when a token named a key that is not known: time to fetch them again.
    #[must_use]
    pub fn unknown_kid(&self) -> Arc<Notify> {
        Arc::clone(&self.unknown_kid)
    }

    /// As [`verify`](Self::verify); where keys are fetched from another process, a token with a key that is not known
    /// yet waits a moment for them.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn verify_fetching(&self, token: &str) -> Result<Claims, Problem> {
        let mut replaced = self.replaced.subscribe();
        if self.fetched && self.has_unknown_key(token) {
            self.unknown_kid.notify_one();
            let _ = tokio::time::timeout(FETCHED_WITHIN, replaced.changed()).await;
        }
        self.verify(token)
    }

    fn has_unknown_key(&self, token: &str) -> bool {
        jsonwebtoken::decode_header(token).is_ok_and(|header| {
            header.alg == Algorithm::RS256
                && header.kid.is_some_and(|kid| {
                    let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
                    !keys.contains_key(&kid)
                })
        })
    }

    /// Checks a token of a person or a module.
    ///
    /// # Errors
    /// [`ProblemKind::TokenExpired`], [`ProblemKind::Unauthenticated`].
    pub fn verify(&self, token: &str) -> Result<Claims, Problem> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused())?;
        match header.alg {
            Algorithm::RS256 => self.verify_person(token, header.kid.as_deref()),
            Algorithm::HS256 => self.verify_service(token, header.kid.as_deref()),
            _ => Err(refused()),
        }
    }

    fn checked(&self) -> MutexGuard<'_, Checked> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verify_person(&self, token: &str, kid: Option<&str>) -> Result<Claims, Problem> {
        let kid = kid.ok_or_else(refused)?;
        let key = self
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(kid)
            .cloned();
        let Some(key) = key else {
            self.unknown_kid.notify_one();
            return Err(refused());
        };
        let digest = sha256(token.as_bytes());
        let known = self.checked().0.get(&digest).cloned();
        if let Some(claims) = known {
            not_expired(claims.exp)?;
            return Ok(claims);
        }
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        // The one clock decides, so that tests can move it.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|_| refused())?
            .claims;
        not_expired(claims.exp)?;
        self.checked().keep(digest, claims.clone());
        Ok(claims)
    }

    fn verify_service(&self, token: &str, kid: Option<&str>) -> Result<Claims, Problem> {
        let key = self
            .service_keys
            .iter()
            .find(|key| Some(key.id.as_str()) == kid)
            .ok_or_else(refused)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_aud = false;
        validation.validate_exp = false;
        let key = DecodingKey::from_secret(key.key.expose_secret().as_bytes());
        let claims = jsonwebtoken::decode::<ServiceClaims>(token, &key, &validation)
            .map_err(|_| refused())?
            .claims;
        not_expired(claims.exp)?;
        let too_long = claims.exp.saturating_sub(claims.iat) > SERVICE_LIFE;
        let too_early = claims.iat > clock::now().unix() + LEEWAY;
        if too_long || too_early || claims.role != SERVICE_ROLE {
            return Err(refused());
        }
        Ok(Claims {
            iss: self.issuer.clone(),
            aud: claims.aud,
            iat: claims.iat,
            exp: claims.exp,
            roles: vec![claims.role],
            username: claims.sub,
            id: UserId::from_uuid(uuid::Uuid::nil()),
            tenant_id: claims.tenant_id,
            auth: Login {
                method: "service".to_owned(),
                level: 0,
                session_id: String::new(),
                instant: Instant::from_unix(claims.iat),
            },
        })
    }

    /// A token with which `from` calls `to` for a tenant, good for five minutes.
    ///
    /// # Errors
    /// If no service key is configured.
    pub fn service_token(&self, from: &str, to: &str, tenant: TenantId) -> Result<String, Problem> {
        let key = self.service_keys.first().ok_or_else(|| {
            Problem::internal("auth.service_keys is empty: modules cannot call each other")
        })?;
        let now = clock::now().unix();
        let claims = ServiceClaims {
            sub: from.to_owned(),
            aud: to.to_owned(),
            iat: now,
            exp: now + SERVICE_LIFE,
            tenant_id: tenant,
            role: SERVICE_ROLE.to_owned(),
        };
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(key.id.clone());
        jsonwebtoken::encode(
            &header,
            &claims,
            &EncodingKey::from_secret(key.key.expose_secret().as_bytes()),
        )
        .map_err(Problem::internal)
    }
}

fn refused() -> Problem {
    Problem::new(
        ProblemKind::Unauthenticated,
        "The token is not valid here. Get one from POST /lang/api/auth.",
    )
}

fn not_expired(until: i64) -> Result<(), Problem> {
    if until > clock::now().unix() {
        Ok(())
    } else {
        Err(Problem::new(
            ProblemKind::TokenExpired,
            "The token has expired. Log in again: POST /lang/api/auth.",
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEY: &str = "a key between the processes of a test";

    fn verifier() -> Verifier {
        Verifier::new(&AuthSettings {
            issuer: "opencity".to_owned(),
            token_life_seconds: 3600,
            jwks_url: String::new(),
            service_keys: vec![
                ServiceKey {
                    id: "new".to_owned(),
                    key: "a newer key between the processes of a test".into(),
                },
                ServiceKey {
                    id: "old".to_owned(),
                    key: KEY.into(),
                },
            ],
        })
    }

    fn signed(iat: i64, exp: i64, role: &str) -> String {
        let claims = ServiceClaims {
            sub: "retry".to_owned(),
            aud: "applications".to_owned(),
            iat,
            exp,
            tenant_id: TenantId::new(),
            role: role.to_owned(),
        };
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("old".to_owned());
        let key = EncodingKey::from_secret(KEY.as_bytes());
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }

    #[test]
    fn a_module_speaks_for_itself_with_the_first_key_and_the_older_ones_are_believed() {
        let (verifier, now) = (verifier(), clock::now().unix());
        let tenant = TenantId::new();
        let token = verifier.service_token("payments", "jobs", tenant).unwrap();
        let claims = verifier.verify(&token).unwrap();
        assert_eq!(
            (
                claims.username.as_str(),
                claims.aud.as_str(),
                claims.tenant_id
            ),
            ("payments", "jobs", tenant)
        );
        assert_eq!(claims.exp - claims.iat, SERVICE_LIFE);
        let old = signed(now, now + SERVICE_LIFE, SERVICE_ROLE);
        assert!(verifier.verify(&old).is_ok());
    }

    #[test]
    fn a_token_of_a_module_is_short_and_has_no_other_role() {
        let (verifier, now) = (verifier(), clock::now().unix());
        let refused = [
            signed(now, now + SERVICE_LIFE + 1, SERVICE_ROLE),
            signed(now + 3600, now + 3700, SERVICE_ROLE),
            signed(now - 400, now - 100, SERVICE_ROLE),
            signed(now, now + SERVICE_LIFE, "ROLE_PLATFORM_ADMIN"),
            signed(now, now + SERVICE_LIFE, "ROLE_USER"),
        ];
        for token in refused {
            assert!(verifier.verify(&token).is_err());
        }
    }
}
