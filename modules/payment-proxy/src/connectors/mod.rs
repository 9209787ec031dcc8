//! Intermediaries: what is asked of each, and which there are.

mod sandbox;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use opencity_contracts::payment::Payer;
use opencity_kernel::http_client::HttpClient;
use opencity_kernel::module::StartError;
use serde_json::Value;
use uuid::Uuid;

pub use sandbox::SandboxSettings;

use crate::domain::outcome::Standing;

/// A debt position to create.
#[derive(Debug, Clone)]
pub struct NewPosition {
    /// Our id of the payment: asking twice with it creates once.
    pub payment: Uuid,
    /// Tax code of the body.
    pub tax_code: String,
    /// Name of the body.
    pub organization: String,
    /// In cents.
    pub amount: i64,
    /// At most 140 characters, no personal datum.
    pub reason: String,
    /// Until when it can be paid.
    pub expires_at: DateTime<Utc>,
    /// Who pays.
    pub payer: Payer,
    /// Where the citizen comes back to.
    pub return_url: String,
    /// Where outcomes are told.
    pub notify_url: String,
    /// What they are signed with.
    pub secret: String,
    /// pagoPA category.
    pub category: Option<String>,
    /// What a digital stamp needs.
    pub stamp: Option<Stamp>,
}

/// What a digital stamp (*marca da bollo digitale*) needs (`standards.md` §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Base64 of the raw SHA-256 of the document: 44 characters.
    pub document_hash: String,
    /// Province where the payer lives: two capitals.
    pub province: String,
}

/// A debt position as the intermediary has it.
#[derive(Debug, Clone)]
pub struct Position {
    /// IUV.
    pub iuv: String,
    /// Notice number.
    pub notice_number: String,
    /// The payment page.
    pub page_url: String,
    /// How it stands.
    pub standing: Standing,
}

/// Which position.
#[derive(Debug, Clone)]
pub struct PositionRef {
    /// Our id of the payment.
    pub payment: Uuid,
    /// Tax code of the body.
    pub tax_code: String,
}

/// A file of the intermediary.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its type.
    pub mime_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// An outcome that the intermediary tells.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Tax code of the body.
    pub tax_code: String,
    /// IUV.
    pub iuv: String,
    /// Our id, where the intermediary tells it.
    pub payment: Option<Uuid>,
    /// How the position stands; a failed try leaves it open.
    pub standing: Standing,
}

/// Why an intermediary did not do what it was asked. No text names a person.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// No answer, or one that promises nothing: the same request may succeed later, and it may have been carried out.
    #[error("the intermediary does not answer: {0}")]
    Unavailable(String),
    /// A clear no: repeating it is of no use.
    #[error("the intermediary refuses: {0}")]
    Refused(String),
    /// It does not know the position.
    #[error("the intermediary does not know the position")]
    Unknown,
    /// The position is in a state that does not allow it: a paid one is not cancelled.
    #[error("the state of the position does not allow it")]
    WrongState,
}

/// An intermediary. Calls are made outside any transaction.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Its permanent name, a segment of addresses.
    fn id(&self) -> &'static str;

    /// Its own fields of a body's configuration.
    fn tenant_fields(&self) -> Vec<Value> {
        Vec::new()
    }

    /// Its own fields of a service's configuration.
    fn config_fields(&self) -> Vec<Value> {
        Vec::new()
    }

    /// Creates a position, or finds the one that was created with the same id.
    ///
    /// # Errors
    /// [`ConnectorError`].
    async fn create(&self, position: &NewPosition) -> Result<Position, ConnectorError>;

    /// How a position stands.
    ///
    /// # Errors
    /// [`ConnectorError`].
    async fn read(&self, position: &PositionRef) -> Result<Position, ConnectorError>;

    /// Cancels a position; again has no effect.
    ///
    /// # Errors
    /// [`ConnectorError::WrongState`] if it is paid.
    async fn cancel(&self, position: &PositionRef) -> Result<(), ConnectorError>;

    /// The paper notice (*avviso*).
    ///
    /// # Errors
    /// [`ConnectorError`].
    async fn notice(&self, position: &PositionRef) -> Result<Document, ConnectorError>;

    /// The receipt (*ricevuta telematica*).
    ///
    /// # Errors
    /// [`ConnectorError::WrongState`] before the payment.
    async fn receipt(&self, position: &PositionRef) -> Result<Document, ConnectorError>;

    /// The name of the header that carries the signature of a notification.
    fn signature_header(&self) -> &'static str;

    /// Whether a notification is the intermediary's own.
    fn is_authentic(&self, secret: &[u8], signature: &str, body: &[u8]) -> bool;

    /// The outcomes of a notification; none if it is not of the intermediary's form.
    fn outcomes(&self, body: &[u8]) -> Option<Vec<Outcome>>;
}

/// The connectors, by name.
#[derive(Clone)]
pub struct Connectors(Arc<BTreeMap<&'static str, Arc<dyn Connector>>>);

impl Connectors {
    /// All that this version has.
    ///
    /// # Errors
    /// If a setting is not valid.
    pub fn new(sandbox: &SandboxSettings, http: &HttpClient) -> Result<Self, StartError> {
        let all: [Arc<dyn Connector>; 1] =
            [Arc::new(sandbox::Sandbox::new(sandbox, http.clone())?)];
        Ok(Self(Arc::new(
            all.into_iter()
                .map(|connector| (connector.id(), connector))
                .collect(),
        )))
    }

    /// The connector of this name.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<dyn Connector>> {
        self.0.get(id).cloned()
    }
}
