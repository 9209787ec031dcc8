//! Tenants never see each other: every operation of the API description is walked with the tokens of
//! another tenant and with none, and every statement that the database executes names its tenant.

mod things;
mod walk;

use std::collections::BTreeSet;

use crate::common::{Options, Platform, Store};
use crate::main_job;

/// Statements that ask across tenants, by the table that each begins at: due work of tasks, public
/// links, keys of the installation. Each stands with its reason in `read_across` or `write_across`.
const ACROSS: &[&str] = &[
    "identity_signing_key",
    "applications_bulk",
    "applications_file",
    "notifications_delivery",
    "payment_proxy_debt",
    "payments_import",
    "retry_entry",
    "retry_dead_letter",
    "tenants_tenant",
    "webhooks_delivery",
    "webhooks_webhook",
];

#[tokio::test]
async fn tenants_are_named_by_every_statement() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("statements");
    let mut platform = Platform::start_with(Store::Sqlite, Options::default()).await;
    platform.terminate();
    platform
        .run(&[("OPENCITY_STATEMENT_LOG", log.to_string_lossy().into_owned())])
        .await;
    main_job::run(&platform).await;
    let text = std::fs::read_to_string(&log).unwrap();
    let statements: BTreeSet<&str> = text.lines().collect();
    assert!(statements.len() > 100, "{} statements", statements.len());
    let without: Vec<&&str> = statements
        .iter()
        .filter(|statement| statement.contains('`'))
        // The kernel's own tables of the log and its leases have no tenant to ask for.
        .filter(|statement| !statement.contains("`kernel_"))
        .filter(|statement| !statement.contains("`tenant_id`"))
        .filter(|statement| {
            !ACROSS
                .iter()
                .any(|table| statement.contains(&format!("`{table}`")))
        })
        .collect();
    assert!(without.is_empty(), "{without:#?}");
}
