//! The topics at the brokers.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

use super::KafkaSettings;
use super::settings::LONGEST_EVENT;
use crate::events::Topic;
use crate::module::StartError;

/// How long the brokers may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicState {
    /// Made now.
    Created,
    /// It was there; its settings are as they were.
    Present,
}

/// Makes the topics that are missing. Compacted ones keep the last record of each key without a limit of time.
///
/// # Errors
/// If the brokers do not answer or refuse one.
pub async fn create_topics(
    settings: &KafkaSettings,
) -> Result<Vec<(Topic, TopicState)>, StartError> {
    let cannot = |error: &dyn std::fmt::Display| {
        StartError::new(
            "the topics cannot be made (kafka.brokers, and the rights there)",
            error,
        )
    };
    let admin: AdminClient<DefaultClientContext> =
        settings.client().create().map_err(|error| cannot(&error))?;
    let retention = match settings.retention_days {
        0 => "-1".to_owned(),
        days => (u64::from(days) * 86_400_000).to_string(),
    };
    let topics: Vec<NewTopic<'_>> = Topic::ALL
        .iter()
        .map(|topic| {
            let (cleanup, retention) = if topic.spec().compacted {
                ("compact", "-1")
            } else {
                ("delete", retention.as_str())
            };
            NewTopic::new(
                topic.as_str(),
                settings.partitions,
                TopicReplication::Fixed(settings.replication),
            )
            .set("cleanup.policy", cleanup)
            .set("retention.ms", retention)
            .set("max.message.bytes", LONGEST_EVENT)
        })
        .collect();
    let made = admin
        .create_topics(
            &topics,
            &AdminOptions::new().operation_timeout(Some(PATIENCE)),
        )
        .await
        .map_err(|error| cannot(&error))?;
    Topic::ALL
        .iter()
        .zip(made)
        .map(|(topic, result)| match result {
            Ok(_) => Ok((*topic, TopicState::Created)),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok((*topic, TopicState::Present)),
            Err((name, code)) => Err(cannot(&format!("{name}: {code}"))),
        })
        .collect()
}
