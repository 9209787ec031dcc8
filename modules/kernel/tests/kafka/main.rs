//! The carrier over Kafka, on a real broker and both databases: what a module can rely on.
#![cfg(feature = "kafka")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod security;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use opencity_kernel::db::{DbError, Tenancy, WriteScope};
use opencity_kernel::events::kafka::{
    KafkaSettings, TopicState, UnreadableFilter, create_topics, unreadable,
};
use opencity_kernel::events::{
    Change, Consumer, Event, Filter, HandleError, NewEvent, Next, Topic, positions, read,
};
use opencity_kernel::id::TenantId;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::json;
use support::broker::Broker;
use support::{Place, Running, eventually, kafka, on_both};
use uuid::Uuid;

/// What an ordinary client of the platform's Kafka does.
const PATIENCE: Duration = Duration::from_secs(20);

fn client(brokers: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers);
    client
}

async fn broker() -> Broker {
    let broker = Broker::start();
    create_topics(&kafka(&broker.address(), "init"))
        .await
        .unwrap();
    broker
}

fn tenancy() -> Tenancy {
    Tenancy::from_row(TenantId::new())
}

async fn write(place: &Place, tenancy: Tenancy, entity: Uuid, numbers: Range<i64>) {
    write_with(place, tenancy, entity, numbers, "").await;
}

async fn write_with(
    place: &Place,
    tenancy: Tenancy,
    entity: Uuid,
    numbers: Range<i64>,
    text: &str,
) {
    for number in numbers {
        let event = NewEvent::new(
            Topic::Messages,
            entity,
            entity,
            number,
            Change::data(),
            json!({"number": number, "text": text}),
        );
        place
            .database
            .write::<_, DbError>(tenancy, move |scope| scope.emit(event).map(|_| ()))
            .await
            .unwrap();
    }
}

/// Remembers the numbers of each entity as they come.
#[derive(Default)]
struct Listener(Mutex<BTreeMap<Uuid, Vec<i64>>>);

impl Listener {
    fn numbers(&self, entity: Uuid) -> Vec<i64> {
        let taken = self.0.lock().unwrap();
        taken.get(&entity).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Consumer for Listener {
    fn name(&self) -> &'static str {
        "test.listener"
    }
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Messages]
    }
    fn handle(&self, _scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let number = event.payload["number"].as_i64().unwrap();
        let mut taken = self.0.lock().unwrap();
        taken.entry(event.entity).or_default().push(number);
        Ok(Next::Done)
    }
}

/// A process on a database that the brokers join to the others, and who listens there.
async fn listening(place: &Place, settings: &KafkaSettings) -> (Arc<Listener>, Running) {
    let listener = Arc::new(Listener::default());
    let running = Running::joined(place, settings, vec![listener.clone()]).await;
    (listener, running)
}

on_both!(
    what_is_written_in_one_database_comes_to_another_each_once_and_in_order,
    |near: Place| async move {
        let broker = broker().await;
        let far = Place::sqlite().await;
        let (listener, there) = listening(&far, &kafka(&broker.address(), "far")).await;
        let tenancy = tenancy();
        let entities: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
        let writers: Vec<_> = entities
            .iter()
            .map(|entity| {
                let (near, entity) = (near.again(), *entity);
                tokio::spawn(async move { write(&near, tenancy, entity, 1..61).await })
            })
            .collect();
        // Whoever sends is killed in the middle of it, twice, and replaced.
        let mut here = Running::joined(&near, &kafka(&broker.address(), "near"), vec![]).await;
        for killed in 1..3 {
            eventually(|| listener.numbers(entities[0]).len() >= 10 * killed).await;
            here.abandon();
            here = Running::joined(&near, &kafka(&broker.address(), "near"), vec![]).await;
        }
        for writer in writers {
            writer.await.unwrap();
        }
        let expected: Vec<i64> = (1..61).collect();
        for entity in entities {
            eventually(|| listener.numbers(entity).len() >= 60).await;
            assert_eq!(listener.numbers(entity), expected);
        }
        here.stop().await;
        there.stop().await;
    }
);

on_both!(
    while_the_broker_is_away_events_wait_and_go_in_order_afterwards,
    |near: Place| async move {
        let broker = broker().await;
        let far = Place::sqlite().await;
        let (listener, there) = listening(&far, &kafka(&broker.address(), "far")).await;
        let here = Running::joined(&near, &kafka(&broker.address(), "near"), vec![]).await;
        let (tenancy, entity) = (tenancy(), Uuid::now_v7());
        write(&near, tenancy, entity, 1..4).await;
        eventually(|| listener.numbers(entity).len() == 3).await;

        broker.pause();
        eventually(|| !here.bus.broker_is_up()).await;
        write(&near, tenancy, entity, 4..30).await;
        broker.resume();
        eventually(|| listener.numbers(entity).len() >= 29).await;
        assert_eq!(listener.numbers(entity), (1..30).collect::<Vec<_>>());
        eventually(|| here.bus.broker_is_up()).await;
        here.stop().await;
        there.stop().await;
    }
);

