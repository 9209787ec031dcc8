//! Submissions on the embedded database, all modules on: how many in a second, how soon the payment is asked for, and
//! what the process itself takes. docs/performance.md says what the figures mean.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::bare::{self, Transaction};
use support::common::{Client, Database, Platform, Store, demo, example};
use support::wire::Wire;
use support::{Measured, load, memory, tell, tell_where};

/// Submissions under load.
const MANY: usize = if cfg!(debug_assertions) { 200 } else { 3000 };

/// Submissions, one after the other, of which the time to the claim is taken on an idle system.
const SINGLE: usize = if cfg!(debug_assertions) { 10 } else { 100 };

/// The process is left alone for so long before its memory is read.
const REST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 3 } else { 10 });

/// The payments that were asked for, with the milliseconds from the event of the submission to the claim.
///
/// Both times are noted inside their transactions, shortly before these are durable.
const CLAIMS: &str = "
    WITH sent AS (SELECT entity_id, min(created_at) AS at FROM kernel_event WHERE topic = 'applications' GROUP BY entity_id),
    asked AS (
        SELECT event_id, unhex(replace(payload ->> '$.remote_id', '-', '')) AS application
        FROM kernel_event WHERE topic = 'payments' AND payload ->> '$.status' = 'CREATION_PENDING'
    )
    SELECT CAST(taken.taken_at - sent.at AS TEXT) FROM asked
    JOIN sent ON sent.entity_id = asked.application
    JOIN kernel_inbox taken ON taken.event_id = asked.event_id AND taken.consumer = 'payment-proxy.debts'
    WHERE sent.at > ";

/// What is still to do: events that a consumer has not passed of a topic that it takes, calls under way, events that wait.
const BEHIND: &str = "
    WITH takes AS (
        SELECT DISTINCT consumer, topic FROM kernel_inbox JOIN kernel_event USING (event_id)
    )
    SELECT (SELECT count(*) FROM takes JOIN kernel_cursor USING (consumer)
            WHERE EXISTS (SELECT 1 FROM kernel_event e WHERE e.topic = takes.topic AND e.seq > kernel_cursor.position))
        + (SELECT count(*) FROM kernel_call) + (SELECT count(*) FROM kernel_parked)";

/// The rows that the transaction of a submission writes, by table and the column that names a row: key of the transaction,
/// and the row.
fn written(mark: i64) -> [((&'static str, &'static str), String); 5] {
    let sent = format!("applications_application a WHERE a.created_at > {mark}");
    let first = format!(
        "applications_history h JOIN applications_application a ON a.tenant_id = h.tenant_id AND a.id = h.application_id \
         WHERE h.version = 1 AND a.created_at > {mark}"
    );
    [
        (
            ("applications_application", "rowid"),
            format!("SELECT hex(a.id) AS key, a.rowid AS row FROM {sent}"),
        ),
        (
            ("applications_history", "rowid"),
            format!("SELECT hex(h.application_id) AS key, h.rowid AS row FROM {first}"),
        ),
        (
            ("applications_payment_item", "rowid"),
            format!(
                "SELECT hex(application_id) AS key, rowid AS row FROM applications_payment_item \
                 WHERE attempt = 1 AND application_id IN (SELECT a.id FROM {sent})"
            ),
        ),
        (
            ("applications_message", "id"),
            format!(
                "SELECT hex(application_id) AS key, id AS row FROM applications_message \
                 WHERE id IN (SELECT h.message_id FROM {first})"
            ),
        ),
        (
            ("kernel_event", "seq"),
            format!(
                "SELECT hex(entity_id) AS key, min(seq) AS row FROM kernel_event \
                 WHERE topic = 'applications' AND entity_id IN (SELECT a.id FROM {sent}) GROUP BY entity_id \
                 UNION ALL \
                 SELECT hex(m.application_id), min(e.seq) FROM kernel_event e JOIN applications_message m ON m.id = e.entity_id \
                 WHERE e.topic = 'messages' AND m.id IN (SELECT h.message_id FROM {first}) GROUP BY m.id"
            ),
        ),
    ]
}

fn milliseconds(times: &[String]) -> Measured {
    let times = times
        .iter()
        .map(|micros| Duration::from_micros(micros.parse().unwrap()))
        .collect();
    Measured::of(times, Duration::ZERO)
}

async fn submit(citizen: Client, body: Arc<Value>) {
    citizen
        .post("/lang/api/applications", &body)
        .await
        .expect(201);
}

