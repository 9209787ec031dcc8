//! What a module is given to work with.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, web};
use secrecy::ExposeSecret;

use crate::auth::Verifier;
use crate::config::Config;
use crate::crypto::{MacKey, Sealer, SealingKey};
use crate::data_dir::{kept_key, make_private_folder};
use crate::db::{Database, DbError, DbResult, Tenancy, TenantScope};
use crate::directory::{Directory, Tenant};
use crate::events::{Bus, Carrier};
use crate::files::{FileStore, FileStoreSettings};
use crate::http_client::HttpClient;
use crate::mail::Mailer;
use crate::module::{ModuleInfo, StartError};
use crate::problem::Problem;
use crate::scheduler::Wakes;
pub use crate::sources::{FileSource, FileSources};
use crate::tax_code::TestBodies;

/// What all modules of a process share.
pub struct Platform {
    /// The configuration.
    pub config: Config,
    /// The database, as the kernel uses it.
    pub database: Database,
    /// Tenants, rights, offices.
    pub directory: Directory,
    /// Tokens.
    pub verifier: Verifier,
    /// Where consumers are.
    pub bus: Bus,
    /// Wakes tasks.
    pub wakes: Wakes,
    /// Outgoing calls.
    pub http: HttpClient,
    /// Stored files.
    pub files: FileStore,
    /// Files of the other modules.
    pub sources: FileSources,
    /// Mail.
    pub mailer: Mailer,
    /// Secrets at rest.
    pub sealer: Sealer,
    /// The key of citizens' ids: never rotated, the same in every process of the installation.
    pub citizen_ids: MacKey,
    /// The modules of this process.
    pub modules: Vec<ModuleInfo>,
}

impl Platform {
    /// Puts the platform together: opens the database, the store, the mailer; makes the keys that are
    /// not configured and keeps them in the data folder.
    ///
    /// # Errors
    /// In a sentence that says what to do.
    pub fn start(mut config: Config, modules: Vec<ModuleInfo>) -> Result<Self, StartError> {
        make_private_folder(&config.data_dir).map_err(|error| {
            StartError::new(
                format!(
                    "the data folder {} cannot be made",
                    config.data_dir.display()
                ),
                error,
            )
        })?;
        if config.database.url.expose_secret().is_empty() {
            config.database.url = config
                .in_data_dir("opencity.sqlite")
                .to_string_lossy()
                .into_owned()
                .into();
        }
        config.mail.folder = config.in_data_dir(&config.mail.folder);
        let database = Database::open(&config.database, crate::INFO).map_err(|error| {
            StartError::new("the database cannot be opened (database.url)", error)
        })?;
        let sealing = if config.sealing_keys.is_empty() {
            vec![SealingKey {
                id: "local".to_owned(),
                key: kept_key(&config.data_dir, "sealing.key")?,
            }]
        } else {
            config
                .sealing_keys
                .iter()
                .map(|key| SealingKey {
                    id: key.id.clone(),
                    key: key.key.clone(),
                })
                .collect()
        };
        let citizen_ids = match &config.citizen_id_key()? {
            Some(key) => key.clone(),
            None if config.demo.enabled => crate::demo::CITIZEN_ID_KEY.to_owned().into(),
            None => kept_key(&config.data_dir, "citizen-id.key")?,
        };
        let fallback = config.fallback_tenant()?;
        let verifier = Verifier::new(&config.auth);
        let http = HttpClient::new(config.http_client.clone()).map_err(|error| {
            StartError::new("the HTTP client cannot start ([http_client])", error)
        })?;
        let name = modules
            .first()
            .map_or(crate::INFO.name, |module| module.name);
        Ok(Self {
            directory: Directory::new(database.clone(), fallback),
            sources: FileSources::new(config.modules.clone(), name, http.clone(), verifier.clone()),
            verifier,
            bus: Bus::default(),
            wakes: Wakes::default(),
            http,
            files: FileStore::open(&FileStoreSettings::Local {
                folder: config.in_data_dir("files"),
            })
            .map_err(|error| {
                StartError::new("the folder of stored files cannot be opened", error)
            })?,
            mailer: Mailer::new(&config.mail)
                .map_err(|error| StartError::new("mail cannot start ([mail])", error))?,
            sealer: Sealer::new(&sealing)
                .map_err(|error| StartError::new("sealing_keys", error))?,
            citizen_ids: MacKey::from_base64(&citizen_ids)
                .map_err(|error| StartError::new("identity.citizen_id_key", error))?,
            modules,
            database,
            config,
        })
    }

