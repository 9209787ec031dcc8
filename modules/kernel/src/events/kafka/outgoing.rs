//! From the outbox to the brokers: in order, again after a failure, none skipped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use tokio::sync::watch;

use super::KafkaSettings;
use crate::clock;
use crate::db::kernel_tables::{kernel_cursor, kernel_event};
use crate::db::{
    AfterCommit, AnyConnection, Database, DbError, DbResult, Priority, WriteStatement,
};
use crate::events::lease::{self, Held, Lease};
use crate::events::runner::{cursor, stopped, woken};
use crate::id::{EventId, TenantId, TraceId};
use crate::instant::Instant;
use crate::module::StartError;
use crate::trace;

/// The name of the lease and of the cursor.
pub(super) const NAME: &str = "kernel.kafka";
/// Events that are sent before they are noted as sent.
const BATCH: i64 = 2000;
/// Bytes of bodies after which a batch ends: they are held in memory, twice until the brokers have taken them.
const BYTES: usize = 16 << 20;
/// How long the brokers may take for a step of a transaction; a process that stops waits for it.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long they may take to undo one: they do so by themselves when the next producer begins.
const ABORT: Duration = Duration::from_secs(2);
/// How often the answers of the brokers are looked for.
const LOOK: Duration = Duration::from_millis(1);
/// Before another try.
const PAUSE: Duration = Duration::from_millis(500);

type Client = Arc<BaseProducer<Answers>>;

/// What the brokers have answered to a producer.
#[derive(Default)]
struct Answers {
    refused: AtomicBool,
}

impl ClientContext for Answers {}

impl ProducerContext for Answers {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, _: ()) {
        if delivered.is_err() {
            self.refused.store(true, Ordering::SeqCst);
        }
    }
}

impl Answers {
    fn all_taken(&self) -> Result<(), KafkaError> {
        if self.refused.load(Ordering::SeqCst) {
            return Err(KafkaError::MessageProduction(RDKafkaErrorCode::Fail));
        }
        Ok(())
    }
}

/// An event that is to be sent.
struct Waiting {
    position: i64,
    event_id: EventId,
    topic: String,
    key: String,
    tenant: TenantId,
    aggregate_version: i64,
    payload: String,
    created_at: Instant,
    trace: Option<TraceId>,
}

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("the brokers: {0}")]
    Broker(#[from] KafkaError),
    #[error("the database: {0}")]
    Database(#[from] DbError),
    #[error("the work ended abnormally")]
    Ended,
}

/// The sender of a database's own events. One process at a time holds its lease; the producer's `transactional.id` makes
/// the brokers refuse one that was replaced and does not know it. Without transactions that one may send again what the
/// new one sends too: each sends in the order of the log, and begins at the cursor, so what comes first is in order still.
pub(super) struct Outgoing {
    database: Database,
    lease: Lease,
    settings: KafkaSettings,
}

impl Outgoing {
    pub(super) async fn new(
        database: Database,
        lease: Lease,
        settings: KafkaSettings,
    ) -> Result<Self, StartError> {
        cursor::position(&database, NAME).await?;
        Ok(Self {
            database,
            lease,
            settings,
        })
    }

    pub(super) async fn run(
        self,
        mut stop: watch::Receiver<bool>,
        mut grown: watch::Receiver<u64>,
        poll: Duration,
    ) {
        let mut producer: Option<(Held, Client)> = None;
        let mut cursor = None;
        while !*stop.borrow() {
            grown.mark_unchanged();
            let Some(held) = self.lease.held() else {
                (producer, cursor) = (None, None);
                if !woken(&mut stop, &mut grown, poll).await {
                    break;
                }
                continue;
            };
            match self.round(&held, &mut producer, &mut cursor).await {
                Ok(true) => {}
                Ok(false) => {
                    if !woken(&mut stop, &mut grown, poll).await {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "events could not be sent; they wait in the outbox and will be sent again");
                    (producer, cursor) = (None, None);
                    if stopped(&mut stop, PAUSE).await {
                        break;
                    }
                }
            }
        }
    }

    /// A producer; from now on the brokers refuse any earlier one of this database.
    async fn producer(&self) -> Result<Client, SendError> {
        let mut config = self.settings.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "lz4")
            .set("linger.ms", "1");
        let transactions = self.settings.transactions;
        if transactions {
            config.set("transactional.id", &self.settings.group);
        } else {
            // An event that cannot be sent ends the producer, so that no later one goes before it.
            config
                .set("message.timeout.ms", "0")
                .set("enable.gapless.guarantee", "true");
        }
        blocking(move || {
            let client: BaseProducer<Answers> = config.create_with_context(Answers::default())?;
            if transactions {
                client.init_transactions(PATIENCE)?;
            }
            Ok(Arc::new(client))
        })
        .await
    }

    /// Sends what waits, at most one batch; whether there may be more.
    async fn round(
        &self,
        held: &Held,
        producer: &mut Option<(Held, Client)>,
        cursor: &mut Option<i64>,
    ) -> Result<bool, SendError> {
        let known = *cursor;
        let (end, waiting) = self
            .database
            .read_raw(move |connection| {
                let after = match known {
                    Some(after) => after,
                    None => cursor::stored_position(connection, NAME)?,
                };
                let end = crate::events::log::end(connection)?.max(after);
                Ok((end, own(connection, after)?))
            })
            .await?;
        let oldest = waiting.first().map(|event| event.created_at);
        let age = oldest.map_or(Duration::ZERO, |oldest| clock::now().since(oldest));
        metrics::gauge!("oc_outbox_age_seconds").set(age.as_secs_f64());
        let Some(last) = waiting.last().map(|event| event.position) else {
            *cursor = Some(end);
            return Ok(false);
        };
        let client = match producer {
            Some((of, client)) if of == held => client.clone(),
            _ => {
                let client = self.producer().await?;
                *producer = Some((held.clone(), client.clone()));
                client
            }
        };
        let count = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
        let transactions = self.settings.transactions;
        blocking(move || {
            if transactions {
                send_in_transaction(&client, &waiting)
            } else {
                send(&client, &waiting)
            }
        })
        .await?;
        let held = held.clone();
        self.database
            .write_raw(Priority::Background, move |connection| {
                (advance(connection, &held, last), AfterCommit::default())
            })
            .await?;
        metrics::counter!("oc_event_sent_total").increment(count);
        *cursor = Some(last);
        Ok(true)
    }
}

