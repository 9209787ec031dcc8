//! The intermediary of demonstrations and tests: see the README of the sandbox.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use opencity_contracts::payment::PersonType;
use opencity_kernel::crypto::{constant_time_eq, hmac_sha256};
use opencity_kernel::http_client::{HttpClient, OutgoingRequest, OutgoingResponse, TargetPolicy};
use opencity_kernel::module::StartError;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::{Connector, ConnectorError, Document, NewPosition, Outcome, Position, PositionRef};
use crate::domain::outcome::Standing;

/// `[payment_proxy.sandbox]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxSettings {
    /// Where it listens.
    pub base_url: String,
    /// Seconds that it may take to answer.
    pub timeout_seconds: u64,
}

/// The connector.
pub struct Sandbox {
    base: String,
    timeout: Duration,
    http: HttpClient,
}

impl Sandbox {
    /// With these settings.
    ///
    /// # Errors
    /// If the address is none.
    pub fn new(settings: &SandboxSettings, http: HttpClient) -> Result<Self, StartError> {
        Url::parse(&settings.base_url)
            .map_err(|error| StartError::new("payment_proxy.sandbox.base_url", error))?;
        Ok(Self {
            base: settings.base_url.trim_end_matches('/').to_owned(),
            timeout: Duration::from_secs(settings.timeout_seconds.max(1)),
            http,
        })
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<OutgoingResponse, ConnectorError> {
        let unavailable =
            |error: &dyn std::fmt::Display| ConnectorError::Unavailable(error.to_string());
        let url = Url::parse(&format!("{}/intermediary/positions{path}", self.base))
            .map_err(|error| unavailable(&error))?;
        let mut request =
            OutgoingRequest::new(method, url, TargetPolicy::Trusted).timeout(self.timeout);
        if let Some(body) = body {
            request = request.json(body).map_err(|error| unavailable(&error))?;
        }
        let response = self
            .http
            .request(request)
            .await
            .map_err(|error| unavailable(&error))?;
        match response.status {
            status if status.is_success() => Ok(response),
            StatusCode::NOT_FOUND => Err(ConnectorError::Unknown),
            StatusCode::CONFLICT => Err(ConnectorError::WrongState),
            status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => Err(
                ConnectorError::Refused(format!("{} {}", status.as_u16(), code_of(&response))),
            ),
            status => Err(ConnectorError::Unavailable(format!(
                "status {}",
                status.as_u16()
            ))),
        }
    }

    async fn fetch(&self, position: &PositionRef) -> Result<PositionOut, ConnectorError> {
        let found: PositionOut = read(
            &self
                .call(Method::GET, &format!("/{}", position.payment), None)
                .await?,
        )?;
        if found.organization_tax_code == position.tax_code {
            Ok(found)
        } else {
            Err(ConnectorError::Unknown)
        }
    }

    async fn document(
        &self,
        position: &PositionRef,
        what: &str,
    ) -> Result<Document, ConnectorError> {
        let response = self
            .call(Method::GET, &format!("/{}/{what}", position.payment), None)
            .await?;
        Ok(Document {
            mime_type: "application/pdf".to_owned(),
            bytes: response.body,
        })
    }
}

/// The problem's own name, which is one of a few words.
fn code_of(response: &OutgoingResponse) -> String {
    let problem: Value = response.json().unwrap_or_default();
    let code = problem
        .get("code")
        .and_then(Value::as_str)
        .unwrap_or_default();
    code.chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '-')
        .take(40)
        .collect()
}

fn read<T: for<'de> Deserialize<'de>>(response: &OutgoingResponse) -> Result<T, ConnectorError> {
    response
        .json()
        .map_err(|_| ConnectorError::Unavailable("its answer has another form".to_owned()))
}

#[derive(Deserialize)]
struct PositionOut {
    organization_tax_code: String,
    iuv: String,
    notice_number: String,
    status: String,
    amount: i64,
    paid_at: Option<DateTime<Utc>>,
    transaction_id: Option<String>,
    payment_url: String,
}

