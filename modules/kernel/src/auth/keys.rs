//! Tokens: RS256 of identity, HS256 between the modules of an installation.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{AuthSettings, ServiceKey};
use crate::clock;
use crate::id::{TenantId, UserId};
use crate::instant::Instant;
use crate::problem::{Problem, ProblemKind};

/// `aud` of every token for people.
pub const AUDIENCE: &str = "opencity";
/// Seconds that a token between modules is good for.
const SERVICE_LIFE: i64 = 300;

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

/// Checks tokens.
#[derive(Clone)]
pub struct Verifier {
    issuer: String,
    keys: Arc<RwLock<HashMap<String, DecodingKey>>>,
    service_keys: Arc<Vec<ServiceKey>>,
    unknown_kid: Arc<Notify>,
}

impl Verifier {
    /// A verifier that knows no public key yet.
    #[must_use]
    pub fn new(settings: &AuthSettings) -> Self {
        Self {
            issuer: settings.issuer.clone(),
            keys: Arc::default(),
            service_keys: Arc::new(settings.service_keys.clone()),
            unknown_kid: Arc::default(),
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
    }

    /// Told when a token named a key that is not known: time to fetch them again.
    #[must_use]
    pub fn unknown_kid(&self) -> Arc<Notify> {
        Arc::clone(&self.unknown_kid)
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
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        // The one clock decides, so that tests can move it.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|_| refused())?
            .claims;
        not_expired(claims.exp)?;
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
        if claims.exp - claims.iat > SERVICE_LIFE {
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
            role: "ROLE_SERVICE".to_owned(),
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
