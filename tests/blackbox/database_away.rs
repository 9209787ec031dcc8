//! The database goes away and comes back: nothing is half written, and the process goes on by itself.

use reqwest::Method;
use serde_json::json;

use crate::common::{Client, Database, Options, Platform, Store, demo, example, until};
use crate::main_job::{self, in_state};

/// Nobody can reach the database any more.
fn take_away(platform: &Platform) {
    let (server, name) = platform.database_url().rsplit_once('/').unwrap();
    let mut server = Database::server(&format!("{server}/opencity"));
    server.run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    server.run(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    ));
}

fn give_back(platform: &Platform) {
    let (server, name) = platform.database_url().rsplit_once('/').unwrap();
    let mut server = Database::server(&format!("{server}/opencity"));
    server.run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
}

async fn until_status(client: &Client, wanted: u16) {
    until("another answer of /status", || async {
        (client.get("/status").await.status == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_its_database_a_process_refuses_and_goes_on_when_it_is_back() {
    let options = Options::default().set("DATABASE__BUSY_TIMEOUT_MS", 500);
    let mut platform = Platform::start_with(Store::Postgres, options).await;
    let client = platform.client();
    let citizen = client.login(demo::CITIZEN).await;
    let report = json!({"service": demo::REPORT, "data": example("segnalazione-disservizio")});
    let begun = citizen
        .post("/lang/api/applications", &report)
        .await
        .expect(201);

    take_away(&platform);
    until_status(&client, 503).await;
    assert_eq!(client.get("/status/live").await.status, 503);
    let send = async || {
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", "once"),
        ];
        let body = report.to_string().into_bytes();
        let sent = citizen.send(Method::POST, "/lang/api/applications", &headers, Some(body));
        sent.await.unwrap()
    };
    let refused = send().await;
    let told = String::from_utf8(refused.bytes.clone()).unwrap();
    assert_eq!(refused.problem(503), "unavailable");
    assert!(
        !told.contains("blackbox_") && !told.contains("accepting"),
        "{told}"
    );
    assert!(
        platform
            .log()
            .contains("not currently accepting connections")
    );

    give_back(&platform);
    until_status(&client, 200).await;
    let sent = send().await.expect(201);
    assert_eq!(send().await.expect(201)["id"], sent["id"]);
    for application in [&begun, &sent] {
        in_state(&citizen, application["id"].as_str().unwrap(), "2000").await;
    }
    let listed = citizen.get("/lang/api/applications").await.expect(200);
    assert_eq!(listed["meta"]["count"], 2);
    assert!(!platform.has_ended());
    main_job::run(&platform).await;
}
