//! A platform that nobody asks anything hardly asks its database.

use crate::common::{Options, Platform, Store, until};

/// A task that looks for what is due about once in a second (`retry.poll_ms`): the clock of this test.
const TICK: &str = "FROM `retry_entry`";

/// Statements of all consumers and tasks between two ticks, generously.
const FEW: usize = 40;

#[tokio::test]
async fn an_idle_platform_leaves_its_database_alone() {
    // The tests' own lease, which is short, makes consumers look for abandoned calls more often.
    let options = Options::default().set("EVENTS__CALL_LEASE_SECONDS", 90);
    let mut platform = Platform::start_with(Store::Sqlite, options).await;
    platform.terminate();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("statements");
    let log = file.to_string_lossy().into_owned();
    platform.run(&[("OPENCITY_STATEMENT_LOG", log)]).await;
    let statements = || -> Vec<String> {
        let log = std::fs::read_to_string(&file).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    };
    let ticks = |log: &[String]| log.iter().filter(|line| line.contains(TICK)).count();
    // What the start leads to is done by then.
    until("the first ticks", || async {
        (ticks(&statements()) > 3).then_some(())
    })
    .await;
    let begun = statements().len();
    let since = until("more ticks", || async {
        let since = statements().split_off(begun);
        (ticks(&since) > 5).then_some(since)
    })
    .await;
    assert!(since.len() < ticks(&since) * FEW, "{since:#?}");
    let written = since
        .iter()
        .filter(|line| line.starts_with("BEGIN IMMEDIATE"))
        .count();
    assert_eq!(written, 0, "{since:#?}");
}
