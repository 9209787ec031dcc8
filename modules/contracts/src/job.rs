//! The body of an event on `jobs`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::payload::payload;
use crate::wire::{rome, rome_option, text_enum};

text_enum! {
    /// The state of an asynchronous process.
    #[derive(Default)]
    pub enum JobStatus {
        /// Asked for.
        #[default]
        Pending => "pending",
        /// Under way.
        Running => "running",
        /// Ended, also with refused rows. Final.
        Finished => "finished",
        /// Could not be done. Final.
        Failed => "failed",
        /// Called off. Final.
        Cancelled => "cancelled",
    }
}

impl JobStatus {
    /// Whether there is an edge to `next`.
    #[must_use]
    pub fn can_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Running | Self::Failed | Self::Cancelled),
            Self::Running => matches!(next, Self::Finished | Self::Failed | Self::Cancelled),
            Self::Finished | Self::Failed | Self::Cancelled => false,
        }
    }

    /// Nothing more happens to it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Cancelled)
    }
}

/// An asynchronous process: its request, its progress, its outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The process.
    pub id: Uuid,
    /// Which process; it decides who executes: `import_dovuti`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its state.
    pub status: JobStatus,
    /// Who asked for it.
    #[serde(default)]
    pub requested_by: Option<Uuid>,
    /// The file that it works on.
    #[serde(default)]
    pub attachment: Option<JobFile>,
    /// What the type asks for.
    #[serde(default)]
    pub args: Map<String, Value>,
    /// How far it is.
    #[serde(default)]
    pub progress: Progress,
    /// What came out.
    #[serde(default)]
    pub output: Option<Value>,
    /// What it says while it runs.
    #[serde(default)]
    pub running_output: Option<String>,
    /// The refused rows, as CSV with line and reason.
    #[serde(default)]
    pub rejects: Option<JobFile>,
    /// When it was begun.
    #[serde(default, with = "rome_option")]
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(default, with = "rome_option")]
    pub terminated_at: Option<DateTime<Utc>>,
    /// When it was asked for.
    #[serde(with = "rome")]
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    #[serde(with = "rome")]
    pub updated_at: DateTime<Utc>,
}

payload!(Job, Jobs, |job, _tenant| job.id);

/// How far a process is, in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Done, refused ones included.
    pub done: u64,
    /// All; null as long as nobody has counted.
    pub total: Option<u64>,
    /// Refused.
    pub rejected: u64,
}

/// A file of a process, kept by the module that wrote the event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFile {
    /// Its name.
    pub name: String,
    /// Its type.
    pub mime_type: String,
    /// Where its bytes are.
    pub url: String,
    /// In bytes.
    pub size: u64,
    /// MD5 in hex.
    pub md5: String,
    /// SHA-256 in hex.
    pub sha256: String,
}
