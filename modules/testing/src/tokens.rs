//! Tokens that a test signs itself.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use opencity_kernel::auth::{Claims, Login, PublicKey, Verifier};
use opencity_kernel::clock;
use opencity_kernel::id::{TenantId, UserId};
use uuid::Uuid;

/// Signs tokens that a platform believes.
pub struct Issuer(EncodingKey);

impl Issuer {
    /// Makes a key and lets the verifier trust it, as identity does.
    #[must_use]
    pub fn of(verifier: &Verifier) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let public = pair.public_key();
        verifier.set_keys(&[PublicKey {
            kid: "test".to_owned(),
            n: number(public.modulus().big_endian_without_leading_zero()),
            e: number(public.exponent().big_endian_without_leading_zero()),
        }]);
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        Self(EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap())
    }

    /// A token, good for an hour, of a user with a role who has logged in by a password.
    #[must_use]
    pub fn token(&self, tenant: TenantId, user: Uuid, role: &str) -> String {
        self.signed(tenant, user, role, ("password", 1000))
    }

    /// A token, good for an hour, of a citizen who has not said who he is.
    #[must_use]
    pub fn anonymous(&self, tenant: TenantId, user: Uuid) -> String {
        self.signed(tenant, user, "ROLE_CPS_USER", ("anonymous", 0))
    }

    fn signed(
        &self,
        tenant: TenantId,
        user: Uuid,
        role: &str,
        (method, level): (&str, u32),
    ) -> String {
        let now = clock::now();
        let claims = Claims {
            iss: "opencity".to_owned(),
            aud: "opencity".to_owned(),
            iat: now.unix(),
            exp: now.unix() + 3600,
            roles: ["ROLE_USER", role].map(str::to_owned).to_vec(),
            username: "somebody".to_owned(),
            id: UserId::from_uuid(user),
            tenant_id: tenant,
            auth: Login {
                method: method.to_owned(),
                level,
                session_id: "s".to_owned(),
                instant: now,
            },
        };
        let header = Header {
            kid: Some("test".to_owned()),
            ..Header::new(Algorithm::RS256)
        };
        jsonwebtoken::encode(&header, &claims, &self.0).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opencity_kernel::auth::AuthSettings;

    #[test]
    fn a_token_that_was_believed_is_refused_when_altered_or_without_its_key() {
        let verifier = Verifier::new(&AuthSettings {
            issuer: "opencity".to_owned(),
            token_life_seconds: 3600,
            jwks_url: String::new(),
            service_keys: Vec::new(),
        });
        let issuer = Issuer::of(&verifier);
        let token = issuer.token(TenantId::new(), Uuid::new_v4(), "ROLE_OPERATORE");
        for _ in 0..2 {
            assert_eq!(verifier.verify(&token).unwrap().username, "somebody");
        }
        let (rest, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = rest.split_once('.').unwrap();
        let other = issuer.token(TenantId::new(), Uuid::new_v4(), "ROLE_ADMIN");
        let claims = other.split('.').nth(1).unwrap();
        assert!(
            verifier
                .verify(&format!("{header}.{claims}.{signature}"))
                .is_err()
        );

        let _another = Issuer::of(&verifier);
        assert!(verifier.verify(&token).is_err());
        verifier.set_keys(&[]);
        assert!(verifier.verify(&token).is_err());
    }
}
