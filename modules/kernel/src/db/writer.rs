//! Transactions, and SQLite's one writer: a thread that gives requests the way before background
//! work, and lets transactions that wait at the same time share one durable commit.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use diesel::connection::{AnsiTransactionManager, Connection, TransactionManager};
use tokio::sync::{Semaphore, watch};

use super::after::AfterCommit;
use super::connection::AnyConnection;
use super::pool::Manager;
use super::scope::{release, rollback, savepoint};
use super::{DatabaseSettings, DbError, DbResult, Priority, Target};
use crate::faults::{self, Point};

/// Transactions that may wait at the writer; more wait outside, holding no memory here.
const QUEUE: usize = 1024;

pub(super) type Done = Box<dyn FnOnce(DbResult<()>) + Send>;

/// How a transaction's work ended.
pub(super) struct JobEnd {
    pub keep: bool,
    /// What follows from its commit.
    pub after: AfterCommit,
    /// Tells whoever waits how the commit went.
    pub done: Done,
}

type Job = Box<dyn FnOnce(&mut AnyConnection) -> JobEnd + Send>;

/// Begins a transaction that will write.
pub(super) fn begin(connection: &mut AnyConnection) -> DbResult<()> {
    match connection {
        // A deferred transaction that turns to writing fails on a busy snapshot without a wait.
        AnyConnection::Sqlite(inner) => {
            AnsiTransactionManager::begin_transaction_sql(inner, "BEGIN IMMEDIATE")?;
        }
        AnyConnection::Postgres(inner) => {
            AnsiTransactionManager::begin_transaction_sql(inner, "BEGIN")?;
        }
    }
    super::changes::begun(connection)
}

/// The one commit. One that has changed nothing is no point for a test to die at.
pub(super) fn commit(connection: &mut AnyConnection) -> DbResult<()> {
    let changed = super::changes::any(connection)?;
    if changed {
        faults::point(Point::BeforeCommit);
    }
    <AnyConnection as Connection>::TransactionManager::commit_transaction(connection)?;
    if changed {
        faults::point(Point::AfterCommit);
    }
    Ok(())
}

/// Begins a transaction that only reads: all that it reads is of one moment.
pub(super) fn begin_snapshot(connection: &mut AnyConnection) -> DbResult<()> {
    match connection {
        AnyConnection::Sqlite(inner) => {
            AnsiTransactionManager::begin_transaction_sql(inner, "BEGIN")?;
        }
        AnyConnection::Postgres(inner) => {
            AnsiTransactionManager::begin_transaction_sql(
                inner,
                "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
            )?;
        }
    }
    Ok(())
}

/// Does work in the transaction that only reads and was begun, and ends it.
pub(super) fn in_snapshot<T, E: From<DbError>>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E> {
    let read = work(connection);
    rollback(connection)?;
    read
}

/// Does work in the transaction that was begun; gives what follows from its commit.
pub(super) fn transaction<T, E: From<DbError>>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> (Result<T, E>, AfterCommit),
) -> Result<(T, AfterCommit), E> {
    match work(connection) {
        (Ok(value), after) => match commit(connection) {
            Ok(()) => Ok((value, after)),
            Err(error) => {
                let _ = rollback(connection);
                Err(error.into())
            }
        },
        (Err(error), _) => {
            rollback(connection)?;
            Err(error)
        }
    }
}

#[derive(Default)]
struct Queues {
    requests: VecDeque<Job>,
    background: VecDeque<Job>,
    closed: bool,
}

impl Queues {
    fn next(&mut self) -> Option<Job> {
        self.requests
            .pop_front()
            .or_else(|| self.background.pop_front())
    }
}

struct Shared {
    queues: Mutex<Queues>,
    filled: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next transaction; waits for one. `None` once closed and empty.
    fn wait(&self) -> Option<Job> {
        let mut queues = self.lock();
        loop {
            if let Some(job) = queues.next() {
                return Some(job);
            }
            if queues.closed {
                return None;
            }
            queues = self
                .filled
                .wait(queues)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The writer's queue.
pub(super) struct Writer {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(
        target: &Target,
        settings: &DatabaseSettings,
        appended: watch::Sender<u64>,
    ) -> DbResult<Self> {
        let manager = Manager::new(target, settings, false);
        let mut connection = manager
            .open()
            .map_err(|error| DbError::Unavailable(error.to_string()))?;
        super::statements::observe(&mut connection);
        let shared = Arc::new(Shared {
            queues: Mutex::default(),
            filled: Condvar::new(),
        });
        let queue = Arc::clone(&shared);
        let most = settings.group_commit.max(1);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                while let Some(first) = queue.wait() {
                    if run_group(&mut connection, &queue, first, most) {
                        appended.send_modify(|count| *count += 1);
                    }
                }
            })
            .map_err(|error| DbError::Unavailable(error.to_string()))?;
        Ok(Self {
            shared,
            places: Arc::new(Semaphore::new(QUEUE)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Puts a transaction in the queue; waits for a place while it is full.
    pub(super) async fn submit(&self, priority: Priority, job: Job) -> DbResult<()> {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| DbError::Unavailable("the database is closing".to_owned()))?;
        let job: Job = Box::new(move |connection| {
            drop(place);
            job(connection)
        });
        let mut queues = self.shared.lock();
        if queues.closed {
            return Err(DbError::Unavailable("the database is closing".to_owned()));
        }
        match priority {
            Priority::Request => queues.requests.push_back(job),
            Priority::Background => queues.background.push_back(job),
        }
        self.shared.filled.notify_one();
        Ok(())
    }

    /// Lets the queue run empty and ends the thread.
    pub(super) async fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.filled.notify_all();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// Runs `first` and whatever waits behind it (at most `most`) in one transaction, each in a
/// savepoint of its own; says whether events were written.
fn run_group(connection: &mut AnyConnection, queue: &Shared, first: Job, most: usize) -> bool {
    let mut group: Vec<JobEnd> = Vec::new();
    let mut next = Some(first);
    if let Err(error) = begin(connection) {
        // Nothing has run: each of the waiting ones is told so by its dropped channel.
        tracing::error!(%error, "a transaction cannot begin");
        return false;
    }
    while let Some(job) = next {
        group.extend(run_one(connection, job));
        next = if group.len() < most {
            queue.lock().next()
        } else {
            None
        };
    }
    let committed = if group.iter().any(|ended| ended.keep) {
        commit(connection)
    } else {
        rollback(connection)
    };
    if committed.is_err() {
        let _ = rollback(connection);
    }
    let mut emitted = false;
    for ended in group {
        if ended.keep && committed.is_ok() {
            emitted |= ended.after.emitted;
            ended.after.carry_out();
        }
        (ended.done)(match &committed {
            Ok(()) => Ok(()),
            Err(error) => Err(DbError::Unavailable(error.to_string())),
        });
    }
    emitted
}

fn run_one(connection: &mut AnyConnection, job: Job) -> Option<JobEnd> {
    if let Err(error) = savepoint(connection) {
        tracing::error!(%error, "a savepoint cannot be made");
        return None;
    }
    let end = std::panic::catch_unwind(AssertUnwindSafe(|| job(connection)));
    let kept = match &end {
        Ok(end) if end.keep => release(connection),
        _ => rollback(connection),
    };
    match (end, kept) {
        (Ok(end), Ok(())) => Some(end),
        (Ok(end), Err(error)) => {
            (end.done)(Err(error));
            None
        }
        (Err(_), _) => {
            tracing::error!("the work of a transaction panicked; it was undone");
            None
        }
    }
}
