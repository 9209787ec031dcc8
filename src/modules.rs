//! The modules that are linked into this binary: one line per feature.

use std::sync::Arc;

use opencity_kernel::context::{ModuleContext, Platform};
use opencity_kernel::db::Migration;
use opencity_kernel::module::{Module, ModuleInfo, StartError};

/// A module that is linked in: what must be known of it before it exists.
pub struct Linked {
    /// Name and version.
    pub info: ModuleInfo,
    /// Its tables.
    pub migrations: &'static [Migration],
    make: fn(ModuleContext) -> Result<Arc<dyn Module>, StartError>,
}

impl Linked {
    /// Makes the module.
    ///
    /// # Errors
    /// If its settings are not valid.
    pub fn make(&self, platform: &Arc<Platform>) -> Result<Arc<dyn Module>, StartError> {
        (self.make)(ModuleContext::new(Arc::clone(platform), self.info))
    }
}

macro_rules! linked {
    ($($feature:literal => $krate:ident::$module:ident),* $(,)?) => {
        vec![$(
            #[cfg(feature = $feature)]
            Linked {
                info: $krate::INFO,
                migrations: $krate::MIGRATIONS,
                make: |context| Ok(Arc::new($krate::$module::new(context)?)),
            },
        )*]
    };
}

/// All modules of this binary, in the order in which they start.
pub fn linked() -> Vec<Linked> {
    linked![
        "tenants" => opencity_tenants::Tenants,
        "identity" => opencity_identity::Identity,
        "services" => opencity_services::Services,
        "applications" => opencity_applications::Applications,
        "payments" => opencity_payments::Payments,
        "payment-proxy" => opencity_payment_proxy::PaymentProxy,
        "documents" => opencity_documents::Documents,
        "protocol-proxy" => opencity_protocol_proxy::ProtocolProxy,
        "retry" => opencity_retry::Retry,
        "webhooks" => opencity_webhooks::Webhooks,
        "notifications" => opencity_notifications::Notifications,
        "jobs" => opencity_jobs::Jobs,
    ]
}

/// The modules that run: all that are linked in, or those named.
///
/// # Errors
/// If a name is not linked in.
pub fn chosen(only: &[String]) -> Result<Vec<Linked>, StartError> {
    let all = linked();
    if let Some(unknown) = only
        .iter()
        .find(|name| all.iter().all(|module| module.info.name != name.as_str()))
    {
        let known: Vec<_> = all.iter().map(|module| module.info.name).collect();
        return Err(StartError(format!(
            "there is no module {unknown} in this binary; it has: {}. Build it with --features {unknown}.",
            known.join(", ")
        )));
    }
    Ok(all
        .into_iter()
        .filter(|module| only.is_empty() || only.iter().any(|name| name == module.info.name))
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use opencity_kernel::db::{Database, DatabaseSettings};

    fn all() -> Vec<(ModuleInfo, &'static [Migration])> {
        let mut all = vec![(opencity_kernel::INFO, opencity_kernel::MIGRATIONS)];
        all.extend(
            linked()
                .into_iter()
                .map(|module| (module.info, module.migrations)),
        );
        all
    }

    fn open(url: String) -> Database {
        let settings = DatabaseSettings {
            url: url.into(),
            pool_size: 2,
            statement_timeout_seconds: 30,
            busy_timeout_ms: 5000,
            group_commit: 1,
        };
        Database::open(&settings, opencity_kernel::INFO).unwrap()
    }

    async fn up_down_up(database: &Database) -> Vec<String> {
        database.migrate(all()).await.unwrap();
        let first = database.logical_schema().await.unwrap();
        database.revert(all()).await.unwrap();
        let left = database.logical_schema().await.unwrap();
        assert!(
            left.iter()
                .all(|line| line.starts_with("kernel_migration.")),
            "down.sql leaves {left:?}"
        );
        database.migrate(all()).await.unwrap();
        assert_eq!(database.logical_schema().await.unwrap(), first);
        first
    }

    #[tokio::test]
    async fn both_databases_end_in_the_same_schema_and_every_migration_reverses() {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = open(
            folder
                .path()
                .join("schema.sqlite")
                .to_string_lossy()
                .into_owned(),
        );
        let server = std::env::var("OPENCITY_TEST_DATABASE_URL")
            .expect("OPENCITY_TEST_DATABASE_URL names no PostgreSQL server: run `make test`, or scripts/postgres start");
        let name = format!("schema_{}", uuid::Uuid::new_v4().simple());
        let made = std::process::Command::new("psql")
            .args([&server, "-qc", &format!("CREATE DATABASE {name}")])
            .status()
            .unwrap();
        assert!(made.success());
        let postgres = open(format!("{}/{name}", server.rsplit_once('/').unwrap().0));
        assert_eq!(up_down_up(&sqlite).await, up_down_up(&postgres).await);
    }
}
