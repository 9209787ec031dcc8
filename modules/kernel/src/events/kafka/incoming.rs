//! From the brokers into the log: what other databases wrote.

use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::consumer::{Consumer as _, ConsumerContext, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::statistics::Statistics;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::KafkaSettings;
use super::record::{self, Record};
use crate::db::{AfterCommit, Database, DbResult, Priority};
use crate::events::Topic;
use crate::events::runner::stopped;
use crate::module::StartError;

/// Records in one transaction.
const BATCH: usize = 500;
/// How long a batch waits to fill.
const GATHER: Duration = Duration::from_millis(3);
/// Before another try.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the brokers may take to hear that this process leaves the group.
const LEAVE: Duration = Duration::from_secs(3);

/// Tells how far the group is behind.
pub(super) struct Lag;

impl ClientContext for Lag {
    fn stats(&self, statistics: Statistics) {
        for (topic, of_topic) in statistics.topics {
            for (partition, of_partition) in of_topic.partitions {
                // Librdkafka's own queue has a number below zero; what another process takes has no lag here.
                if partition >= 0 {
                    let lag = u32::try_from(of_partition.consumer_lag).unwrap_or(0);
                    metrics::gauge!("oc_kafka_lag", "topic" => topic.clone(), "partition" => partition.to_string())
                        .set(f64::from(lag));
                }
            }
        }
    }
}

impl ConsumerContext for Lag {}

/// The receiver of a database: a member of its consumer group.
pub(super) struct Incoming {
    database: Database,
    consumer: StreamConsumer<Lag>,
}

impl Incoming {
    pub(super) fn new(
        database: Database,
        settings: &KafkaSettings,
        topics: &[Topic],
    ) -> Result<Self, StartError> {
        let session = settings.session_seconds * 1000;
        let mut config = settings.client();
        config
            .set("group.id", &settings.group)
            .set("session.timeout.ms", session.to_string())
            .set("heartbeat.interval.ms", (session / 3).to_string())
            // Whose database is away for so long gives its partitions to another.
            .set("max.poll.interval.ms", session.max(60_000).to_string())
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            // Kafka answers as soon as there is a record; a broker that does not lets it wait for so long.
            .set("fetch.wait.max.ms", "100")
            .set("statistics.interval.ms", "5000")
            // An offset is stored once its record is in the database; what is stored is committed
            // from time to time, and before partitions are given to another.
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "1000");
        let cannot = |error: KafkaError| StartError::new("the [kafka] settings are refused", error);
        let consumer: StreamConsumer<Lag> = config.create_with_context(Lag).map_err(cannot)?;
        let names: Vec<&str> = topics.iter().map(|topic| topic.as_str()).collect();
        if !names.is_empty() {
            consumer.subscribe(&names).map_err(cannot)?;
        }
        Ok(Self { database, consumer })
    }

    pub(super) async fn run(&self, mut stop: watch::Receiver<bool>) {
        loop {
            let first = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                message = self.consumer.recv() => message,
            };
            let records = match first {
                Ok(message) => self.gather(message.detach()).await,
                Err(error) => {
                    // librdkafka connects again by itself; topics may still have to be made.
                    tracing::warn!(%error, "events cannot be received now");
                    if stopped(&mut stop, PAUSE).await {
                        break;
                    }
                    continue;
                }
            };
            while let Err(error) = self.store(&records).await {
                tracing::warn!(%error, "received events could not be stored; they will be stored again");
                if stopped(&mut stop, PAUSE).await {
                    return;
                }
            }
            for record in &records {
                // Refused only for a partition that another process has by now: it gets the record again.
                let _ =
                    self.consumer
                        .store_offset(record.topic(), record.partition(), record.offset());
            }
        }
    }

    /// Leaves the group, so that others need not wait for the end of the session. It may never end when the brokers are
    /// away, so it is not waited for.
    pub(super) async fn close(self) {
        let (tell, told) = oneshot::channel();
        std::thread::spawn(move || {
            drop(self.consumer);
            let _ = tell.send(());
        });
        let _ = tokio::time::timeout(LEAVE, told).await;
    }

    /// Adds what comes at once.
    async fn gather(&self, first: OwnedMessage) -> Vec<OwnedMessage> {
        let until = Instant::now() + GATHER;
        let mut records = vec![first];
        while records.len() < BATCH
            && let Ok(Ok(message)) = timeout_at(until, self.consumer.recv()).await
        {
            records.push(message.detach());
        }
        records
    }

    async fn store(&self, records: &[OwnedMessage]) -> DbResult<()> {
        let read: Vec<_> = records.iter().map(Record::read).collect();
        self.database
            .write_raw(Priority::Background, move |connection| {
                let mut after = AfterCommit::default();
                after.emitted = true;
                (record::put(connection, read), after)
            })
            .await
    }
}
