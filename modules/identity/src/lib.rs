//! Who people are: citizens, operators, administrators, their offices, how they log in, and the tokens
//! that every process of the installation believes.
//!
//! Rights stand in the events `users` and `user-groups`, not in the token: every process keeps a
//! directory of them. No credential ever leaves this module.

mod accounts;
mod api;
mod argon2id;
mod consumers;
mod demo;
mod domain;
mod keys;
mod login;
mod password;
mod settings;
mod store;

use std::sync::Arc;

use async_trait::async_trait;
use opencity_contracts::Topic;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::Migration;
use opencity_kernel::events::Consumer;
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::{migrations, module_info};

pub use accounts::{NewUser, create_user, set_password};
pub use domain::{User, UserKind};
pub use keys::rotate_keys;

use keys::KeyRing;
use password::Hasher;
use settings::Settings;

/// The module.
pub const INFO: ModuleInfo = module_info!("identity", "Identity");
/// Its tables.
pub const MIGRATIONS: &[Migration] = migrations!(
    "identity",
    "20261124100000_initial" => 1,
    "20261125100000_services" => 1,
    "20261201100000_offices_of_applications" => 1,
);

/// What the parts of the module work with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Core {
    pub(crate) ctx: ModuleContext,
    pub(crate) settings: Arc<Settings>,
    pub(crate) hasher: Hasher,
    pub(crate) keys: Arc<KeyRing>,
}

/// The bounded context of people and their rights.
pub struct Identity {
    core: Core,
}

impl Identity {
    /// The module.
    ///
    /// # Errors
    /// If its settings are not valid.
    pub fn new(ctx: ModuleContext) -> Result<Self, StartError> {
        let settings = Settings::of(&ctx)?;
        let hasher = Hasher::new(&settings)?;
        let keys = Arc::new(KeyRing::new(ctx.clone()));
        Ok(Self {
            core: Core {
                ctx,
                settings: Arc::new(settings),
                hasher,
                keys,
            },
        })
    }
}

#[async_trait(?Send)]
impl Module for Identity {
    fn info(&self) -> ModuleInfo {
        INFO
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        api::routes(config, &self.core);
    }

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        api::openapi()
    }

    fn paths(&self) -> &'static [&'static str] {
        &[
            "auth",
            "session-auth",
            "users",
            "user-groups",
            "/{tenant}/auth",
            "/.well-known/jwks.json",
        ]
    }

    fn consumers(&self) -> Vec<Arc<dyn Consumer>> {
        vec![
            Arc::new(consumers::Citizens::new(&self.core.ctx)),
            Arc::new(consumers::Services),
            Arc::new(consumers::Assigned),
        ]
    }

    fn writes(&self) -> &'static [Topic] {
        &[Topic::Users, Topic::UserGroups, Topic::Security]
    }

    async fn prepare(&self) -> Result<(), StartError> {
        self.core.keys.load().await?;
        keys::keep_fresh(&self.core.keys);
        self.core.hasher.prepare().await
    }

    async fn seed_demo(&self) -> Result<(), StartError> {
        demo::seed(&self.core).await
    }

    async fn republish(&self, topic: Topic) -> Result<Option<u64>, StartError> {
        match topic {
            Topic::Users => Ok(Some(store::user::republish(&self.core.ctx.db).await?)),
            Topic::UserGroups => Ok(Some(store::office::republish(&self.core.ctx.db).await?)),
            _ => Ok(None),
        }
    }
}
