//! `opencity kafka …`

use clap::Subcommand;
use opencity_kernel::events::kafka::{TopicState, create_topics, unreadable};
use opencity_kernel::module::StartError;

use super::{Common, say};

#[derive(Debug, Subcommand)]
pub enum KafkaCommand {
    /// Make the topics that are missing at the brokers; those that are there stay as they are.
    #[command(
        after_help = "Example:\n  OPENCITY__KAFKA__BROKERS=kafka:9092 opencity kafka init --partitions 12 --replication 3"
    )]
    Init {
        /// Partitions of each topic; by default kafka.partitions.
        #[arg(long)]
        partitions: Option<i32>,
        /// Copies of each partition; by default kafka.replication.
        #[arg(long)]
        replication: Option<i32>,
    },
    /// List the records that came and are no event: topic, partition, offset, when they came, what is wrong. Their bytes
    /// are in the table kernel_unreadable.
    #[command(after_help = "Example:\n  opencity kafka unreadable")]
    Unreadable,
}

impl KafkaCommand {
    pub async fn run(self, common: &Common) -> Result<(), StartError> {
        match self {
            Self::Init {
                partitions,
                replication,
            } => init(common, partitions, replication).await,
            Self::Unreadable => list_unreadable(common).await,
        }
    }
}

async fn init(
    common: &Common,
    partitions: Option<i32>,
    replication: Option<i32>,
) -> Result<(), StartError> {
    let mut settings = common.load(Vec::new())?.kafka;
    settings.partitions = partitions.unwrap_or(settings.partitions);
    settings.replication = replication.unwrap_or(settings.replication);
    for (topic, state) in create_topics(&settings).await? {
        let state = match state {
            TopicState::Created => "created",
            TopicState::Present => "there already",
        };
        say(&format!("{:<14} {state}", topic.as_str()))?;
    }
    Ok(())
}

async fn list_unreadable(common: &Common) -> Result<(), StartError> {
    let composition = common.compose(Vec::new()).await?;
    for record in unreadable(&composition.platform.database).await? {
        say(&format!(
            "{:<14} {:>4} {:>10}  {}  {}",
            record.topic,
            record.partition,
            record.offset,
            record.received_at.to_wire(),
            record.reason
        ))?;
    }
    Ok(())
}