on_both!(
    what_is_no_event_is_kept_and_what_comes_twice_is_taken_once,
    |place: Place| async move {
        let broker = broker().await;
        let producer: BaseProducer = client(&broker.address()).create().unwrap();
        let entity = Uuid::now_v7();
        let event = |number: i64| {
            json!({
                "id": entity,
                "event_id": Uuid::from_u128(number.try_into().unwrap()),
                "tenant_id": Uuid::now_v7(),
                "event_version": 2,
                "number": number
            })
            .to_string()
        };
        let key = entity.to_string();
        let (first, second) = (event(1), event(2));
        let send = |key: &str, value: Option<&str>| {
            let record = BaseRecord::to("messages").partition(0).key(key);
            let record = match value {
                Some(value) => record.payload(value),
                None => record,
            };
            producer.send(record).map_err(|(error, _)| error).unwrap();
        };
        send(&key, Some(&first));
        for nonsense in ["", "{}", "[1, 2, 3]", "\"text\"", "{\"id\": 1}", "\0"] {
            send(&key, Some(nonsense));
        }
        send(&key, None);
        send("a key\0", Some(&first));
        send(&key, Some(&first));
        send(&key, Some(&second));
        producer.flush(PATIENCE).unwrap();

        let joined = kafka(&broker.address(), "place");
        let (listener, running) = listening(&place, &joined).await;
        eventually(|| listener.numbers(entity).len() >= 2).await;
        assert_eq!(listener.numbers(entity), [1, 2]);
        let kept = async |topic: &str, after: Option<i64>| -> Vec<i64> {
            let filter = UnreadableFilter {
                topic: Some(topic.to_owned()),
                after: after.map(|offset| ("messages".to_owned(), 0, offset)),
                limit: 5,
            };
            let records = unreadable(&place.database, filter).await.unwrap();
            records.iter().map(|record| record.offset).collect()
        };
        assert_eq!(kept("messages", None).await, [1, 2, 3, 4, 5]);
        assert_eq!(kept("messages", Some(5)).await, [6, 7, 8]);
        assert!(kept("payments", None).await.is_empty());
        running.stop().await;

        // It goes on where it was: nothing is taken again.
        let again = Running::joined(&place, &joined, vec![listener.clone()]).await;
        send(&key, Some(&event(3)));
        producer.flush(PATIENCE).unwrap();
        eventually(|| listener.numbers(entity).len() >= 3).await;
        assert_eq!(listener.numbers(entity), [1, 2, 3]);
        again.stop().await;
    }
);

on_both!(
    events_that_are_too_big_for_one_batch_are_sent_in_several,
    |near: Place| async move {
        let broker = broker().await;
        let (entity, text) = (Uuid::now_v7(), "a".repeat(9 << 20));
        write_with(&near, tenancy(), entity, 1..5, &text).await;
        let far = Place::sqlite().await;
        let joined = kafka(&broker.address(), "far");
        let (listener, there) = listening(&far, &joined).await;
        let here = Running::joined(&near, &kafka(&broker.address(), "near"), vec![]).await;
        eventually(|| listener.numbers(entity).len() == 4).await;
        assert_eq!(listener.numbers(entity), [1, 2, 3, 4]);
        here.stop().await;
        there.stop().await;
    }
);

/// On the broker that librdkafka has inside for tests: tansu has no transactions that end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_transactions_everything_is_sent_too() {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("messages", 1, 1).unwrap();
    let place = Place::postgres().await;
    let settings = KafkaSettings {
        transactions: true,
        ..kafka(&mock.bootstrap_servers(), "near")
    };
    for first in [1, 4] {
        let running = Running::joined(&place, &settings, vec![]).await;
        write(&place, tenancy(), Uuid::now_v7(), first..first + 3).await;
        until_sent(&place, first + 2).await;
        running.stop().await;
    }
    assert_eq!(sent_numbers(&mock), [1, 2, 3, 4, 5, 6]);
}

/// On the same broker, which refuses what it is told to refuse.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_is_refused_as_replaced_begins_anew_and_sends_each_event_once() {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("messages", 1, 1).unwrap();
    let place = Place::postgres().await;
    let settings = KafkaSettings {
        transactions: true,
        ..kafka(&mock.bootstrap_servers(), "near")
    };
    let running = Running::joined(&place, &settings, vec![]).await;
    write(&place, tenancy(), Uuid::now_v7(), 1..4).await;
    until_sent(&place, 3).await;
    mock.request_errors(
        RDKafkaApiKey::AddPartitionsToTxn,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_PRODUCER_FENCED],
    );
    write(&place, tenancy(), Uuid::now_v7(), 4..7).await;
    until_sent(&place, 6).await;
    running.stop().await;
    assert_eq!(sent_numbers(&mock), [1, 2, 3, 4, 5, 6]);
}

