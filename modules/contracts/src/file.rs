//! Files as events name them: the module that stores a file serves it, the others stream it and check the hash.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::wire::rome_option;

/// A file of an application or of a message. Files never change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The file.
    pub id: Uuid,
    /// The name under which it is kept.
    pub name: String,
    /// Where its bytes are.
    pub url: Option<String>,
    /// The name that its owner gave it.
    #[serde(rename = "originalName", default)]
    pub original_name: Option<String>,
    /// What it is.
    #[serde(default)]
    pub description: Option<String>,
    /// When it came.
    #[serde(default, with = "rome_option")]
    pub created_at: Option<DateTime<Utc>>,
    /// Whether it is registered with the rest.
    #[serde(default)]
    pub protocol_required: Option<bool>,
    /// Its number in the registry.
    #[serde(default)]
    pub protocol_number: Option<String>,
    /// Its id in a system outside.
    #[serde(default)]
    pub external_id: Option<String>,
    /// Its type.
    #[serde(default)]
    pub mime_type: Option<String>,
    /// In bytes. Null, with the hashes, where another system keeps the file.
    #[serde(default)]
    pub size: Option<u64>,
    /// MD5 in hex.
    #[serde(default)]
    pub md5: Option<String>,
    /// SHA-256 in hex.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// A request for integrations or the answer to one: its own document, and the files that go with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationFile {
    /// The document.
    #[serde(flatten)]
    pub file: File,
    /// What goes with it.
    #[serde(default)]
    pub attachments: Vec<File>,
}

/// A collection of another module that an entity comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteCollection {
    /// The collection, e.g. the service.
    pub id: Uuid,
    /// What it is: `service`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl RemoteCollection {
    /// A service.
    #[must_use]
    pub fn service(id: Uuid) -> Self {
        Self {
            id,
            kind: "service".to_owned(),
        }
    }
}

impl Default for RemoteCollection {
    fn default() -> Self {
        Self::service(Uuid::nil())
    }
}
