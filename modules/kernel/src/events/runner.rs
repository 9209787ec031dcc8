//! Runs consumers: one loop each, at its own position, with its own holds.

mod batch;
mod calls;
pub(super) mod cursor;
mod holds;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

use super::bus::{Bus, Follower};
use super::lease::{InstanceId, Lease};
use super::signal::Signal;
use super::{Consumer, Relay, log};
use crate::clock;
use crate::db::{AfterCommit, Database, DbResult, Priority};

/// Times `poll_ms` after which a consumer looks without having been woken.
const UNWOKEN: u32 = 20;

/// How consumers run.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerSettings {
    /// `embedded` (the log is in the one database), `kafka` (it joins the databases) or `none` (outbox only).
    pub carrier: Carrier,
    /// Events taken in one transaction.
    pub batch: i64,
    /// Milliseconds after which a process looks whether another one has written; its own commits wake its consumers.
    pub poll_ms: u64,
    /// Seconds that a process leads without renewal (PostgreSQL).
    pub lease_seconds: u64,
    /// Seconds that a call outside may take before another process repeats it.
    pub call_lease_seconds: u64,
    /// Calls outside that a consumer makes at the same time.
    pub calls: usize,
    /// Milliseconds that a request waits for a replica before it refuses.
    pub replica_wait_ms: u64,
}

/// What carries events from module to module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Carrier {
    /// The log is a table of the one database that all modules share.
    Embedded,
    /// Each database has a log; Kafka joins them.
    Kafka,
    /// Events stay in the outbox.
    None,
}

/// Runs the consumers, the relay and the leases of a process.
pub struct Runner {
    pub(super) settings: RunnerSettings,
    instance: InstanceId,
    pub(super) bus: Bus,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) running: JoinSet<()>,
    leases: HashMap<&'static str, Lease>,
}

impl Runner {
    /// A runner that ends when `stop` turns true.
    #[must_use]
    pub fn new(settings: RunnerSettings, bus: Bus, stop: watch::Receiver<bool>) -> Self {
        Self {
            settings,
            instance: InstanceId::new(),
            bus,
            stop,
            running: JoinSet::new(),
            leases: HashMap::new(),
        }
    }

    /// The lease of a module: held by the process that runs its consumers and tasks.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn lease(&mut self, database: &Database) -> DbResult<Lease> {
        self.lease_named(database, database.module().name).await
    }

    pub(super) async fn lease_named(
        &mut self,
        database: &Database,
        name: &'static str,
    ) -> DbResult<Lease> {
        if let Some(lease) = self.leases.get(name) {
            return Ok(lease.clone());
        }
        let lease = Lease::new(
            name,
            self.instance,
            Duration::from_secs(self.settings.lease_seconds),
        );
        lease.renew(database).await?;
        self.leases.insert(name, lease.clone());
        if database.is_postgres() {
            let (database, renewed, mut stop) =
                (database.clone(), lease.clone(), self.stop.clone());
            let grown = self.bus.signals.grown.clone();
            self.running.spawn(async move {
                while !stopped(&mut stop, renewed.renew_every()).await {
                    let had = renewed.held().is_some();
                    match renewed.renew(&database).await {
                        // Taken over: whoever waits behind it begins.
                        Ok(true) if !had => grown.hear(),
                        Ok(_) => {}
                        Err(error) => {
                            tracing::warn!(%error, lease = name, "a lease could not be renewed");
                        }
                    }
                }
                let _ = renewed.release(&database).await;
            });
        }
        Ok(lease)
    }

    /// Starts the relay of the embedded carrier; nothing on SQLite, where the outbox is the log.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn start_relay(&mut self, database: &Database) -> DbResult<()> {
        let signals = &self.bus.signals;
        let poll = Duration::from_millis(self.settings.poll_ms);
        let committed = if database.is_postgres() {
            signals.written.clone()
        } else {
            signals.grown.clone()
        };
        let watch = watch_log(
            database.clone(),
            committed,
            signals.grown.clone(),
            self.stop.clone(),
            poll,
        );
        self.running.spawn(watch);
        if !database.is_postgres() {
            return Ok(());
        }
        let (mut written, grown) = (signals.written.subscribe(), signals.grown.clone());
        let exchange = signals
            .clone()
            .exchange(database.clone(), self.instance, self.stop.clone());
        self.running.spawn(exchange);
        let lease = self.lease_named(database, "relay").await?;
        let relay = Relay::new(database.clone(), lease, grown);
        let mut stop = self.stop.clone();
        self.running.spawn(async move {
            loop {
                match relay.round().await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "the relay will try again"),
                }
                if !woken(&mut stop, &mut written, poll).await {
                    break;
                }
            }
        });
        Ok(())
    }

    /// Starts a consumer of a module.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn start(
        &mut self,
        database: &Database,
        consumer: Arc<dyn Consumer>,
    ) -> DbResult<()> {
        let lease = self.lease(database).await?;
        let position = cursor::position(database, consumer.name()).await?;
        let (scanned, watched) = watch::channel(position);
        self.bus.register(
            database.module().name,
            Follower {
                consumer: Arc::clone(&consumer),
                lease: lease.clone(),
                position: watched,
            },
        );
        let worker = Worker {
            consumer,
            database: database.clone(),
            instance: self.instance,
            lease,
            settings: self.settings.clone(),
            calls: Arc::new(Semaphore::new(self.settings.calls.max(1))),
            poke: Arc::new(Notify::new()),
            moved: self.bus.signals.moved.clone(),
        };
        let mut stop = self.stop.clone();
        let mut grown = self.bus.signals.grown.subscribe();
        self.running
            .spawn(async move { worker.run(position, scanned, &mut stop, &mut grown).await });
        Ok(())
    }

    /// Adds other work that ends with the runner.
    pub fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(work);
    }

    /// Waits until all have ended.
    pub async fn join(mut self) {
        while self.running.join_next().await.is_some() {}
    }
}

