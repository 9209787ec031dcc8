//! Transactions, and SQLite's one writer: a thread at which requests and background work take turns, and transactions that
//! wait at the same time share one durable commit.

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

/// Transactions that wait. Requests and background work take turns: a group of requests, then background work, which goes on
/// for as long as nobody waits for an answer. So neither waits for more than a piece of the other.
#[derive(Default)]
struct Queues {
    requests: VecDeque<Job>,
    background: VecDeque<Job>,
    /// Who had the last turn.
    last: Option<Priority>,
    closed: bool,
}

impl Queues {
    /// The first transaction of a group, and whose turn it is.
    fn first(&mut self) -> Option<(Priority, Job)> {
        let owed = self.last == Some(Priority::Request) && !self.background.is_empty();
        let turn = if owed || self.requests.is_empty() {
            Priority::Background
        } else {
            Priority::Request
        };
        let job = match turn {
            Priority::Request => self.requests.pop_front(),
            Priority::Background => self.background.pop_front(),
        }?;
        self.last = Some(turn);
        Some((turn, job))
    }

    /// The next transaction of the group whose turn it is.
    fn next(&mut self, turn: Priority) -> Option<Job> {
        match turn {
            Priority::Request => self.requests.pop_front(),
            Priority::Background if self.requests.is_empty() => self.background.pop_front(),
            Priority::Background => None,
        }
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

    /// The next group's first transaction; waits for one. `None` once closed and empty.
    fn wait(&self) -> Option<(Priority, Job)> {
        let mut queues = self.lock();
        loop {
            if let Some(first) = queues.first() {
                return Some(first);
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

/// Runs `first` and what waits behind it and may go with it (at most `most`) in one transaction, each in a
/// savepoint of its own; says whether events were written.
fn run_group(
    connection: &mut AnyConnection,
    queue: &Shared,
    (turn, first): (Priority, Job),
    most: usize,
) -> bool {
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
            queue.lock().next(turn)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        Box::new(|_| JobEnd {
            keep: false,
            after: AfterCommit::default(),
            done: Box::new(|_| {}),
        })
    }

    fn turn(queues: &mut Queues) -> Option<Priority> {
        queues.first().map(|(turn, _)| turn)
    }

    #[test]
    fn requests_and_background_work_take_turns() {
        let mut queues = Queues::default();
        queues.background.extend([job(), job(), job(), job()]);
        queues.requests.extend([job(), job()]);
        assert_eq!(turn(&mut queues), Some(Priority::Request));
        assert!(queues.next(Priority::Request).is_some());
        // Nobody who waits for an answer waits for what is behind.
        assert!(queues.next(Priority::Request).is_none());
        queues.requests.push_back(job());
        assert_eq!(turn(&mut queues), Some(Priority::Background));
        assert!(queues.next(Priority::Background).is_none());
        assert_eq!(turn(&mut queues), Some(Priority::Request));
        assert_eq!(turn(&mut queues), Some(Priority::Background));
        assert!(queues.next(Priority::Background).is_some());
        assert!(queues.next(Priority::Background).is_some());
        assert!(queues.next(Priority::Background).is_none());
        assert_eq!(turn(&mut queues), None);
    }
}
