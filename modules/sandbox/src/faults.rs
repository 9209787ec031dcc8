//! Faults that a test or a person sets, and the wrapper around every request that counts and obeys.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::server::App;

/// The longest time that a fault may take, in milliseconds.
const LONGEST_MILLIS: u64 = 600_000;

/// Which of the two pretend systems misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    Intermediary,
    Registry,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// Waits, then works.
    Slow,
    /// 503, and nothing is done.
    Down,
    /// Does the work and commits it, holds the connection, then drops it without an answer.
    AcceptThenTimeout,
    /// 422 for good, and nothing is done.
    Refuse,
    /// The notification of a payment is sent twice.
    NotifyTwice,
}

/// A fault that is set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fault {
    scope: Scope,
    kind: FaultKind,
    /// How many calls it still spoils; null: all, until it is cleared.
    #[serde(default)]
    times: Option<NonZeroU32>,
    /// How long `slow` waits and `accept_then_timeout` holds.
    #[serde(default)]
    millis: Option<u64>,
    /// Only this operation, written as in the counters (`POST /intermediary/positions`).
    #[serde(default)]
    operation: Option<String>,
}

/// The faults that are set, and the calls so far. In memory: both begin anew at each start.
#[derive(Default)]
pub(crate) struct Faults {
    set: Mutex<Vec<Fault>>,
    calls: Mutex<BTreeMap<String, u64>>,
}

impl Faults {
    /// Sets a fault, in the place of one of the same scope, kind and operation.
    pub(crate) fn set(&self, mut fault: Fault) {
        fault.millis = fault.millis.map(|millis| millis.min(LONGEST_MILLIS));
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        set.retain(|other| {
            (other.scope, other.kind, &other.operation)
                != (fault.scope, fault.kind, &fault.operation)
        });
        set.push(fault);
    }

    pub(crate) fn clear(&self) {
        self.set
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.set
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Uses up one call of the fault, if it is set for this call; gives its milliseconds.
    pub(crate) fn take(
        &self,
        kind: FaultKind,
        scope: Scope,
        operation: &str,
        default_millis: u64,
    ) -> Option<Duration> {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let at = set.iter().position(|fault| {
            fault.kind == kind
                && (fault.scope == scope || fault.scope == Scope::All)
                && fault
                    .operation
                    .as_ref()
                    .is_none_or(|only| only == operation)
        })?;
        let fault = set.get_mut(at)?;
        let millis = fault.millis.unwrap_or(default_millis);
        if let Some(times) = fault.times {
            match NonZeroU32::new(times.get() - 1) {
                Some(left) => fault.times = Some(left),
                None => {
                    set.remove(at);
                }
            }
        }
        Some(Duration::from_millis(millis))
    }

    fn count(&self, operation: &str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let count = calls.entry(operation.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// How often each operation was called since the start.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A second handle on the caller's connection, so that it can be dropped without an answer.
pub(crate) struct Connection(pub(crate) Arc<TcpStream>);

/// Counts the call, and lets the faults that are set for it happen. They are for the two systems'
/// APIs; the payment page and the control never suffer any.
pub(crate) async fn around(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(app) = request.app_data::<web::Data<App>>().cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let pattern = request.match_pattern();
    let operation = format!(
        "{} {}",
        request.method(),
        pattern.as_deref().unwrap_or("(unknown path)")
    );
    app.faults.count(&operation);
    let scope = match pattern.as_deref() {
        Some(path) if path.starts_with("/intermediary/") => Scope::Intermediary,
        Some(path) if path.starts_with("/registry/") => Scope::Registry,
        _ => return Ok(next.call(request).await?.map_into_boxed_body()),
    };
    let take = |kind, millis| app.faults.take(kind, scope, &operation, millis);

    if let Some(time) = take(FaultKind::Slow, 1_000) {
        app.pause(time).await;
    }
    if take(FaultKind::Down, 0).is_some() {
        return Ok(request.into_response(Problem::down().error_response()));
    }
    if take(FaultKind::Refuse, 0).is_some() {
        return Ok(request.into_response(Problem::refused().error_response()));
    }
    let hold = take(FaultKind::AcceptThenTimeout, 30_000);
    let connection = request
        .conn_data::<Connection>()
        .map(|connection| Arc::clone(&connection.0));
    let response = next.call(request).await?.map_into_boxed_body();
    if let Some(time) = hold {
        app.pause(time).await;
        if let Some(Err(error)) = connection.map(|stream| stream.shutdown(Shutdown::Both)) {
            tracing::debug!(%error, "the connection was already gone");
        }
    }
    Ok(response)
}
