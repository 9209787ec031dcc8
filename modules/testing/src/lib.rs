//! What the tests of several modules need: tokens that a test signs itself, databases of its own. No part of the program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

use std::path::Path;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use diesel::{Connection as _, RunQueryDsl as _};
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

    /// A token, good for an hour, of a user with a role.
    #[must_use]
    pub fn token(&self, tenant: TenantId, user: Uuid, role: &str) -> String {
        let now = clock::now();
        let claims = Claims {
            iss: "opencity".to_owned(),
            aud: "opencity".to_owned(),
            iat: now.unix(),
            exp: now.unix() + 3600,
            roles: vec![role.to_owned()],
            username: "somebody".to_owned(),
            id: UserId::from_uuid(user),
            tenant_id: tenant,
            auth: Login {
                method: "password".to_owned(),
                level: 1000,
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

/// Where a test keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// A file.
    Sqlite,
    /// A database on the server that `OPENCITY_TEST_DATABASE_URL` names; `make test` starts one.
    Postgres,
}

impl Store {
    /// The address of a new database; a file is made in `folder`.
    #[must_use]
    pub fn url(self, folder: &Path) -> String {
        if self == Self::Sqlite {
            return folder.join("test.sqlite").to_string_lossy().into_owned();
        }
        let server = std::env::var("OPENCITY_TEST_DATABASE_URL").expect(
            "OPENCITY_TEST_DATABASE_URL names no PostgreSQL server: run `make test`, or scripts/postgres start",
        );
        let name = format!("test_{}", Uuid::new_v4().simple());
        let mut connection =
            diesel::PgConnection::establish(&server).expect("the PostgreSQL server answers");
        diesel::sql_query(format!("CREATE DATABASE {name}"))
            .execute(&mut connection)
            .unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        format!("{base}/{name}")
    }
}

/// Tests that hold on both databases.
#[macro_export]
macro_rules! on_both_databases {
    ($(async fn $name:ident($store:ident) $body:block)*) => {
        $(async fn $name($store: $crate::Store) $body)*
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name($crate::Store::Sqlite).await; })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name($crate::Store::Postgres).await; })*
        }
    };
}
