//! A backup that was made while the platform worked is an installation of its own.

use std::path::Path;
use std::process::Command;

use crate::common::{Platform, Store, demo, example, new_database};
use crate::main_job::{self, in_state};

/// As docs/operations.md says; the files follow the database.
fn back_up(platform: &Platform, store: Store, folder: &Path) {
    let copy = folder.join("database");
    match store {
        Store::Sqlite => platform
            .database()
            .run(&format!("VACUUM INTO '{}'", copy.display())),
        Store::Postgres => run(Command::new("pg_dump")
            .args([
                "--format=custom",
                "--dbname",
                platform.database_url(),
                "--file",
            ])
            .arg(&copy)),
    }
    run(Command::new("cp")
        .arg("-a")
        .args([platform.data_dir(), folder.join("files")]));
}

fn restore(platform: &mut Platform, store: Store, folder: &Path) {
    let (data, copy) = (platform.data_dir(), folder.join("database"));
    std::fs::remove_dir_all(&data).unwrap();
    run(Command::new("cp")
        .arg("-a")
        .args([folder.join("files"), data.clone()]));
    match store {
        Store::Sqlite => {
            for end in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(data.join(format!("opencity.sqlite{end}")));
            }
            std::fs::copy(copy, data.join("opencity.sqlite")).unwrap();
        }
        Store::Postgres => {
            let target = new_database();
            run(Command::new("pg_restore")
                .args(["--exit-on-error", "--dbname", &target])
                .arg(copy));
            platform.move_to(target);
        }
    }
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

async fn what_is_restored_is_what_was_there(store: Store) {
    let mut platform = Platform::start(store).await;
    let kept = main_job::run(&platform).await;
    let operator = platform.client().login("operatore").await;
    let at = |id: &str| format!("/lang/api/applications/{id}");
    let before = operator.get(&at(&kept)).await.expect(200);
    let folder = tempfile::tempdir().unwrap();
    back_up(&platform, store, folder.path());
    let citizen = platform.client().login(demo::CITIZEN).await;
    let report = main_job::apply(&citizen, demo::REPORT, example("segnalazione-disservizio")).await;
    let lost = report["id"].as_str().unwrap();
    in_state(&citizen, lost, "2000").await;
    platform.kill();

    restore(&mut platform, store, folder.path());
    platform.run(&[]).await;
    assert_eq!(operator.get(&at(&kept)).await.expect(200), before);
    assert_eq!(operator.get(&at(lost)).await.problem(404), "not-found");
    for file in before["compiled_modules"].as_array().unwrap() {
        let path = file["url"]
            .as_str()
            .unwrap()
            .strip_prefix(&platform.url)
            .unwrap();
        let bytes = operator.get(path).await.bytes;
        assert!(bytes.starts_with(b"%PDF"), "{path}");
    }
    main_job::run(&platform).await;
}

#[tokio::test]
async fn on_sqlite() {
    what_is_restored_is_what_was_there(Store::Sqlite).await;
}

#[tokio::test]
async fn on_postgres() {
    what_is_restored_is_what_was_there(Store::Postgres).await;
}
