//! `opencity events …`

use std::time::Duration;

use clap::Subcommand;
use opencity_kernel::events::{self, Filter, Topic};
use opencity_kernel::module::StartError;
use serde_json::json;

use super::{Common, say};
use crate::modules;

/// How often `--follow` looks for new events.
const FOLLOW: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Show the events of the log.
    #[command(
        after_help = "Example:\n  opencity events tail --follow --json --topic payments --from start"
    )]
    Tail {
        /// Go on with what comes.
        #[arg(long)]
        follow: bool,
        /// Whole events, one JSON object a line: {"topic","key","position","event"}.
        #[arg(long)]
        json: bool,
        /// Only this topic; may be given several times.
        #[arg(long = "topic", value_name = "TOPIC")]
        topics: Vec<String>,
        /// `start`, or a position; by default the last 20.
        #[arg(long, value_name = "start|POSITION")]
        from: Option<String>,
    },
    /// Let a consumer take the log again, to rebuild a replica or a read model.
    #[command(after_help = "Example:\n  opencity events replay applications.services --from 0")]
    Replay {
        /// The consumer; without it, all are listed with their positions.
        consumer: Option<String>,
        /// The position before the first event to take.
        #[arg(long, default_value_t = 0)]
        from: i64,
    },
    /// Write the present state of a topic again as events.
    #[command(after_help = "Example:\n  opencity events republish services")]
    Republish {
        /// The topic.
        topic: String,
    },
    /// List events that could not be taken.
    #[cfg(feature = "retry")]
    #[command(after_help = "Example:\n  opencity events dead-letters --topic payments --limit 20")]
    DeadLetters {
        /// Only events of this topic.
        #[arg(long, value_name = "TOPIC")]
        topic: Option<String>,
        /// Only those that this consumer could not take.
        #[arg(long, value_name = "CONSUMER")]
        consumer: Option<String>,
        /// Only those that stand behind this one in the list.
        #[arg(long, value_name = "ID")]
        after: Option<opencity_kernel::id::DeadLetterId>,
        /// The most lines.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
    },
    /// Give a dead letter up: its consumer records that and goes on with what waits behind it.
    #[cfg(feature = "retry")]
    #[command(
        after_help = "Example:\n  opencity events discard 01957f23-e630-7f33-a8b2-4bf48fc20904 --reason \"registered by hand\""
    )]
    Discard {
        /// The dead letter.
        id: opencity_kernel::id::DeadLetterId,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Let a dead letter be tried again.
    #[cfg(feature = "retry")]
    #[command(
        after_help = "Example:\n  opencity events redrive 01957f23-e630-7f33-a8b2-4bf48fc20904"
    )]
    Redrive {
        /// The dead letter.
        id: opencity_kernel::id::DeadLetterId,
    },
}

impl EventsCommand {
    pub async fn run(self, common: &Common) -> Result<(), StartError> {
        let composition = common.compose(modules::linked()).await?;
        let database = &composition.platform.database;
        match self {
            Self::Tail {
                follow,
                json,
                topics,
                from,
            } => {
                let topics = topics
                    .iter()
                    .map(|name| topic(name))
                    .collect::<Result<Vec<_>, _>>()?;
                let mut after = match from.as_deref() {
                    Some("start") => 0,
                    Some(position) => position.parse::<i64>().map_err(|_| {
                        StartError("--from takes `start` or a position, e.g. --from 120".to_owned())
                    })?,
                    None => (events::latest_position(database).await? - 20).max(0),
                };
                loop {
                    let filter = Filter {
                        after,
                        topics: topics.clone(),
                        limit: 500,
                    };
                    let found = events::read(database, filter).await?;
                    for event in &found {
                        after = event.position;
                        if json {
                            say(&json!({"topic": event.topic.as_str(), "key": event.key, "position": event.position, "event": event.payload}).to_string())?;
                        } else {
                            let change = match (event.changed_from(), event.changed_to()) {
                                (from, Some(to)) => format!("{} → {to}", from.unwrap_or("–")),
                                _ => event.change_type().to_owned(),
                            };
                            say(&format!(
                                "{:>8}  {:<12} {}  {change}",
                                event.position,
                                event.topic.as_str(),
                                event.entity
                            ))?;
                        }
                    }
                    if found.is_empty() {
                        if !follow {
                            return Ok(());
                        }
                        tokio::time::sleep(FOLLOW).await;
                    }
                }
            }
            Self::Replay { consumer: None, .. } => {
                for (consumer, position) in events::positions(database).await? {
                    say(&format!("{position:>8}  {consumer}"))?;
                }
                Ok(())
            }
            Self::Replay {
                consumer: Some(consumer),
                from,
            } => {
                if events::replay(database, consumer.clone(), from).await? {
                    say(&format!(
                        "{consumer} takes the log again after position {from}"
                    ))
                } else {
                    Err(StartError(format!(
                        "there is no consumer {consumer}; `opencity events replay` lists them"
                    )))
                }
            }
            Self::Republish { topic: name } => {
                let topic = topic(&name)?;
                for module in &composition.modules {
                    if let Some(count) = module.republish(topic).await? {
                        return say(&format!("{count} events written to {name}"));
                    }
                }
                Err(StartError(format!(
                    "no module of this binary republishes {name}"
                )))
            }
            #[cfg(feature = "retry")]
            Self::DeadLetters {
                topic,
                consumer,
                after,
                limit,
            } => {
                let letters = dead_letters(&composition)?;
                let filter = opencity_retry::Filter {
                    tenant: None,
                    topic,
                    consumer,
                    state: Some(opencity_retry::State::Dead),
                };
                let window = opencity_retry::Window {
                    after: after.map(|id| id.uuid()),
                    offset: 0,
                    limit,
                    newest_first: true,
                };
                let (count, shown) = letters
                    .list(filter, window)
                    .await
                    .map_err(|refusal| StartError(refusal.for_people()))?;
                for letter in &shown {
                    say(&format!(
                        "{}  {}  {}  {}",
                        letter.id, letter.topic, letter.consumer, letter.error.detail
                    ))?;
                }
                say(&format!(
                    "{count} dead letters; `opencity events redrive ID` tries one again"
                ))
            }
            #[cfg(feature = "retry")]
            Self::Redrive { id } => {
                dead_letters(&composition)?
                    .redrive(id, "command line")
                    .await
                    .map_err(|refusal| StartError(refusal.for_people()))?;
                say("it will be tried again")
            }
            #[cfg(feature = "retry")]
            Self::Discard { id, reason } => {
                dead_letters(&composition)?
                    .discard(id, &reason, "command line")
                    .await
                    .map_err(|refusal| StartError(refusal.for_people()))?;
                say("it is given up")
            }
        }
    }
}

#[cfg(feature = "retry")]
fn dead_letters(
    composition: &crate::server::Composition,
) -> Result<opencity_retry::DeadLetters, StartError> {
    let settings = opencity_retry::Settings::of(&composition.platform.config)?;
    Ok(opencity_retry::DeadLetters::new(
        &composition.platform.database,
        &settings.schedule()?,
    ))
}

fn topic(name: &str) -> Result<Topic, StartError> {
    Topic::parse(name).ok_or_else(|| {
        let all: Vec<_> = Topic::ALL.iter().map(|topic| topic.as_str()).collect();
        StartError(format!(
            "there is no topic {name}; there are: {}",
            all.join(", ")
        ))
    })
}
