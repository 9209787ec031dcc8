//! The API as clients see it: the module's routes on a real database, with tokens of each role.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::{App, Error, test, web};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use opencity_kernel::auth::{Claims, Login, PublicKey};
use opencity_kernel::config::Config;
use opencity_kernel::context::{ModuleContext, Platform};
use opencity_kernel::db::Tenancy;
use opencity_kernel::directory::DirectoryConsumer;
use opencity_kernel::events::{Bus, Carrier, Change, NewEvent, Runner, RunnerSettings, Topic};
use opencity_kernel::id::{TenantId, UserId};
use opencity_kernel::module::Module;
use opencity_kernel::{Problem, clock};
use opencity_services::{INFO, MIGRATIONS, Services};
use serde_json::{Value, json};
use tokio::sync::watch;

/// A platform with the module, a tenant `bugliano` and an administrator.
struct Town {
    platform: Arc<Platform>,
    module: Arc<Services>,
    tenant: TenantId,
    administrator: UserId,
    key: jsonwebtoken::EncodingKey,
    _stop: watch::Sender<bool>,
    _runner: Runner,
    _folder: tempfile::TempDir,
}

impl Town {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().to_string_lossy().into_owned();
        let config = Config::load(None, &[("data_dir", data_dir)]).unwrap();
        let platform = Arc::new(Platform::start(config, vec![INFO]).unwrap());
        platform
            .database
            .migrate(vec![
                (opencity_kernel::INFO, opencity_kernel::MIGRATIONS),
                (INFO, MIGRATIONS),
            ])
            .await
            .unwrap();
        let module =
            Arc::new(Services::new(ModuleContext::new(Arc::clone(&platform), INFO)).unwrap());
        let (tenant, administrator) = (TenantId::new(), UserId::new());
        let (stop, stopping) = watch::channel(false);
        let settings = RunnerSettings {
            carrier: Carrier::Embedded,
            ..platform.config.events.clone()
        };
        let mut runner = Runner::new(settings, platform.bus.clone(), stopping);
        runner.start_relay(&platform.database).await.unwrap();
        runner
            .start(&platform.database, Arc::new(DirectoryConsumer))
            .await
            .unwrap();
        platform
            .database
            .write::<_, Problem>(Tenancy::from_row(tenant), move |scope| {
                let body = json!({"slug": "bugliano", "name": "Bugliano", "hosts": ["localhost"]});
                scope.emit(NewEvent::new(
                    Topic::Tenants,
                    tenant,
                    tenant,
                    1,
                    Change::created(),
                    body,
                ))?;
                let body = json!({"role": "admin", "enabled": true, "roles": ["ROLE_ADMIN"]});
                scope.emit(NewEvent::new(
                    Topic::Users,
                    administrator,
                    administrator,
                    1,
                    Change::created(),
                    body,
                ))?;
                Ok(())
            })
            .await
            .unwrap();
        assert!(platform.caught_up("kernel").await.unwrap());
        let key = keys(&platform);
        Self {
            platform,
            module,
            tenant,
            administrator,
            key,
            _stop: stop,
            _runner: runner,
            _folder: folder,
        }
    }

    fn token(&self, id: UserId, role: &str) -> String {
        let now = clock::now();
        let claims = Claims {
            iss: "opencity".to_owned(),
            aud: "opencity".to_owned(),
            iat: now.unix(),
            exp: now.plus(Duration::from_secs(600)).unix(),
            roles: vec![role.to_owned()],
            username: "somebody".to_owned(),
            id,
            tenant_id: self.tenant,
            auth: Login {
                method: "password".to_owned(),
                level: 1000,
                session_id: "s".to_owned(),
                instant: now,
            },
        };
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        header.kid = Some("test".to_owned());
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }

    fn administrator(&self) -> String {
        self.token(self.administrator, "ROLE_ADMIN")
    }

    fn citizen(&self) -> String {
        self.token(UserId::new(), "ROLE_CPS_USER")
    }

    async fn app(
        &self,
    ) -> impl Service<actix_http::Request, Response = ServiceResponse, Error = Error> + use<> {
        let (platform, module) = (
            web::Data::from(Arc::clone(&self.platform)),
            Arc::clone(&self.module),
        );
        test::init_service(
            App::new()
                .app_data(platform)
                .configure(move |config| module.routes(config)),
        )
        .await
    }
}

/// Makes a key pair and lets the platform trust it, as identity does.
fn keys(platform: &Platform) -> jsonwebtoken::EncodingKey {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    platform.verifier.set_keys(&[PublicKey {
        kid: "test".to_owned(),
        n: URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
        e: URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        ..serde_json::from_value(
            json!({"kid": "", "n": "", "e": "", "kty": "RSA", "use": "sig", "alg": "RS256"}),
        )
        .unwrap()
    }]);
    let der = pair.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}