    /// The platform of a request.
    ///
    /// # Errors
    /// If the server was put together wrongly.
    pub fn of(request: &HttpRequest) -> Result<Arc<Self>, Problem> {
        request
            .app_data::<web::Data<Self>>()
            .map(|data| Arc::clone(data))
            .ok_or_else(|| Problem::internal("the platform is not in the application's data"))
    }

    /// Whether a module runs in this process.
    #[must_use]
    pub fn has_module(&self, name: &str) -> bool {
        self.modules.iter().any(|module| module.name == name)
    }

    /// Waits, within the bound, until the consumers of a module have passed what was written before
    /// this call.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn caught_up(&self, module: &str) -> DbResult<bool> {
        let most = Duration::from_millis(self.config.events.replica_wait_ms);
        self.bus.caught_up(&self.database, module, most).await
    }

    /// Whether tax codes of test bodies, such as 77777777777, are taken where a person enters one: in the demo.
    #[must_use]
    pub fn test_bodies(&self) -> TestBodies {
        if self.config.demo.enabled {
            TestBodies::Accepted
        } else {
            TestBodies::Refused
        }
    }

    /// Looks for what another module may have written, and again once its event can have come; with a
    /// carrier whose end is not known from here, again after each event until the wait is over.
    ///
    /// # Errors
    /// Those of `find`, or the database's.
    pub async fn replicated<T, E, F>(
        &self,
        module: &str,
        find: impl Fn() -> F,
    ) -> Result<Option<T>, E>
    where
        E: From<DbError>,
        F: Future<Output = Result<Option<T>, E>>,
    {
        if let Some(found) = find().await? {
            return Ok(Some(found));
        }
        let most = Duration::from_millis(self.config.events.replica_wait_ms);
        let until = tokio::time::Instant::now() + most;
        let mut moved = self.bus.moved();
        self.caught_up(module).await?;
        loop {
            if let Some(found) = find().await? {
                return Ok(Some(found));
            }
            let far = self.config.events.carrier == Carrier::Kafka;
            let again = tokio::time::timeout_at(until, moved.changed());
            if !far || !matches!(again.await, Ok(Ok(()))) {
                return Ok(None);
            }
        }
    }

    /// The address of a tenant's site, without a slash at its end.
    #[must_use]
    pub fn public_url(&self, tenant: &Tenant) -> String {
        let url = &self.config.http.public_url;
        url.replace("{host}", tenant.host().unwrap_or("localhost"))
            .trim_end_matches('/')
            .to_owned()
    }
}

/// A module's handle on everything. Cheap to clone.
#[derive(Clone)]
pub struct ModuleContext {
    /// The module.
    pub info: ModuleInfo,
    /// The database, in the module's name.
    pub db: Database,
    /// What all modules share.
    pub platform: Arc<Platform>,
}

impl ModuleContext {
    /// The context of a module.
    #[must_use]
    pub fn new(platform: Arc<Platform>, info: ModuleInfo) -> Self {
        Self {
            info,
            db: platform.database.for_module(info),
            platform,
        }
    }

    /// Looks a row of a replica up; if it is not there, waits until the module's consumers have seen
    /// everything written before this call, and looks again: so one reads one's own writes.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn find_replica<T: Send + 'static>(
        &self,
        tenancy: Tenancy,
        find: impl Fn(&mut TenantScope<'_>) -> DbResult<Option<T>> + Send + Sync + Clone + 'static,
    ) -> DbResult<Option<T>> {
        self.platform
            .replicated(self.info.name, || {
                let find = find.clone();
                self.db
                    .read::<_, DbError>(tenancy, move |scope| find(scope))
            })
            .await
    }

    /// The tenant of a tenancy.
    ///
    /// # Errors
    /// If it is unknown here, or the database refuses.
    pub async fn tenant(&self, tenancy: Tenancy) -> DbResult<Tenant> {
        self.platform
            .directory
            .tenant(tenancy.tenant_id())
            .await?
            .ok_or(DbError::NotFound)
    }
}
