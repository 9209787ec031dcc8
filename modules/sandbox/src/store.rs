//! The durable store: one SQLite file, one writer, every change on disk before the answer.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::SandboxError;
use crate::problem::Problem;
use crate::schema::counters;

/// The result of a query.
pub(crate) type Stored<T> = Result<T, diesel::result::Error>;

/// The connection, shared by all requests; one at a time uses it.
#[derive(Clone)]
pub(crate) struct Store {
    connection: Arc<Mutex<SqliteConnection>>,
}

impl Store {
    /// Opens `sandbox.sqlite` in the folder, making both when they are missing.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, SandboxError> {
        std::fs::create_dir_all(data_dir).map_err(SandboxError::DataDir)?;
        let file = data_dir.join("sandbox.sqlite");
        let file = file
            .to_str()
            .ok_or_else(|| SandboxError::Store("the path is not UTF-8".to_owned()))?;
        let mut connection = SqliteConnection::establish(file)
            .map_err(|error| SandboxError::Store(error.to_string()))?;
        connection
            .batch_execute(
                "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
            )
            .and_then(|()| {
                connection.immediate_transaction(|connection| {
                    connection.batch_execute(include_str!("schema.sql"))
                })
            })
            .map_err(|error| SandboxError::Store(error.to_string()))?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Runs the work in one transaction, off the async threads. When this returns `Ok` the work is
    /// committed. The work runs to its end even when nobody waits for it any more.
    pub(crate) async fn transaction<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Stored<T> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        tokio::task::spawn_blocking(move || {
            // Even after a panic elsewhere the connection serves: nothing uncommitted is kept.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            connection.immediate_transaction(work)
        })
        .await
        .map_err(|error| Problem::internal(&error))?
        .map_err(|error| Problem::internal(&error))
    }
}

/// The next value of a counter, from 1. It is used up only if the transaction commits.
pub(crate) fn next_value(connection: &mut SqliteConnection, name: &str) -> Stored<i64> {
    diesel::insert_into(counters::table)
        .values((counters::name.eq(name), counters::value.eq(1)))
        .on_conflict(counters::name)
        .do_update()
        .set(counters::value.eq(counters::value + 1))
        .returning(counters::value)
        .get_result(connection)
}

/// Now, in whole seconds: what is stored is what is shown.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(0)
}

/// Reads back what this program wrote as JSON.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Stored<T> {
    serde_json::from_str(text)
        .map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))
}

/// Writes JSON for the store.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Stored<String> {
    serde_json::to_string(value)
        .map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))
}
