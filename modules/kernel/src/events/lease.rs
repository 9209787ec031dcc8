//! Leases with a fencing number: who leads when several processes share a database.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::prelude::*;

use crate::clock;
use crate::db::kernel_tables::kernel_lease;
use crate::db::{
    AfterCommit, AnyConnection, Database, DbError, DbResult, Priority, ReadQuery, WriteStatement,
};
use crate::id::Id;

/// A process.
#[derive(Debug)]
pub enum Instance {}

/// The id of a process, new at each start.
pub type InstanceId = Id<Instance>;

/// A lease that is held: its name and the number it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    name: String,
    fence: i64,
}

/// The wish to hold a lease, and whether it is held now.
#[derive(Clone)]
pub struct Lease {
    name: String,
    holder: InstanceId,
    life: Duration,
    held: Arc<Mutex<Option<Held>>>,
}

impl Lease {
    /// A lease of this name, not held yet.
    #[must_use]
    pub fn new(name: &str, holder: InstanceId, life: Duration) -> Self {
        Self {
            name: name.to_owned(),
            holder,
            life,
            held: Arc::default(),
        }
    }

    /// The lease, while it is held.
    #[must_use]
    pub fn held(&self) -> Option<Held> {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How often to renew it.
    #[must_use]
    pub fn renew_every(&self) -> Duration {
        self.life / 3
    }

    /// Takes or renews it; whether it is held now. On SQLite, which one process opens, it always is.
    ///
    /// # Errors
    /// If the database refuses; the lease then counts as lost.
    pub async fn renew(&self, database: &Database) -> DbResult<bool> {
        let (name, holder, life) = (self.name.clone(), self.holder, self.life);
        if !database.is_postgres() {
            *self.held.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Held { name, fence: 0 });
            return Ok(true);
        }
        let result = database
            .write_raw(Priority::Background, move |connection| {
                (
                    take(connection, &name, holder, life),
                    AfterCommit::default(),
                )
            })
            .await;
        let held = match &result {
            Ok(fence) => fence.map(|fence| Held {
                name: self.name.clone(),
                fence,
            }),
            Err(_) => None,
        };
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
        Ok(result?.is_some())
    }

    /// Gives it back, so that another process need not wait for its end.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn release(&self, database: &Database) -> DbResult<()> {
        let (name, holder) = (self.name.clone(), self.holder);
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if !database.is_postgres() {
            return Ok(());
        }
        database
            .write_raw(Priority::Background, move |connection| {
                let result = diesel::update(
                    kernel_lease::table
                        .filter(kernel_lease::name.eq(name))
                        .filter(kernel_lease::holder.eq(holder)),
                )
                .set(kernel_lease::until.eq(clock::now()))
                .perform(connection);
                (
                    result.map(|_| ()).map_err(DbError::from),
                    AfterCommit::default(),
                )
            })
            .await
    }
}

fn take(
    connection: &mut AnyConnection,
    name: &str,
    holder: InstanceId,
    life: Duration,
) -> DbResult<Option<i64>> {
    let now = clock::now();
    let until = now.plus(life);
    let row: Option<(InstanceId, i64, crate::instant::Instant)> = kernel_lease::table
        .filter(kernel_lease::name.eq(name))
        .select((
            kernel_lease::holder,
            kernel_lease::fence,
            kernel_lease::until,
        ))
        .rows(connection)?
        .into_iter()
        .next();
    let Some((holds, fence, ends)) = row else {
        crate::db::savepoint(connection)?;
        let inserted = diesel::insert_into(kernel_lease::table)
            .values((
                kernel_lease::name.eq(name),
                kernel_lease::holder.eq(holder),
                kernel_lease::fence.eq(1_i64),
                kernel_lease::until.eq(until),
            ))
            .perform(connection)
            .map_err(DbError::from);
        return match inserted {
            Ok(_) => crate::db::release(connection).map(|()| Some(1)),
            Err(DbError::Duplicate(_)) => crate::db::rollback(connection).map(|()| None),
            Err(error) => Err(error),
        };
    };
    if holds != holder && ends > now {
        return Ok(None);
    }
    let next = if holds == holder { fence } else { fence + 1 };
    let taken = diesel::update(
        kernel_lease::table
            .filter(kernel_lease::name.eq(name))
            .filter(kernel_lease::fence.eq(fence)),
    )
    .set((
        kernel_lease::holder.eq(holder),
        kernel_lease::fence.eq(next),
        kernel_lease::until.eq(until),
    ))
    .perform(connection)?;
    Ok((taken == 1).then_some(next))
}

/// Makes sure, inside a transaction, that the lease is still this one: whoever takes it over waits
/// for this transaction or has moved the fence before it.
pub(crate) fn check(connection: &mut AnyConnection, held: &Held) -> DbResult<()> {
    if matches!(connection, AnyConnection::Sqlite(_)) {
        return Ok(());
    }
    let rows = diesel::update(
        kernel_lease::table
            .filter(kernel_lease::name.eq(&held.name))
            .filter(kernel_lease::fence.eq(held.fence)),
    )
    .set(kernel_lease::fence.eq(held.fence))
    .perform(connection)?;
    if rows == 1 {
        Ok(())
    } else {
        Err(DbError::Conflict)
    }
}
