//! The brokers between databases go away and come back: nobody who uses the platform notices.

use crate::common::split::joined_by;
use crate::common::{Broker, Options, Platform, Store, binary, demo, example, until};
use crate::main_job;

#[tokio::test]
async fn without_brokers_requests_go_on_and_what_they_wrote_is_sent_when_they_are_back() {
    let broker = Broker::start();
    let said = init(&broker);
    assert_eq!(said.matches("created").count(), 13, "{said}");
    let said = init(&broker);
    assert_eq!(said.matches("there already").count(), 13, "{said}");
    let options = Options {
        settings: joined_by(&broker),
    };
    let mut platform = Platform::start_with(Store::Sqlite, options).await;
    let client = platform.client();
    let citizen = client.login(demo::CITIZEN).await;

    broker.pause();
    let answer = until("a process that is not ready", || async {
        let answer = client.get("/status").await;
        (answer.status == 503).then_some(answer.json())
    })
    .await;
    assert_eq!(answer["check"], "broker");
    assert_eq!(client.get("/status/live").await.status, 200);
    let report = example("segnalazione-disservizio");
    let sent = main_job::apply(&citizen, demo::REPORT, report).await;
    main_job::in_state(&citizen, sent["id"].as_str().unwrap(), "2000").await;

    broker.resume();
    until("a process that is ready", || async {
        (client.get("/status").await.status == 200).then_some(())
    })
    .await;
    until("an outbox that is sent", || async {
        let metrics = client.get("/metrics").await.bytes;
        let metrics = String::from_utf8(metrics).unwrap();
        let sent: i64 = value(&metrics, "oc_event_sent_total")?.parse().unwrap();
        let written = platform
            .database()
            .number("SELECT COUNT(*) FROM kernel_event WHERE NOT received");
        assert!(written > 20, "{written}");
        value(&metrics, "oc_kafka_lag")?;
        (sent >= written && value(&metrics, "oc_broker_up")? == "1").then_some(())
    })
    .await;

    broker.pause();
    let left = main_job::apply(&citizen, demo::REPORT, example("segnalazione-disservizio")).await;
    assert!(left["id"].is_string());
    assert!(platform.terminate().success());
    let log = platform.log();
    assert!(!log.contains("did not end in time"), "{log}");
}

/// What `opencity kafka init` says.
fn init(broker: &Broker) -> String {
    let output = binary()
        .args(["kafka", "init"])
        .env("OPENCITY__KAFKA__BROKERS", broker.address())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The value of a metric that stands once.
fn value<'m>(metrics: &'m str, name: &str) -> Option<&'m str> {
    let line = metrics.lines().find(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['{', ' ']))
    })?;
    line.rsplit(' ').next()
}