impl From<PositionOut> for Position {
    fn from(position: PositionOut) -> Self {
        let standing = match (position.status.as_str(), position.paid_at) {
            ("paid", Some(paid_at)) => Standing::Paid {
                paid_at,
                transaction_id: position.transaction_id,
            },
            ("cancelled", _) => Standing::Cancelled,
            ("expired", _) => Standing::Expired,
            _ => Standing::Open,
        };
        Self {
            iuv: position.iuv,
            notice_number: position.notice_number,
            page_url: position.payment_url,
            standing,
        }
    }
}

#[derive(Deserialize)]
struct Notification {
    outcomes: Vec<OutcomeIn>,
}

#[derive(Deserialize)]
struct OutcomeIn {
    external_id: String,
    organization_tax_code: String,
    iuv: String,
    outcome: String,
    paid_at: Option<DateTime<Utc>>,
    transaction_id: Option<String>,
}

#[async_trait]
impl Connector for Sandbox {
    fn id(&self) -> &'static str {
        "sandbox"
    }

    async fn create(&self, position: &NewPosition) -> Result<Position, ConnectorError> {
        let payer = &position.payer;
        let kind = if payer.kind == PersonType::Legal {
            "legal"
        } else {
            "human"
        };
        let body = json!({
            "external_id": position.payment,
            "organization_tax_code": position.tax_code,
            "organization_name": position.organization,
            "amount": position.amount,
            "reason": position.reason,
            "expires_at": position.expires_at.to_rfc3339(),
            "payer": {
                "type": kind, "tax_identification_number": payer.tax_identification_number,
                "name": payer.name, "family_name": payer.family_name,
            },
            "return_url": position.return_url,
            "notify_url": position.notify_url,
            "notify_secret": position.secret,
            "category": position.category,
            "kind": if position.stamp.is_some() { "stamp" } else { "due" },
            "stamp": position.stamp.as_ref().map(|stamp| {
                json!({"type": "01", "document_hash": stamp.document_hash, "province": stamp.province})
            }),
        });
        match self.call(Method::POST, "", Some(&body)).await {
            Ok(response) => read::<PositionOut>(&response).map(Position::from),
            // Created before with other words, for example under another public address: the debt is the same one.
            Err(ConnectorError::WrongState) => {
                let at = PositionRef {
                    payment: position.payment,
                    tax_code: position.tax_code.clone(),
                };
                match self.fetch(&at).await {
                    Ok(known) if known.amount == position.amount => Ok(known.into()),
                    Ok(_) | Err(ConnectorError::Unknown) => Err(ConnectorError::Refused(
                        "the id belongs to another debt".to_owned(),
                    )),
                    Err(error) => Err(error),
                }
            }
            Err(ConnectorError::Unknown) => Err(ConnectorError::Unavailable(
                "nothing answers at its address".to_owned(),
            )),
            Err(error) => Err(error),
        }
    }

    async fn read(&self, position: &PositionRef) -> Result<Position, ConnectorError> {
        self.fetch(position).await.map(Position::from)
    }

    async fn cancel(&self, position: &PositionRef) -> Result<(), ConnectorError> {
        self.call(Method::POST, &format!("/{}/cancel", position.payment), None)
            .await
            .map(|_| ())
    }

    async fn notice(&self, position: &PositionRef) -> Result<Document, ConnectorError> {
        self.document(position, "notice").await
    }

    async fn receipt(&self, position: &PositionRef) -> Result<Document, ConnectorError> {
        self.document(position, "receipt").await
    }

    fn signature_header(&self) -> &'static str {
        "x-sandbox-signature"
    }

    fn is_authentic(&self, secret: &[u8], signature: &str, body: &[u8]) -> bool {
        constant_time_eq(
            hex::encode(hmac_sha256(secret, body)).as_bytes(),
            signature.trim().as_bytes(),
        )
    }

    fn outcomes(&self, body: &[u8]) -> Option<Vec<Outcome>> {
        let notification: Notification = serde_json::from_slice(body).ok()?;
        let outcomes = notification.outcomes.into_iter().map(|outcome| Outcome {
            tax_code: outcome.organization_tax_code,
            iuv: outcome.iuv,
            payment: Uuid::parse_str(&outcome.external_id).ok(),
            standing: match (outcome.outcome.as_str(), outcome.paid_at) {
                ("paid", Some(paid_at)) => Standing::Paid {
                    paid_at,
                    transaction_id: outcome.transaction_id,
                },
                _ => Standing::Open,
            },
        });
        Some(outcomes.collect())
    }
}
