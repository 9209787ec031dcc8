//! The processes of an installation die one after the other while it is used, two of each module: nobody loses anything, and
//! nothing is done twice.

use std::process::Command;
use std::time::Duration;

use crate::common::{Options, Platform};
use crate::faults::Driver;
use crate::main_job;

#[tokio::test]
#[ignore = "long: part of make test-full"]
async fn while_one_process_after_the_other_is_killed_every_job_ends_right_and_none_twice() {
    let jobs: usize = std::env::var("OPENCITY_ROLLING_JOBS")
        .map_or(200, |jobs| jobs.parse().expect("a number of jobs"));
    // Both processes of a module have the same key; a call to a process that is gone is made again at once.
    let key = format!("[{{id = \"test\", key = \"{}=\"}}]", "A".repeat(43));
    let options = Options::default()
        .set("SEALING_KEYS", key)
        .set("RETRY__SCHEDULE_SECONDS", "[1]")
        .set("RETRY__ATTEMPTS", 100);
    let mut driver = Driver::on(Platform::start_split(options, 2).await);
    let mut ids = Vec::new();
    for job in 0..jobs {
        let processes = driver.platform.pids();
        let victim = processes[job % processes.len()];
        let killed = tokio::spawn(async move {
            // Each time at another moment of the job.
            tokio::time::sleep(Duration::from_millis(job as u64 * 377 % 4000)).await;
            Command::new("kill")
                .args(["-9", &victim.to_string()])
                .status()
                .unwrap()
        });
        ids.push(driver.main_job().await);
        assert!(killed.await.unwrap().success());
        driver.platform.recover().await;
    }
    assert_eq!(driver.platform.deaths() as usize, jobs);
    let operator = driver.platform.client().login("operatore").await;
    for id in &ids {
        main_job::check_one(&operator, id).await;
    }
    let counters = driver.platform.counters().await;
    assert_eq!(counters["positions"], jobs, "{counters}");
    assert_eq!(counters["payments"], jobs, "{counters}");
    assert_eq!(counters["numbers"], 4 * jobs, "{counters}");
}