/// What [`write`] has given the six events that were sent.
fn sent_numbers(mock: &MockCluster<'_, DefaultProducerContext>) -> Vec<i64> {
    let number = |record: &OwnedMessage| {
        let event: serde_json::Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
        event["number"].as_i64().unwrap()
    };
    let sent = records(&mock.bootstrap_servers(), 6);
    sent.iter().map(number).collect()
}

/// Waits until so many events are noted as sent.
async fn until_sent(place: &Place, count: i64) {
    let patience = Instant::now() + PATIENCE;
    loop {
        let all = positions(&place.database).await.unwrap();
        if all.contains(&("kernel.kafka".to_owned(), count)) {
            return;
        }
        assert!(Instant::now() < patience, "{all:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_has_the_topics_key_and_says_of_which_tenant_and_version_it_is() {
    let broker = broker().await;
    let place = Place::sqlite().await;
    let running = Running::joined(&place, &kafka(&broker.address(), "near"), vec![]).await;
    let (tenancy, entity) = (tenancy(), Uuid::now_v7());
    write(&place, tenancy, entity, 7..8).await;
    let record = records(&broker.address(), 1).remove(0);
    assert_eq!(record.key(), Some(entity.to_string().as_bytes()));
    let event: serde_json::Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
    assert_eq!(event["number"], 7);
    let mut headers: BTreeMap<&str, &[u8]> = record
        .headers()
        .unwrap()
        .iter()
        .map(|header| (header.key, header.value.unwrap()))
        .collect();
    let tenant = tenancy.tenant_id().to_string();
    let log = read(&place.database, all()).await.unwrap();
    let trace = log[0].trace().unwrap();
    let parent = String::from_utf8_lossy(headers.remove("traceparent").unwrap());
    assert!(
        parent.starts_with(&format!("00-{}-", trace.uuid().simple())) && parent.len() == 55,
        "{parent}"
    );
    assert_eq!(
        headers,
        BTreeMap::from([
            ("oc-aggregate-version", b"7".as_slice()),
            (
                "oc-event-id",
                event["event_id"].as_str().unwrap().as_bytes()
            ),
            ("oc-tenant-id", tenant.as_bytes()),
        ])
    );

    // It belongs to the same trace where it arrives.
    let far = Place::sqlite().await;
    let joined = kafka(&broker.address(), "far");
    let (listener, there) = listening(&far, &joined).await;
    eventually(|| !listener.numbers(entity).is_empty()).await;
    let arrived = read(&far.database, all()).await.unwrap().remove(0).trace();
    assert_eq!(arrived, Some(trace));
    there.stop().await;
    running.stop().await;
}

fn all() -> Filter {
    Filter {
        limit: 100,
        ..Filter::default()
    }
}

/// So many records of the topic of messages, as a consumer outside reads them.
fn records(brokers: &str, count: usize) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer = client(brokers)
        .set("group.id", Uuid::now_v7().to_string())
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .create()
        .unwrap();
    consumer.subscribe(&["messages"]).unwrap();
    let patience = Instant::now() + PATIENCE;
    let mut records = Vec::new();
    while records.len() < count {
        if let Some(record) = consumer.poll(Duration::from_millis(100)) {
            records.push(record.unwrap().detach());
        }
        assert!(Instant::now() < patience, "{} came", records.len());
    }
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_makes_the_topics_that_are_missing_compacts_two_and_keeps_the_others_for_a_time() {
    let broker = Broker::start();
    let settings = kafka(&broker.address(), "init");
    let made = create_topics(&settings).await.unwrap();
    assert_eq!(made.len(), Topic::ALL.len());
    assert!(made.iter().all(|(_, state)| *state == TopicState::Created));
    let again = create_topics(&settings).await.unwrap();
    assert!(again.iter().all(|(_, state)| *state == TopicState::Present));

    let consumer: BaseConsumer = client(&broker.address()).create().unwrap();
    let metadata = consumer.fetch_metadata(None, PATIENCE).unwrap();
    for topic in Topic::ALL {
        let found = metadata
            .topics()
            .iter()
            .find(|t| t.name() == topic.as_str());
        assert_eq!(found.unwrap().partitions().len(), 3, "{topic:?}");
    }
    let admin: AdminClient<DefaultClientContext> = client(&broker.address()).create().unwrap();
    let specifiers: Vec<ResourceSpecifier<'_>> = Topic::ALL
        .iter()
        .map(|topic| ResourceSpecifier::Topic(topic.as_str()))
        .collect();
    let configs = admin
        .describe_configs(&specifiers, &AdminOptions::new())
        .await
        .unwrap();
    for (topic, config) in Topic::ALL.iter().zip(configs) {
        let config = config.unwrap();
        let value = |key: &str| config.get(key).and_then(|entry| entry.value.as_deref());
        let expected = if ["tenants", "users"].contains(&topic.as_str()) {
            (Some("compact"), Some("-1"))
        } else {
            (Some("delete"), Some("2592000000"))
        };
        let found = (value("cleanup.policy"), value("retention.ms"));
        assert_eq!(found, expected, "{topic:?}");
    }
}
