#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)]
use opencity_kernel::db::Database;
use opencity_kernel::events::{Filter, read};
use opencity_testing::{Store, platform};

use super::*;
use crate::{INFO, MIGRATIONS};

async fn database(folder: &tempfile::TempDir) -> Database {
    let platform = platform(INFO, MIGRATIONS, Store::Sqlite, folder.path(), "").await;
    platform.database.for_module(INFO)
}

fn body(slug: &str, host: &str) -> Tenant {
    Tenant {
        id: TenantId::new().uuid(),
        slug: slug.to_owned(),
        name: slug.to_owned(),
        hosts: vec![host.to_owned()],
        ..Tenant::default()
    }
}

async fn make(db: &Database, body: &Tenant) -> Result<(), Problem> {
    let made = body.clone();
    db.write(
        Tenancy::from_row(TenantId::from_uuid(body.id)),
        move |scope| insert(scope, &made),
    )
    .await
}

#[tokio::test]
async fn a_slug_or_a_host_belongs_to_one_body() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    make(&db, &body("comune-a", "a.example")).await.unwrap();
    for (slug, host, field) in [
        ("comune-a", "b.example", "slug"),
        ("comune-b", "a.example", "hosts"),
    ] {
        let problem = make(&db, &body(slug, host)).await.unwrap_err();
        assert_eq!(problem.kind(), ProblemKind::AlreadyExists);
        assert_eq!(problem.body("x")["errors"][0]["field"], field);
    }
    let all = db.read_across("test", super::all).await.unwrap();
    assert_eq!(all.len(), 1, "what was refused left nothing behind");
}

#[tokio::test]
async fn a_change_moves_hosts_and_tells_so() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let first = body("comune-a", "a.example");
    make(&db, &first).await.unwrap();
    let tenancy = Tenancy::from_row(TenantId::from_uuid(first.id));
    let changed = Tenant {
        hosts: vec!["new.example".to_owned()],
        ..first.clone()
    };
    let stored = db.read(tenancy, find).await.unwrap().unwrap();
    db.write(tenancy, move |scope| update(scope, &stored, &changed))
        .await
        .unwrap();

    make(&db, &body("comune-b", "a.example")).await.unwrap();
    let events = read(
        &db,
        Filter {
            limit: 10,
            ..Filter::default()
        },
    )
    .await
    .unwrap();
    assert_eq!(
        events[1].payload["hosts"],
        serde_json::json!(["new.example"])
    );
    assert_eq!(
        (events[1].change_type(), events[1].aggregate_version),
        ("data", 2)
    );
    assert_eq!(events[0].change_type(), "created");
}

#[tokio::test]
async fn a_body_that_changed_meanwhile_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let first = body("comune-a", "a.example");
    make(&db, &first).await.unwrap();
    let tenancy = Tenancy::from_row(TenantId::from_uuid(first.id));
    let stored = db.read(tenancy, find).await.unwrap().unwrap();
    let (again, named) = (
        stored.clone(),
        Tenant {
            name: "First".to_owned(),
            ..first.clone()
        },
    );
    db.write(tenancy, move |scope| update(scope, &stored, &named))
        .await
        .unwrap();
    let late = Tenant {
        name: "Second".to_owned(),
        ..first
    };
    let problem = db
        .write(tenancy, move |scope| update(scope, &again, &late))
        .await
        .unwrap_err();
    assert_eq!(problem.kind(), ProblemKind::Conflict);
}