/// A time after all that was submitted so far, and before all that will be.
fn mark(database: &mut Database) -> i64 {
    database.number("SELECT max(created_at) FROM kernel_event")
}

/// From the start of the process until it is ready, and its memory when nothing happens.
async fn process(platform: &mut Platform, options: &[&str], what: &str) {
    let mut times = Vec::new();
    for _ in 0..5 {
        platform.terminate();
        let begun = Instant::now();
        platform.serve(options, &[]).await;
        times.push(begun.elapsed());
    }
    let started = Measured::of(times, Duration::ZERO);
    tell(
        &format!("start to /status 200, {what}, median of 5"),
        format!("{:.0} ms", started.percentile(50)),
        "< 300 ms",
    );
    tokio::time::sleep(REST).await;
    tell(
        &format!("memory at rest, {what}"),
        format!("{:.1} MiB", memory(platform.pid(), "VmRSS")),
        "< 64 MiB",
    );
}

/// One submission after the other, each when the payment of the one before has been claimed.
async fn claims_at_rest(database: &mut Database, citizen: &Client, body: &Arc<Value>) {
    let begun = mark(database);
    let claims = format!("{CLAIMS}{begun}");
    for done in 1..=SINGLE {
        submit(citizen.clone(), Arc::clone(body)).await;
        while database.lines(&claims).len() < done {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let claimed = milliseconds(&database.lines(&claims));
    tell(
        "from a submission to its payment claimed, one at a time",
        format!(
            "median {:.1} ms, p99 {:.1} ms",
            claimed.percentile(50),
            claimed.percentile(99)
        ),
        "< 10 ms",
    );
}

/// Many submissions at the same time, and all that follows; then the same rows, bare.
async fn submissions(platform: &mut Platform, citizen: &Client, body: &Arc<Value>) {
    let mut database = platform.database();
    let (wire, sent) = (Arc::new(Wire::new(platform, citizen)), body.to_string());
    let sent = Arc::new(sent);
    let work = move |_| {
        let (wire, sent) = (Arc::clone(&wire), Arc::clone(&sent));
        async move { wire.ask("POST", "/lang/api/applications", &sent, 201).await }
    };
    load(MANY / 10, Duration::MAX, work.clone()).await;
    let begun = mark(&mut database);
    let clock = Instant::now();
    let served = load(MANY, Duration::MAX, work).await;
    tell("submissions over HTTP, 32 connections", served.told(), "");
    while database.number(BEHIND) > 0 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let drained = clock.elapsed();
    tell(
        "all that followed had drained after",
        format!(
            "{:.1} s, {:.0} submissions/s in all",
            drained.as_secs_f64(),
            MANY as f64 / drained.as_secs_f64()
        ),
        "",
    );
    let claimed = milliseconds(&database.lines(&format!("{CLAIMS}{begun}")));
    tell(
        "from a submission to its payment claimed, under this load",
        format!(
            "median {:.1} ms, p99 {:.1} ms",
            claimed.percentile(50),
            claimed.percentile(99)
        ),
        "< 10 ms",
    );
    platform.terminate();
    let mut transactions: BTreeMap<String, Transaction> = BTreeMap::new();
    for (table, of) in written(begun) {
        bare::copy(&mut database, table, &of, &mut transactions);
    }
    let rows: usize = transactions.values().map(Vec::len).sum();
    assert_eq!(transactions.len(), MANY, "each submission is a transaction");
    let file = platform.data_dir().join("bare.sqlite");
    let written = bare::write(&mut database, &file, transactions.into_values().collect());
    tell(
        &format!("the same {rows} rows bare, one durable commit for each submission, one thread"),
        written.told(),
        "",
    );
    tell(
        "submissions, over bare",
        format!("{:.2}", served.per_second() / written.per_second()),
        ">= 0.50",
    );
}

#[tokio::main]
async fn main() {
    tell_where();
    let mut platform = Platform::start(Store::Sqlite).await;
    process(&mut platform, &[], "without the demo").await;
    process(&mut platform, &["--demo"], "with the demo").await;
    let citizen = platform.client().login(demo::CITIZEN).await;
    let body = Arc::new(json!({
        "service": demo::PUBLIC_GROUND,
        "data": example("occupazione-suolo-pubblico"),
    }));
    submit(citizen.clone(), Arc::clone(&body)).await;
    claims_at_rest(&mut platform.database(), &citizen, &body).await;
    submissions(&mut platform, &citizen, &body).await;
}