fn send_in_transaction(client: &Client, waiting: &[Waiting]) -> Result<(), KafkaError> {
    client.begin_transaction()?;
    send(client, waiting)
        .and_then(|()| client.commit_transaction(PATIENCE))
        .inspect_err(|_| {
            let _ = client.abort_transaction(ABORT);
        })
}

/// Sends them and waits until the brokers have taken all.
fn send(client: &Client, waiting: &[Waiting]) -> Result<(), KafkaError> {
    for event in waiting {
        let (id, tenant) = (event.event_id.to_string(), event.tenant.to_string());
        let version = event.aggregate_version.to_string();
        let trace = trace::header(event.trace.unwrap_or_default(), event.event_id);
        let headers = OwnedHeaders::new()
            .insert(header("oc-event-id", &id))
            .insert(header("oc-tenant-id", &tenant))
            .insert(header("oc-aggregate-version", &version))
            .insert(header(trace::HEADER, &trace));
        let record = BaseRecord::to(&event.topic)
            .key(&event.key)
            .payload(&event.payload)
            .headers(headers);
        client.send(record).map_err(|(error, _)| error)?;
    }
    answered(client)
}

/// Waits until the brokers have taken all that was sent. rdkafka's own way to wait, `flush`, looks every 100 ms, and takes
/// that long for a single event.
fn answered(client: &Client) -> Result<(), KafkaError> {
    let until = std::time::Instant::now() + PATIENCE;
    while client.in_flight_count() > 0 {
        if std::time::Instant::now() > until {
            return Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut));
        }
        client.poll(LOOK);
    }
    client.context().all_taken()
}

fn header<'v>(key: &'v str, value: &'v str) -> Header<'v, &'v str> {
    Header {
        key,
        value: Some(value),
    }
}

/// The events behind a position that modules of this database wrote.
fn own(connection: &mut AnyConnection, after: i64) -> DbResult<Vec<Waiting>> {
    use kernel_event::dsl;
    let own = dsl::kernel_event
        .filter(dsl::received.eq(false))
        .limit(BATCH);
    let columns = (
        dsl::event_id,
        dsl::topic,
        dsl::key,
        dsl::tenant_id,
        dsl::aggregate_version,
        dsl::payload,
        dsl::created_at,
        dsl::trace,
    );
    match connection {
        // One writer: the row id is the position.
        AnyConnection::Sqlite(inner) => batch(
            own.filter(dsl::seq.gt(after))
                .order(dsl::seq)
                .select((dsl::seq, columns))
                .load_iter(inner)?,
        ),
        AnyConnection::Postgres(inner) => batch(
            own.filter(dsl::position.gt(after))
                .order(dsl::position)
                .select((dsl::position.assume_not_null(), columns))
                .load_iter::<_, PgRowByRowLoadingMode>(inner)?,
        ),
    }
}

/// The first of these rows, as many as a batch may have.
fn batch(rows: impl Iterator<Item = QueryResult<(i64, Columns)>>) -> DbResult<Vec<Waiting>> {
    let (mut waiting, mut bytes) = (Vec::new(), 0);
    for row in rows {
        let event = Waiting::from(row?);
        bytes += event.payload.len();
        waiting.push(event);
        if bytes >= BYTES {
            break;
        }
    }
    Ok(waiting)
}

type Columns = (
    EventId,
    String,
    String,
    TenantId,
    i64,
    String,
    Instant,
    Option<TraceId>,
);

impl From<(i64, Columns)> for Waiting {
    fn from((position, columns): (i64, Columns)) -> Self {
        let (event_id, topic, key, tenant, aggregate_version, payload, created_at, trace) = columns;
        Self {
            position,
            event_id,
            topic,
            key,
            tenant,
            aggregate_version,
            payload,
            created_at,
            trace,
        }
    }
}

/// Remembers what was sent, unless another process has taken over.
fn advance(connection: &mut AnyConnection, held: &Held, to: i64) -> DbResult<()> {
    lease::check(connection, held)?;
    diesel::update(kernel_cursor::table.filter(kernel_cursor::consumer.eq(NAME)))
        .set(kernel_cursor::position.eq(to))
        .perform(connection)?;
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, SendError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| SendError::Ended)?
        .map_err(SendError::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_ends_with_the_event_that_fills_it() {
        let columns = || {
            let (id, tenant) = (EventId::new(), TenantId::new());
            let (topic, key, body) = (String::new(), String::new(), "a".repeat(BYTES / 2));
            (id, topic, key, tenant, 1, body, clock::now(), None)
        };
        let endless = (1..).map(|position| Ok((position, columns())));
        let positions: Vec<i64> = batch(endless)
            .unwrap_or_default()
            .iter()
            .map(|event| event.position)
            .collect();
        assert_eq!(positions, [1, 2]);
    }
}
