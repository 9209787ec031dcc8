//! The keys that sign tokens: RSA of 2048 bits, the private half sealed in the database.
//!
//! A rotation retires the key that signs. Its public half stays in the JWKS until the last token that it
//! may have signed is dead.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opencity_kernel::auth::{Claims, PublicKey};
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::DbError;
use opencity_kernel::instant::Instant;
use opencity_kernel::module::StartError;
use opencity_kernel::{Problem, clock};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::INFO;
use crate::store::key::{self, KeyRow};

/// How often a process looks whether another one has rotated the keys.
const LOOK: Duration = Duration::from_secs(60);
/// Tokens with unknown keys make it look sooner, but not more often than this.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// A process that has not looked yet still signs with a retired key for so long.
const GRACE: Duration = Duration::from_secs(300);

struct Ring {
    kid: String,
    signer: RsaKeyPair,
    public: Vec<PublicKey>,
}

/// The keys of the installation, as this process knows them.
pub(crate) struct KeyRing {
    ctx: ModuleContext,
    ring: RwLock<Option<Arc<Ring>>>,
}

impl KeyRing {
    pub(crate) fn new(ctx: ModuleContext) -> Self {
        Self {
            ctx,
            ring: RwLock::default(),
        }
    }

    /// Reads the keys, makes the first one if there is none, and tells this process's verifier.
    ///
    /// # Errors
    /// If the database or a sealing key is missing.
    pub(crate) async fn load(&self) -> Result<(), StartError> {
        let ctx = &self.ctx;
        let mut rows = ctx
            .db
            .read_across("keys belong to the installation", |platform| {
                key::all(platform)
            })
            .await?;
        if rows.iter().all(|row| row.retired_at.is_some()) {
            add_key(ctx, &rows).await?;
            rows = ctx
                .db
                .read_across("keys belong to the installation", |platform| {
                    key::all(platform)
                })
                .await?;
        }
        let current = rows
            .iter()
            .find(|row| row.retired_at.is_none())
            .ok_or_else(|| {
                StartError("identity has no key that signs: run opencity key rotate".to_owned())
            })?;
        let private = ctx
            .platform
            .sealer
            .open(&current.private_key, sealed_for(&current.kid).as_bytes())
            .map_err(|error| {
                StartError::new(
                    "the key that signs tokens cannot be opened (sealing_keys)",
                    error,
                )
            })?;
        let now = clock::now();
        let believed = still_believed(ctx);
        let public: Vec<PublicKey> = rows
            .iter()
            .filter(|row| row.retired_at.is_none_or(|at| at.plus(believed) > now))
            .map(|row| PublicKey {
                kid: row.kid.clone(),
                n: row.modulus.clone(),
                e: row.exponent.clone(),
            })
            .collect();
        ctx.platform.verifier.set_keys(&public);
        let signer = RsaKeyPair::from_pkcs8(private.expose_secret()).map_err(|error| {
            StartError::new(
                "the key that signs tokens is damaged: run opencity key rotate",
                error,
            )
        })?;
        let ring = Arc::new(Ring {
            kid: current.kid.clone(),
            signer,
            public,
        });
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Some(ring);
        Ok(())
    }

    /// The public keys, as the JWKS shows them.
    pub(crate) fn public(&self) -> Vec<PublicKey> {
        self.ring()
            .map(|ring| ring.public.clone())
            .unwrap_or_default()
    }

    /// A signed token (RFC 7515, compact form). The pair is parsed once, not at every login.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, Problem> {
        let ring = self
            .ring()
            .ok_or_else(|| Problem::unavailable("the keys are not loaded yet"))?;
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": ring.kid}).to_string();
        let claims = serde_json::to_vec(claims).map_err(Problem::internal)?;
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let mut signature = vec![0; ring.signer.public_modulus_len()];
        ring.signer
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(Problem::internal)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn ring(&self) -> Option<Arc<Ring>> {
        self.ring
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Looks for rotated keys as long as the process runs; every process does, whoever leads the tasks.
pub(crate) fn keep_fresh(keys: &Arc<KeyRing>) {
    let weak = Arc::downgrade(keys);
    let unknown = keys.ctx.platform.verifier.unknown_kid();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let _ = tokio::time::timeout(LOOK, unknown.notified()).await;
            let Some(keys) = weak.upgrade() else { break };
            if let Err(error) = keys.load().await {
                tracing::error!(%error, "the keys that sign tokens cannot be read; they will be read again");
            }
        }
    });
}

/// Makes a new key sign in place of the present one, and forgets keys whose last token is long dead; the
/// new key's id. Running processes take it up within a minute.
///
/// # Errors
/// If the database refuses.
pub async fn rotate_keys(ctx: &ModuleContext) -> Result<String, StartError> {
    let db = ctx.db.for_module(INFO);
    let rows = db
        .read_across("keys belong to the installation", |platform| {
            key::all(platform)
        })
        .await?;
    let kid = add_key(ctx, &rows).await?;
    let dead = clock::now().minus(still_believed(ctx) + Duration::from_secs(86_400));
    db.write_across("keys belong to the installation", move |platform| {
        key::sweep(platform, dead)
    })
    .await?;
    Ok(kid)
}

/// How long after its retirement a key's tokens may live.
fn still_believed(ctx: &ModuleContext) -> Duration {
    Duration::from_secs(ctx.platform.config.auth.token_life_seconds) + GRACE
}

/// A sealed key is worth nothing in another row.
fn sealed_for(kid: &str) -> String {
    format!("identity_signing_key/{kid}")
}

/// Adds a key of the next generation. If another process was faster, its key is as good.
async fn add_key(ctx: &ModuleContext, rows: &[KeyRow]) -> Result<String, StartError> {
    let failed = |error: &dyn std::fmt::Display| {
        StartError::new("a key that signs tokens cannot be made", error)
    };
    let generation = rows.first().map_or(0, |row| row.generation) + 1;
    let pair = tokio::task::spawn_blocking(|| KeyPair::generate(KeySize::Rsa2048))
        .await
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|error| failed(&error))?;
    let kid = uuid::Uuid::now_v7().to_string();
    let sealed = ctx
        .platform
        .sealer
        .seal(private.as_ref(), sealed_for(&kid).as_bytes())
        .map_err(|error| failed(&error))?;
    let public = pair.public_key();
    let base64url = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
    let row = KeyRow {
        kid: kid.clone(),
        generation,
        private_key: sealed,
        modulus: base64url(public.modulus().big_endian_without_leading_zero()),
        exponent: base64url(public.exponent().big_endian_without_leading_zero()),
        created_at: now_whole(),
        retired_at: None,
    };
    let written = ctx
        .db
        .for_module(INFO)
        .write_across("keys belong to the installation", move |platform| {
            key::replace(platform, &row)
        })
        .await;
    match written {
        Ok(()) | Err(DbError::Duplicate(_)) => Ok(kid),
        Err(error) => Err(error.into()),
    }
}

fn now_whole() -> Instant {
    Instant::from_unix(clock::now().unix())
}
