//! `opencity kafka …`

use clap::Subcommand;
use opencity_kernel::events::kafka::{
    TopicState, UnreadableFilter, UnreadableRecord, create_topics, unreadable,
};
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
        /// Days that topics keep their records, those that are not compacted; by default kafka.retention_days, and 0 is for
        /// ever.
        #[arg(long, value_name = "DAYS")]
        retention_days: Option<u32>,
    },
    /// List the records that came and are no event: where they are (topic/partition/offset), when they came, what is wrong.
    /// Their bytes are in the table kernel_unreadable.
    #[command(
        after_help = "Example:\n  opencity kafka unreadable --topic payments --after payments/3/1207"
    )]
    Unreadable {
        /// Only those of this topic.
        #[arg(long, value_name = "TOPIC")]
        topic: Option<String>,
        /// Only those behind this place.
        #[arg(long, value_name = "TOPIC/PARTITION/OFFSET")]
        after: Option<String>,
        /// The most lines.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
    },
}

impl KafkaCommand {
    pub async fn run(self, common: &Common) -> Result<(), StartError> {
        match self {
            Self::Init {
                partitions,
                replication,
                retention_days,
            } => init(common, partitions, replication, retention_days).await,
            Self::Unreadable {
                topic,
                after,
                limit,
            } => {
                let after = after.as_deref().map(place).transpose()?;
                let filter = UnreadableFilter {
                    topic,
                    after,
                    limit,
                };
                list_unreadable(common, filter).await
            }
        }
    }
}

async fn init(
    common: &Common,
    partitions: Option<i32>,
    replication: Option<i32>,
    retention_days: Option<u32>,
) -> Result<(), StartError> {
    let mut settings = common.load(Vec::new())?.kafka;
    settings.partitions = partitions.unwrap_or(settings.partitions);
    settings.replication = replication.unwrap_or(settings.replication);
    settings.retention_days = retention_days.unwrap_or(settings.retention_days);
    for (topic, state) in create_topics(&settings).await? {
        let state = match state {
            TopicState::Created => "created",
            TopicState::Present => "there already",
        };
        say(&format!("{:<14} {state}", topic.as_str()))?;
    }
    Ok(())
}

/// A place as it is listed.
fn place(text: &str) -> Result<(String, i64, i64), StartError> {
    let mut parts = text.rsplitn(3, '/');
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<i64>().ok());
    let (offset, partition) = (number(parts.next()), number(parts.next()));
    match (parts.next(), partition, offset) {
        (Some(topic), Some(partition), Some(offset)) => Ok((topic.to_owned(), partition, offset)),
        _ => Err(StartError(
            "--after takes a place as it is listed, e.g. --after payments/3/1207".to_owned(),
        )),
    }
}

async fn list_unreadable(common: &Common, filter: UnreadableFilter) -> Result<(), StartError> {
    let composition = common.compose(Vec::new()).await?;
    let limit = filter.limit;
    let found = unreadable(&composition.platform.database, filter).await?;
    for record in &found {
        say(&format!(
            "{}  {}  {}",
            place_of(record),
            record.received_at.to_wire(),
            record.reason
        ))?;
    }
    match found.last() {
        Some(last) if i64::try_from(found.len()).is_ok_and(|count| count == limit) => {
            say(&format!(
                "there may be more: `opencity kafka unreadable --after {}`",
                place_of(last)
            ))
        }
        _ => Ok(()),
    }
}

fn place_of(record: &UnreadableRecord) -> String {
    format!("{}/{}/{}", record.topic, record.partition, record.offset)
}