/// Sets a consumer's position back, so that it takes the log again from there (a replica or a read
/// model is rebuilt); a running process notices. False if there is no such consumer.
///
/// # Errors
/// If the database refuses.
pub async fn replay(database: &Database, consumer: String, from: i64) -> DbResult<bool> {
    database
        .write_raw(Priority::Request, move |connection| {
            // The next round of the consumer looks: nobody needs to be told.
            (
                cursor::reset(connection, &consumer, from),
                AfterCommit::default(),
            )
        })
        .await
}

/// Where all consumers are, by name.
///
/// # Errors
/// If the database refuses.
pub async fn positions(database: &Database) -> DbResult<Vec<(String, i64)>> {
    database.read_raw(cursor::positions).await
}

/// Waits a while; whether the process stops.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>, span: Duration) -> bool {
    tokio::time::timeout(span, stop.wait_for(|stop| *stop))
        .await
        .is_ok()
}

/// Tells when something was committed here, at once; and when the log has grown without our being told, by looking at it, once
/// for all consumers.
async fn watch_log(
    database: Database,
    committed: Signal,
    grown: Signal,
    mut stop: watch::Receiver<bool>,
    poll: Duration,
) {
    let mut appended = database.appended();
    let mut known = 0;
    while !*stop.borrow() {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Ok(()) = appended.changed() => {
                committed.tell();
                continue;
            }
            () = tokio::time::sleep(poll) => {}
        }
        match database.read_raw(log::end).await {
            Ok(end) if end != known => {
                known = end;
                grown.hear();
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the log could not be looked at"),
        }
    }
}

/// Waits until something has grown, or for a while; false if the process stops.
pub(super) async fn woken(
    stop: &mut watch::Receiver<bool>,
    grown: &mut watch::Receiver<u64>,
    most: Duration,
) -> bool {
    if *stop.borrow() {
        return false;
    }
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => false,
        _ = grown.changed() => true,
        () = tokio::time::sleep(most) => true,
    }
}

/// One consumer at work.
#[derive(Clone)]
struct Worker {
    consumer: Arc<dyn Consumer>,
    database: Database,
    instance: InstanceId,
    lease: Lease,
    settings: RunnerSettings,
    calls: Arc<Semaphore>,
    poke: Arc<Notify>,
    moved: Signal,
}

