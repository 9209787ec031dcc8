//! The list of dead letters is filtered and paged; the migrations go both ways.

use opencity_kernel::id::TenantId;
use opencity_testing::{Store, platform};

use super::world::World;
use crate::{Filter, INFO, MIGRATIONS, State, Window};

#[tokio::test]
async fn the_list_is_filtered_and_paged() {
    let world = World::new(10, 0).await;
    world.victim.fails_on(1, 1, true);
    world.emit(1).await;
    let all = Window {
        after: None,
        offset: 0,
        limit: 10,
        newest_first: true,
    };
    let count = |filter: Filter| async { world.letters.list(filter, all).await.unwrap().0 };
    let of = |topic: &str| Filter {
        topic: Some(topic.to_owned()),
        ..Filter::default()
    };
    assert_eq!(count(of("applications")).await, 1);
    assert_eq!(count(of("payments")).await, 0);
    assert_eq!(
        count(Filter {
            tenant: Some(TenantId::new()),
            ..Filter::default()
        })
        .await,
        0
    );
    assert_eq!(
        count(Filter {
            tenant: Some(world.tenancy.tenant_id()),
            ..Filter::default()
        })
        .await,
        1
    );
    assert_eq!(
        count(Filter {
            state: Some(State::Discarded),
            ..Filter::default()
        })
        .await,
        0
    );
    assert_eq!(
        count(Filter {
            consumer: Some("victim.consumer".to_owned()),
            ..Filter::default()
        })
        .await,
        1
    );
    let first = world.letters().await[0].id;
    let after = Window {
        after: Some(first.uuid()),
        ..all
    };
    assert!(
        world
            .letters
            .list(Filter::default(), after)
            .await
            .unwrap()
            .1
            .is_empty()
    );
}

#[tokio::test]
async fn the_migrations_go_down_and_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let platform = platform(INFO, MIGRATIONS, Store::Sqlite, folder.path(), "").await;
    let db = &platform.database;
    let before = db.logical_schema().await.unwrap();
    db.revert(vec![(INFO, MIGRATIONS)]).await.unwrap();
    let without = db.logical_schema().await.unwrap();
    assert!(
        !without.iter().any(|line| line.starts_with("retry_")),
        "{without:?}"
    );
    db.migrate(vec![(INFO, MIGRATIONS)]).await.unwrap();
    assert_eq!(db.logical_schema().await.unwrap(), before);
}
