//! Wakes whoever waits for the log: in the process by its watches, in the other processes that share a PostgreSQL
//! database by NOTIFY. It is a hint only: who misses one looks by himself a moment later.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use tokio::sync::watch;

use super::lease::InstanceId;
use super::runner::stopped;
use crate::db::{AnyConnection, Database, DbError, DbResult, WriteStatement};

/// How often the listening connection is looked at: libpq wakes nobody.
const LOOK: Duration = Duration::from_millis(20);
/// What happens within this time is told once.
const BURST: Duration = Duration::from_millis(5);
/// How long to wait before the connection is opened again.
const RECONNECT: Duration = Duration::from_secs(1);

/// One thing that happens again and again.
#[derive(Clone)]
pub(super) struct Signal {
    here: watch::Sender<u64>,
    anywhere: watch::Sender<u64>,
}

impl Default for Signal {
    fn default() -> Self {
        Self {
            here: watch::Sender::new(0),
            anywhere: watch::Sender::new(0),
        }
    }
}

impl Signal {
    /// It has happened in this process: the other ones are told too.
    pub(super) fn tell(&self) {
        self.here.send_modify(|count| *count += 1);
        self.hear();
    }

    /// It has happened, here or elsewhere.
    pub(super) fn hear(&self) {
        self.anywhere.send_modify(|count| *count += 1);
    }

    /// Changes when it happens, here or elsewhere.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.anywhere.subscribe()
    }
}

/// What can happen to the log.
#[derive(Clone, Default)]
pub(super) struct Signals {
    /// Events were committed to the outbox: the relay has work.
    pub written: Signal,
    /// Events have got their position: consumers have work.
    pub grown: Signal,
    /// A consumer has taken events: who waits for a replica may go on.
    pub moved: Signal,
}

impl Signals {
    fn named(&self) -> [(&'static str, &Signal); 3] {
        [
            ("written", &self.written),
            ("grown", &self.grown),
            ("moved", &self.moved),
        ]
    }

    fn hear_all(&self) {
        self.named().iter().for_each(|(_, signal)| signal.hear());
    }

    /// Exchanges the signals with the other processes of a PostgreSQL database, until `stop` turns true.
    pub(super) async fn exchange(
        self,
        database: Database,
        instance: InstanceId,
        mut stop: watch::Receiver<bool>,
    ) {
        let (mut written, mut grown, mut moved) = (
            self.written.here.subscribe(),
            self.grown.here.subscribe(),
            self.moved.here.subscribe(),
        );
        let (tell, told) = mpsc::channel();
        // Dropping `tell` ends the thread.
        let thread = std::thread::Builder::new()
            .name("log-signals".to_owned())
            .spawn(move || speak_and_listen(&database, instance, &self, &told));
        if let Err(error) = thread {
            tracing::error!(%error, "other processes cannot be woken; they look by themselves");
            return;
        }
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                _ = written.changed() => written.mark_changed(),
                _ = grown.changed() => grown.mark_changed(),
                _ = moved.changed() => moved.mark_changed(),
            }
            if stopped(&mut stop, BURST).await {
                break;
            }
            let mut news = instance.to_string();
            for (name, receiver) in [
                ("written", &mut written),
                ("grown", &mut grown),
                ("moved", &mut moved),
            ] {
                if receiver.has_changed().unwrap_or(false) {
                    receiver.mark_unchanged();
                    news.push(' ');
                    news.push_str(name);
                }
            }
            if tell.send(news).is_err() {
                break;
            }
        }
    }
}

/// Tells the others what comes through `told`, and hears what they tell, on a connection of its own.
fn speak_and_listen(
    database: &Database,
    instance: InstanceId,
    signals: &Signals,
    told: &mpsc::Receiver<String>,
) {
    let mut open: Option<AnyConnection> = None;
    loop {
        let news = match told.recv_timeout(LOOK) {
            Ok(news) => Some(news),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut connection = match open.take().map_or_else(|| listen(database, signals), Ok) {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(%error, "other processes cannot be heard for a while; this one looks by itself");
                std::thread::sleep(RECONNECT);
                continue;
            }
        };
        match speak(&mut connection, news).and_then(|()| hear(&mut connection, instance, signals)) {
            Ok(()) => open = Some(connection),
            Err(error) => tracing::warn!(%error, "the connection to other processes broke"),
        }
    }
}

fn listen(database: &Database, signals: &Signals) -> DbResult<AnyConnection> {
    let mut connection = database.connect()?;
    connection.batch_execute("LISTEN opencity_log")?;
    // What was told before this moment was not heard.
    signals.hear_all();
    Ok(connection)
}

fn speak(connection: &mut AnyConnection, news: Option<String>) -> DbResult<()> {
    if let Some(news) = news {
        diesel::sql_query("SELECT pg_notify('opencity_log', $1)")
            .bind::<Text, _>(news)
            .perform(connection)?;
    }
    Ok(())
}

fn hear(connection: &mut AnyConnection, instance: InstanceId, signals: &Signals) -> DbResult<()> {
    let AnyConnection::Postgres(connection) = connection else {
        return Ok(());
    };
    let own = instance.to_string();
    for notification in connection.notifications_iter() {
        let news = notification.map_err(DbError::from)?.payload;
        let mut words = news.split(' ');
        if words.next() == Some(own.as_str()) {
            continue;
        }
        for word in words {
            signals
                .named()
                .iter()
                .filter(|(name, _)| *name == word)
                .for_each(|(_, signal)| signal.hear());
        }
    }
    Ok(())
}
