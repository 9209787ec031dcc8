//! An installation moves from SQLite to PostgreSQL.

use crate::common::{Client, Platform, Store, new_database};
use crate::main_job;

/// What an operator sees of an application.
async fn seen(operator: &Client, id: &str) -> Vec<serde_json::Value> {
    let mut seen = Vec::new();
    for part in ["", "/history", "/messages"] {
        let path = format!("/lang/api/applications/{id}{part}");
        seen.push(operator.get(&path).await.expect(200));
    }
    seen
}

#[tokio::test]
async fn an_installation_moves_to_postgres_and_goes_on_where_it_was() {
    let mut platform = Platform::start(Store::Sqlite).await;
    let id = main_job::run(&platform).await;
    let target = new_database();
    let refused = platform.refused(&["db", "copy", "--to", &target]);
    assert!(refused.contains("another opencity runs"), "{refused}");

    // Started once more, so that nothing is under way any longer.
    platform.terminate();
    platform.run(&[]).await;
    let before = seen(&platform.client().login("operatore").await, &id).await;
    platform.terminate();
    let events = platform.events();
    let told = platform.command(&["db", "copy", "--to", &target]);
    assert!(
        told.contains(&format!("kernel_event {}\n", events.len())),
        "{told}"
    );
    assert!(told.contains("each equal"), "{told}");
    let again = platform.refused(&["db", "copy", "--to", &target]);
    assert!(again.contains("is not empty"), "{again}");

    platform.move_to(target);
    platform.run(&[]).await;
    let moved = platform.events();
    assert_eq!(moved.get(..events.len()), Some(events.as_slice()));
    let after = seen(&platform.client().login("operatore").await, &id).await;
    assert_eq!(after, before);
    main_job::run(&platform).await;
}
