//! Events on their way: how many in a second go from an outbox to the broker, beside a bare producer; and how soon what is
//! committed in one module is handled by another, by each carrier. docs/performance.md says what the figures mean.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::duplicate_mod,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "../modules/kernel/tests/support/mod.rs"]
#[allow(unused_imports, unused_macros)]
mod events;
#[allow(dead_code, reason = "it drives no HTTP")]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use events::broker::Broker;
use events::{Place, Running, kafka};
use opencity_kernel::db::{DbError, Tenancy, WriteScope};
use opencity_kernel::events::kafka::create_topics;
use opencity_kernel::events::{
    Change, Consumer, Event, HandleError, NewEvent, Next, OrderingKey, Topic, latest_position,
    positions, read,
};
use opencity_kernel::id::TenantId;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use serde_json::json;
use support::{Measured, tell, tell_where};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Events in the outbox.
const MANY: i64 = if cfg!(debug_assertions) { 2000 } else { 50_000 };

/// Events, one after the other, of which the time until they are handled is taken.
const SINGLE: usize = if cfg!(debug_assertions) { 20 } else { 500 };

/// The length of an application's event, about.
const LENGTH: usize = 3000;

async fn write(place: &Place, tenancy: Tenancy, count: i64) {
    place
        .database
        .write::<_, DbError>(tenancy, move |scope| {
            for number in 0..count {
                let entity = Uuid::now_v7();
                let body = json!({"number": number, "text": "x".repeat(LENGTH)});
                let change = Change::data();
                scope.emit(NewEvent::new(
                    Topic::Messages,
                    entity,
                    entity,
                    1,
                    change,
                    body,
                ))?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

/// Says that an event has come.
struct Listener(mpsc::UnboundedSender<()>);

#[async_trait]
impl Consumer for Listener {
    fn name(&self) -> &'static str {
        "bench.listener"
    }
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Messages]
    }
    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }
    fn handle(&self, scope: &mut WriteScope<'_>, _event: &Event) -> Result<Next, HandleError> {
        let told = self.0.clone();
        scope.after_commit(move || {
            let _ = told.send(());
        });
        Ok(Next::Done)
    }
}

/// From the outbox to the broker, until the sender has noted the last event as sent.
async fn relayed(broker: &Broker, place: &Place) -> f64 {
    let end = latest_position(&place.database).await.unwrap();
    let begun = Instant::now();
    let running = Running::joined(place, &kafka(&broker.address(), "bench"), vec![]).await;
    loop {
        let all = positions(&place.database).await.unwrap();
        if all
            .iter()
            .any(|(name, position)| name == "kernel.kafka" && *position >= end)
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rate = MANY as f64 / begun.elapsed().as_secs_f64();
    running.stop().await;
    rate
}

/// The same events from memory, by an idempotent producer that waits for the last one.
async fn bare(broker: &Broker, place: &Place) -> f64 {
    let filter = opencity_kernel::events::Filter {
        limit: MANY,
        ..Default::default()
    };
    let events: Vec<(String, String)> = read(&place.database, filter)
        .await
        .unwrap()
        .into_iter()
        .map(|event| (event.key, event.payload.to_string()))
        .collect();
    let address = broker.address();
    tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", address)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "lz4")
            .set("linger.ms", "1")
            .create()
            .unwrap();
        for (key, value) in &events {
            let headers = OwnedHeaders::new().insert(Header {
                key: "oc-aggregate-version",
                value: Some("1"),
            });
            let mut record = BaseRecord::to("messages")
                .key(key)
                .payload(value)
                .headers(headers);
            while let Err((_, back)) = producer.send(record) {
                // Its queue is full.
                std::thread::sleep(Duration::from_millis(1));
                record = back;
            }
        }
        producer.flush(Duration::from_secs(120)).unwrap();
        events.len() as f64 / begun.elapsed().as_secs_f64()
    })
    .await
    .unwrap()
}

/// From the commit in one place until it is handled in the other.
async fn handled(near: &Place, told: &mut mpsc::UnboundedReceiver<()>) -> Measured {
    let tenancy = Tenancy::from_row(TenantId::new());
    let mut times = Vec::new();
    let whole = Instant::now();
    for number in 0..SINGLE + 5 {
        write(near, tenancy, 1).await;
        let begun = Instant::now();
        told.recv().await.unwrap();
        // The first ones find nothing prepared.
        if number >= 5 {
            times.push(begun.elapsed());
        }
    }
    Measured::of(times, whole.elapsed())
}

fn tell_handled(carrier: &str, measured: &Measured) {
    tell(
        &format!("from a commit until another module has handled it, {carrier}"),
        format!(
            "median {:.1} ms, p99 {:.1} ms",
            measured.percentile(50),
            measured.percentile(99)
        ),
        "",
    );
}

async fn throughput() {
    let broker = Broker::start();
    create_topics(&kafka(&broker.address(), "init"))
        .await
        .unwrap();
    let place = Place::sqlite().await;
    for _ in 0..MANY / 500 {
        write(&place, Tenancy::from_row(TenantId::new()), 500).await;
    }
    let relayed = relayed(&broker, &place).await;
    let bare = bare(&broker, &place).await;
    tell(
        "events from an outbox to the broker",
        format!("{relayed:.0}/s"),
        "",
    );
    tell(
        "the same events by a bare producer",
        format!("{bare:.0}/s"),
        "",
    );
    let quotient = format!("{:.2}", relayed / bare);
    tell(
        "events from an outbox to the broker, over bare",
        quotient,
        ">= 0.50",
    );
}

#[tokio::main]
async fn main() {
    tell_where();
    throughput().await;

    let (tell_here, mut told) = mpsc::unbounded_channel();
    let listener = || -> Vec<Arc<dyn Consumer>> { vec![Arc::new(Listener(tell_here.clone()))] };
    let place = Place::sqlite().await;
    let running = Running::start(&place, listener()).await;
    tell_handled("embedded on SQLite", &handled(&place, &mut told).await);
    running.stop().await;

    let leads = Place::postgres().await;
    let writes = leads.again();
    let handles = Running::start(&leads, listener()).await;
    let other = Running::start(&writes, vec![]).await;
    let measured = handled(&writes, &mut told).await;
    tell_handled("embedded on PostgreSQL, from another process", &measured);
    other.stop().await;
    handles.stop().await;

    let broker = Broker::start();
    create_topics(&kafka(&broker.address(), "init"))
        .await
        .unwrap();
    let (near, far) = (Place::postgres().await, Place::postgres().await);
    let here = Running::joined(&near, &kafka(&broker.address(), "near"), vec![]).await;
    let there = Running::joined(&far, &kafka(&broker.address(), "far"), listener()).await;
    let measured = handled(&near, &mut told).await;
    tell_handled("Kafka between two PostgreSQL databases", &measured);
    here.stop().await;
    there.stop().await;
}
