//! The main job, with the process killed at a point: before or after a commit, before or after a call
//! to an outside system. Started again, the job ends in the same state.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use driver::Driver;
use tokio::task::JoinSet;

use crate::common::{Commits, Options, Platform, Store, until};
use crate::main_job;

mod driver;

/// Jobs under way at the same time.
const AT_ONCE: usize = 4;

/// What the log of fault points says.
#[derive(Debug, PartialEq)]
struct Points {
    all: u64,
    commits: u64,
    calls: u64,
}

fn points(log: &Path) -> Points {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let count = |name: &str| text.lines().filter(|line| line.ends_with(name)).count() as u64;
    Points {
        all: text.lines().count() as u64,
        commits: count("AfterCommit"),
        calls: count("OutgoingCall"),
    }
}

/// One commit each, so that each of them is a point.
fn options() -> Options {
    Options::default().set("DATABASE__GROUP_COMMIT", 1)
}

/// A platform that has been stopped after its first start.
async fn stopped(store: Store) -> Platform {
    let mut platform = Platform::start_with(store, options()).await;
    platform.terminate();
    platform
}

/// The file that a platform's points go to.
fn log_of(platform: &Platform) -> PathBuf {
    platform.data_dir().join("points")
}

/// The job on a platform that has been started; the application's id.
async fn job(mut platform: Platform) -> (Driver, String) {
    platform.recover().await;
    let mut driver = Driver::on(platform);
    let id = driver.main_job().await;
    (driver, id)
}

/// What was passed and what the database has counted, at a moment at which nothing is under way.
async fn at_rest(log: &Path, commits: &mut Commits) -> (Points, u64) {
    loop {
        let (passed, counted) = (points(log), commits.count());
        tokio::time::sleep(Duration::from_millis(5)).await;
        if points(log) == passed {
            return (passed, counted);
        }
    }
}

/// How many points the undisturbed job passes.
///
/// That no commit and no call is without its points is not for us to say: the job has passed as many commits as the database
/// counts transactions that have changed it, and as many calls as the sandbox has received. A commit past the points would
/// make the database's count the larger one.
async fn undisturbed(template: &Platform) -> u64 {
    let mut platform = template.copy().await;
    let log = log_of(&platform);
    let mut commits = Commits::of(&platform);
    platform
        .run(&[("OPENCITY_FAULT_LOG", log.to_string_lossy().into_owned())])
        .await;
    // At its start the platform undoes rows of transactions that it then commits: the demonstration is there already.
    let (begun, counted_before) = at_rest(&log, &mut commits).await;
    assert!(
        begun.commits >= counted_before,
        "{begun:?}, {counted_before}"
    );
    let (driver, id) = job(platform).await;
    let (ended, counted) = at_rest(&log, &mut commits).await;
    assert_eq!(
        ended.commits - begun.commits,
        counted - counted_before,
        "commits passed, and transactions counted by the database"
    );
    main_job::check(&driver.platform, &id).await;
    let counters = driver.platform.counters().await;
    let outside: u64 = counters["calls"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(route, _)| route.contains("/intermediary") || route.contains("/registry"))
        .map(|(_, calls)| calls.as_u64().unwrap())
        .sum();
    assert_eq!(points(&log).calls, outside, "{counters}");
    ended.all
}

/// The job, killed at this point; whether it was. It is not when this run has passed fewer points than the
/// undisturbed one: which wake-ups fall together is a matter of time.
async fn killed_at(point: u64, template: &Platform) -> bool {
    let mut platform = template.copy().await;
    let log = log_of(&platform);
    let environment = [
        ("OPENCITY_FAULT_AT", point.to_string()),
        ("OPENCITY_FAULT_LOG", log.to_string_lossy().into_owned()),
    ];
    platform.run(&environment).await;
    let (mut driver, id) = job(platform).await;
    // What follows the outcome may still lead to the point.
    let mut passed = 0;
    while driver.platform.deaths() == 0 && points(&log).all > passed {
        passed = points(&log).all;
        tokio::time::sleep(Duration::from_secs(1)).await;
        driver.platform.recover().await;
    }
    // The questions that follow write too, a login at least: they are asked of a process that no point kills.
    let killed = driver.platform.deaths() == 1 || {
        let stopped = driver.platform.terminate();
        driver.platform.run(&[]).await;
        !stopped.success()
    };
    main_job::check(&driver.platform, &id).await;
    assert!(driver.platform.deaths() <= 1);
    assert!(
        killed || points(&log).all < point,
        "it has lived through point {point}"
    );
    killed
}

/// The job, killed at each of the points that `choose` picks of so many, some at a time since a job mostly waits: nearly all
/// of them must have been hit.
async fn killed_at_each(store: Store, choose: impl FnOnce(u64) -> BTreeSet<u64>) {
    let template = Arc::new(stopped(store).await);
    let all = undisturbed(&template).await;
    let mut chosen = choose(all).into_iter();
    let (count, mut done, mut hit, mut failed) = (chosen.len(), 0, 0, Vec::new());
    let mut running = JoinSet::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(point) = chosen.next()
        {
            let template = Arc::clone(&template);
            running.spawn(async move {
                let job = tokio::spawn(async move { killed_at(point, &template).await });
                (point, job.await)
            });
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        let (point, outcome) = ended.unwrap();
        done += 1;
        let how = match outcome {
            Ok(true) => {
                hit += 1;
                "killed"
            }
            Ok(false) => "not reached",
            Err(_) => {
                failed.push(point);
                "FAILED"
            }
        };
        println!("{done} of {count}: point {point} of {all}: {how}");
    }
    assert!(
        failed.is_empty(),
        "at these points the job did not end the same: {failed:?}"
    );
    assert!(hit * 20 >= count * 19, "{hit} of {count} points were hit");
}

fn sample(most: u64) -> impl FnOnce(u64) -> BTreeSet<u64> {
    move |all| (0..most).map(|step| 1 + step * (all - 1) / most).collect()
}

/// All of them, or what `OPENCITY_FAULT_POINTS` says, as `100-199`.
fn every(all: u64) -> BTreeSet<u64> {
    let range = std::env::var("OPENCITY_FAULT_POINTS").unwrap_or_default();
    let Some((first, last)) = range.split_once('-') else {
        return (1..=all).collect();
    };
    (first.parse().unwrap()..=last.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_a_sample_of_points_the_job_ends_the_same_on_sqlite() {
    killed_at_each(Store::Sqlite, sample(6)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_a_sample_of_points_the_job_ends_the_same_on_postgres() {
    killed_at_each(Store::Postgres, sample(4)).await;
}

/// Every point of the job, more than a thousand: about an hour on two cores.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: part of make test-full"]
async fn killed_at_every_point_the_job_ends_the_same_on_sqlite() {
    killed_at_each(Store::Sqlite, every).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: part of make test-full"]
async fn killed_at_every_point_the_job_ends_the_same_on_postgres() {
    killed_at_each(Store::Postgres, every).await;
}

#[tokio::test]
async fn the_demo_s_sandbox_ends_with_the_process_that_started_it_even_by_kill() {
    let listen = format!("127.0.0.1:{}", crate::common::free_port());
    let options = Options::default().set("DEMO__SANDBOX_LISTEN", &listen);
    let mut platform = Platform::start_with(Store::Sqlite, options).await;
    let answers = || tokio::net::TcpStream::connect(&listen);
    assert!(answers().await.is_ok());
    platform.kill();
    until("the end of the sandbox", || async {
        answers().await.is_err().then_some(())
    })
    .await;
}
