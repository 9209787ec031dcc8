//! The public keys of identity, fetched from the process in which it runs.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use tokio::sync::watch;
use url::Url;

use super::PublicKey;
use crate::context::Platform;
use crate::http_client::{OutgoingRequest, TargetPolicy};

/// How often they are fetched, whether somebody asks or not.
const EVERY: Duration = Duration::from_secs(300);
/// How soon after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// A token with an unknown key has them fetched at once, but not more often than this.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// RFC 7517.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<PublicKey>,
}

/// Fetches the keys from `auth.jwks_url` until `stop` turns true; returns at once where it is empty.
pub async fn keep_fresh(platform: Arc<Platform>, mut stop: watch::Receiver<bool>) {
    let Ok(url) = Url::parse(&platform.config.auth.jwks_url) else {
        return;
    };
    let unknown = platform.verifier.unknown_kid();
    while !*stop.borrow() {
        let next = match fetch(&platform, url.clone()).await {
            Ok(keys) => {
                platform.verifier.set_keys(&keys);
                EVERY
            }
            Err(why) => {
                tracing::warn!(
                    why,
                    "the keys of identity cannot be fetched (auth.jwks_url)"
                );
                AFTER_FAILURE
            }
        };
        let soon = tokio::time::sleep(AT_MOST_EVERY);
        let wanted = async {
            soon.await;
            tokio::select! {
                () = unknown.notified() => {}
                () = tokio::time::sleep(next) => {}
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = wanted => {}
        }
    }
}

async fn fetch(platform: &Platform, url: Url) -> Result<Vec<PublicKey>, String> {
    let request = OutgoingRequest::new(Method::GET, url, TargetPolicy::Trusted).timeout(TIMEOUT);
    let answer = platform
        .http
        .request(request)
        .await
        .map_err(|error| error.to_string())?;
    if !answer.status.is_success() {
        return Err(format!("it answers {}", answer.status));
    }
    let set: KeySet = answer.json().map_err(|error| error.to_string())?;
    if set.keys.is_empty() {
        return Err("it names no key".to_owned());
    }
    Ok(set.keys)
}
