//! One attempt over the wire.

use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method};
use opencity_kernel::clock;
use opencity_kernel::crypto::Sealer;
use opencity_kernel::http_client::{HttpClient, OutgoingRequest, TargetPolicy};
use opencity_kernel::instant::Instant;
use url::Url;

use crate::domain::{Attempt, check_header, retry_after, signature};
use crate::secrets;
use crate::store::delivery::DeliveryRow;
use crate::store::webhook::WebhookRow;

/// What came of an attempt, and why it failed, in words for the administrator.
pub(crate) struct Sent {
    pub attempt: Attempt,
    pub error: Option<String>,
}

/// Signs and sends. The target is vetted again by the client: its name may point elsewhere by now.
pub(crate) async fn send(
    client: &HttpClient,
    sealer: &Sealer,
    timeout: Duration,
    webhook: &WebhookRow,
    delivery: &DeliveryRow,
) -> Sent {
    let now = clock::now();
    let request = match request(sealer, timeout, webhook, delivery, now) {
        Ok(request) => request,
        Err(error) => {
            return Sent {
                attempt: Attempt::NoAnswer,
                error: Some(error),
            };
        }
    };
    // Only status and headers count: the body of the answer is not read.
    match client.get_stream(request).await {
        Ok(answer) => {
            let status = answer.status.as_u16();
            let asked = answer
                .headers
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok());
            Sent {
                attempt: Attempt::Answered {
                    status,
                    retry_after: asked.and_then(|value| retry_after(value, now)),
                },
                error: (!answer.status.is_success()).then(|| failure(status)),
            }
        }
        Err(error) => Sent {
            attempt: Attempt::NoAnswer,
            error: Some(error.to_string()),
        },
    }
}

fn failure(status: u16) -> String {
    match status {
        300..=399 => format!(
            "the target redirects ({status}), which is not followed: give its final address"
        ),
        410 => "the target wants no more deliveries (410): the webhook was switched off".to_owned(),
        _ => format!("the target answered {status}"),
    }
}

fn request(
    sealer: &Sealer,
    timeout: Duration,
    webhook: &WebhookRow,
    delivery: &DeliveryRow,
    now: Instant,
) -> Result<OutgoingRequest, String> {
    let url = Url::parse(&webhook.endpoint).map_err(|_| "the endpoint is no URL".to_owned())?;
    let secrets =
        secrets::signing_secrets(sealer, webhook, now).map_err(|error| error.to_string())?;
    let headers = secrets::open_headers(sealer, webhook).map_err(|error| error.to_string())?;
    let id = delivery.id.to_string();
    let signed = signature(&secrets, &id, now.unix(), &delivery.body);
    let value =
        |text: &str| HeaderValue::from_str(text).map_err(|_| "a header cannot be sent".to_owned());
    let mut request = OutgoingRequest::new(Method::POST, url, TargetPolicy::Vetted)
        .timeout(timeout)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(HeaderName::from_static("webhook-id"), value(&id)?)
        .header(
            HeaderName::from_static("webhook-timestamp"),
            value(&now.unix().to_string())?,
        )
        .header(
            HeaderName::from_static("webhook-signature"),
            value(&signed)?,
        )
        .body(delivery.body.clone());
    for (name, value) in headers {
        if let Some((name, value)) = check_header(&name, &value) {
            request = request.header(name, value);
        }
    }
    Ok(request)
}
