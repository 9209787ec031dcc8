//! Telling the outcome of a payment: a queue in the store and one task that empties it.

use std::time::Duration;

use aws_lc_rs::hmac;
use chrono::Utc;
use diesel::prelude::*;
use tokio::sync::{Notify, watch};

use crate::SandboxError;
use crate::problem::Problem;
use crate::schema::notifications;
use crate::store::{Store, Stored};

/// The header with the signature of the body: `hex(hmac-sha256(secret, body))`.
const SIGNATURE: &str = "X-Sandbox-Signature";
/// How often a notification is tried before it is given up: about three and a half minutes in all.
const MAX_ATTEMPTS: i32 = 10;
/// The wait after the first failure; it doubles after each further one.
const FIRST_DELAY_MS: i64 = 200;
/// How long the receiver may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How many are sent at the same time.
const AT_ONCE: i64 = 16;

#[derive(Queryable, Selectable)]
#[diesel(table_name = notifications)]
struct Notification {
    id: i64,
    url: String,
    secret: Option<String>,
    body: String,
    attempts: i32,
}

/// Puts a notification in the queue, in the caller's transaction.
pub(crate) fn enqueue(
    connection: &mut SqliteConnection,
    url: &str,
    secret: Option<&str>,
    body: &str,
    copies: usize,
) -> Stored<()> {
    for _ in 0..copies {
        diesel::insert_into(notifications::table)
            .values((
                notifications::url.eq(url),
                notifications::secret.eq(secret),
                notifications::body.eq(body),
                notifications::state.eq("pending"),
                notifications::attempts.eq(0),
                notifications::next_attempt_ms.eq(Utc::now().timestamp_millis()),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// The client that sends. It follows no redirect and asks no proxy: what it calls is named exactly.
pub(crate) fn client() -> Result<reqwest::Client, SandboxError> {
    let builder = || {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(ANSWER_TIMEOUT)
    };
    builder()
        .build()
        .or_else(|error| {
            // A bare machine has no authorities to trust; plain HTTP on the loopback still works.
            tracing::warn!(%error, "no trusted certificates: https notifications will fail");
            builder().tls_certs_only([]).build()
        })
        .map_err(SandboxError::Client)
}

/// Sends what is due until told to stop. What is under way at the stop is sent again at the next
/// start: a receiver may get a notification twice, never not at all.
pub(crate) async fn run(
    store: Store,
    client: reqwest::Client,
    wake: std::sync::Arc<Notify>,
    mut stop: watch::Receiver<bool>,
) {
    let work = async {
        loop {
            let wait = match send_due(&store, &client).await {
                Ok(wait) => wait,
                // Already logged; the store may be able again in a moment.
                Err(_) => Duration::from_secs(1),
            };
            tokio::select! {
                () = wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    };
    tokio::select! {
        () = work => {}
        _ = stop.wait_for(|stopped| *stopped) => {}
    }
}

/// Sends what is due now; says how long it may be until the next one is.
async fn send_due(store: &Store, client: &reqwest::Client) -> Result<Duration, Problem> {
    let due = store.transaction(due).await?;
    futures::future::try_join_all(due.into_iter().map(|notification| async move {
        let delivered = send(client, &notification).await;
        store
            .transaction(move |connection| record(connection, &notification, delivered))
            .await
    }))
    .await?;
    let next = store.transaction(next_attempt).await?;
    let wait = next.map(|next| next.saturating_sub(Utc::now().timestamp_millis()).max(0));
    Ok(wait
        .and_then(|wait| u64::try_from(wait).ok())
        .map_or(Duration::from_secs(60), Duration::from_millis))
}

fn due(connection: &mut SqliteConnection) -> Stored<Vec<Notification>> {
    notifications::table
        .filter(notifications::state.eq("pending"))
        .filter(notifications::next_attempt_ms.le(Utc::now().timestamp_millis()))
        .order(notifications::id)
        .limit(AT_ONCE)
        .select(Notification::as_select())
        .load(connection)
}

fn next_attempt(connection: &mut SqliteConnection) -> Stored<Option<i64>> {
    notifications::table
        .filter(notifications::state.eq("pending"))
        .select(diesel::dsl::min(notifications::next_attempt_ms))
        .first(connection)
}

/// Whether the receiver took it. The address is not logged: it belongs to somebody else.
async fn send(client: &reqwest::Client, notification: &Notification) -> bool {
    let mut request = client
        .post(&notification.url)
        .header("Content-Type", "application/json")
        .body(notification.body.clone());
    if let Some(secret) = &notification.secret {
        request = request.header(SIGNATURE, signature(secret, &notification.body));
    }
    match request.send().await {
        Ok(answer) if answer.status().is_success() => true,
        Ok(answer) => {
            tracing::warn!(
                notification = notification.id,
                status = answer.status().as_u16(),
                "notification not taken"
            );
            false
        }
        Err(error) => {
            let error = error.without_url();
            tracing::warn!(notification = notification.id, %error, "notification not delivered");
            false
        }
    }
}

fn record(
    connection: &mut SqliteConnection,
    notification: &Notification,
    delivered: bool,
) -> Stored<()> {
    let attempts = notification.attempts.saturating_add(1);
    let state = if delivered {
        "sent"
    } else if attempts >= MAX_ATTEMPTS {
        "abandoned"
    } else {
        "pending"
    };
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    let delay = FIRST_DELAY_MS.saturating_mul(2_i64.saturating_pow(doublings));
    diesel::update(notifications::table.find(notification.id))
        .set((
            notifications::state.eq(state),
            notifications::attempts.eq(attempts),
            notifications::next_attempt_ms.eq(Utc::now().timestamp_millis().saturating_add(delay)),
        ))
        .execute(connection)?;
    Ok(())
}

fn signature(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_published_test_vector() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
