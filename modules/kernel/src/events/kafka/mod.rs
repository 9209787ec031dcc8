//! The carrier over Kafka, for modules that have databases of their own.
//!
//! Each database keeps a log, as with the embedded carrier, and consumers read that. Kafka joins the
//! logs: [`outgoing`] sends what the modules of this database wrote, in order, and [`incoming`] puts
//! what others wrote behind it. So inbox, ordering keys, parking and replay are the same code with
//! every carrier, and a broker that is away stops nothing but the way between databases.

mod incoming;
mod outgoing;
mod record;
mod settings;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::sync::watch;

pub use record::{UnreadableFilter, UnreadableRecord, unreadable};
pub use settings::KafkaSettings;
pub use topics::{TopicState, create_topics};

use super::{Runner, Topic};
use crate::db::Database;
use crate::module::StartError;
use incoming::Incoming;
use outgoing::Outgoing;

/// How often the brokers are asked whether they are there.
const PROBE: Duration = Duration::from_secs(3);

impl Runner {
    /// Joins the database's log with Kafka: sends what is written here, takes these topics.
    ///
    /// # Errors
    /// If a setting is not valid, or the database refuses.
    pub async fn start_kafka(
        &mut self,
        database: &Database,
        settings: &KafkaSettings,
        topics: Vec<Topic>,
    ) -> Result<(), StartError> {
        let lease = self.lease_named(database, outgoing::NAME).await?;
        let outgoing = Outgoing::new(database.clone(), lease, settings.clone()).await?;
        let (stop, grown) = (self.stop.clone(), self.bus.signals.grown.subscribe());
        let poll = Duration::from_millis(self.settings.poll_ms);
        self.running
            .spawn(async move { outgoing.run(stop, grown, poll).await });

        let incoming = Incoming::new(database.clone(), settings, &topics)?;
        let stop = self.stop.clone();
        self.running.spawn(async move {
            incoming.run(stop).await;
            incoming.close().await;
        });

        let asked: BaseConsumer = settings
            .client()
            .create()
            .map_err(|error| StartError::new("the [kafka] settings are refused", error))?;
        let (up, stop) = (self.bus.broker_up.clone(), self.stop.clone());
        self.running
            .spawn(async move { probe(Arc::new(asked), up, stop).await });
        Ok(())
    }
}

/// Asks the brokers from time to time: a process without them is alive, but not ready.
async fn probe(asked: Arc<BaseConsumer>, up: watch::Sender<bool>, mut stop: watch::Receiver<bool>) {
    loop {
        let client = Arc::clone(&asked);
        let answer = tokio::task::spawn_blocking(move || {
            client
                .fetch_metadata(Some(Topic::Tenants.as_str()), PROBE)
                .map(|_| ())
        })
        .await;
        let is_up = matches!(answer, Ok(Ok(())));
        metrics::gauge!("oc_broker_up").set(f64::from(u8::from(is_up)));
        up.send_if_modified(|was| {
            let changed = *was != is_up;
            if changed && is_up {
                tracing::info!("the brokers answer again");
            } else if changed {
                tracing::warn!("the brokers do not answer; events wait in the outbox");
            }
            *was = is_up;
            changed
        });
        if super::runner::stopped(&mut stop, PROBE).await {
            break;
        }
    }
}