impl Worker {
    async fn run(
        self,
        mut cursor: i64,
        scanned: watch::Sender<i64>,
        stop: &mut watch::Receiver<bool>,
        grown: &mut watch::Receiver<u64>,
    ) {
        let call_lease = Duration::from_secs(self.settings.call_lease_seconds);
        // What nobody wakes for: a position set back by a replay, a call that its process has abandoned.
        let look = (Duration::from_millis(self.settings.poll_ms) * UNWOKEN).min(call_lease / 2);
        let mut look_for_calls_at = clock::now();
        let mut drain = true;
        let mut failures: u32 = 0;
        while !*stop.borrow() {
            grown.mark_unchanged();
            if self.lease.held().is_some() {
                if clock::now() >= look_for_calls_at {
                    look_for_calls_at = clock::now().plus(call_lease / 2);
                    if let Err(error) = self.resume_calls().await {
                        tracing::warn!(%error, consumer = self.consumer.name(), "claimed calls could not be read");
                    }
                }
                match self.round(&mut cursor, &scanned, &mut drain).await {
                    Ok(true) => {
                        failures = 0;
                        continue;
                    }
                    Ok(false) => failures = 0,
                    Err(error) => {
                        failures = (failures + 1).min(6);
                        tracing::warn!(%error, consumer = self.consumer.name(), "a round of the consumer was undone; it will be repeated");
                        if let Ok(position) =
                            cursor::position(&self.database, self.consumer.name()).await
                        {
                            cursor = position;
                        }
                        if stopped(stop, Duration::from_millis(50) * 2_u32.pow(failures)).await {
                            break;
                        }
                        continue;
                    }
                }
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                _ = grown.changed() => {}
                () = self.poke.notified() => drain = true,
                () = tokio::time::sleep(look) => {}
            }
        }
        self.finish_calls().await;
    }

    /// Takes what there is; whether there may be more.
    async fn round(
        &self,
        cursor: &mut i64,
        scanned: &watch::Sender<i64>,
        drain: &mut bool,
    ) -> DbResult<bool> {
        if std::mem::take(drain) {
            let drained = self.drain().await?;
            *drain = drained;
            return Ok(true);
        }
        let known = *cursor;
        let seen = (*scanned.borrow()).max(known);
        let (topics, limit) = (self.consumer.topics(), self.settings.batch);
        let name = self.consumer.name();
        let (events, end, stored) = self
            .database
            .read_raw(move |connection| {
                let stored = cursor::stored_position(connection, name)?;
                // Behind what is known: it was set back. Before it: another process led meanwhile.
                let after = if stored < known {
                    stored
                } else {
                    seen.max(stored)
                };
                let end = log::end(connection)?;
                let events = if end > after {
                    let topics = topics.to_vec();
                    log::read_from(
                        connection,
                        &log::Filter {
                            after,
                            topics,
                            limit,
                        },
                    )?
                } else {
                    Vec::new()
                };
                Ok((events, end, stored))
            })
            .await?;
        *cursor = stored;
        let Some(last) = events.last().map(|event| event.position) else {
            scanned.send_if_modified(|position| {
                let grows = end > *position;
                *position = end.max(*position);
                grows
            });
            return Ok(false);
        };
        let taken = self.take(events, *cursor, last).await?;
        *cursor = last;
        scanned.send_replace(last);
        self.moved.tell();
        *drain = taken.drains;
        for event in taken.calls {
            self.start_call(event);
        }
        Ok(true)
    }

    async fn take(&self, events: Vec<super::Event>, from: i64, to: i64) -> DbResult<batch::Taken> {
        let worker = self.clone();
        self.database
            .write_raw(Priority::Background, move |connection| {
                let mut taken = batch::Taken::default();
                let result = batch::take(connection, &worker, events, from, to, &mut taken);
                let after = std::mem::take(&mut taken.after);
                (result.map(|()| taken), after)
            })
            .await
    }

    async fn drain(&self) -> DbResult<bool> {
        let worker = self.clone();
        let taken = self
            .database
            .write_raw(Priority::Background, move |connection| {
                let mut taken = batch::Taken::default();
                let result = batch::drain(connection, &worker, &mut taken);
                let after = std::mem::take(&mut taken.after);
                (result.map(|()| taken), after)
            })
            .await?;
        let more = taken.drains;
        for event in taken.calls {
            self.start_call(event);
        }
        Ok(more)
    }
}
