//! The body of an event on `security`: who came in, who was refused, whose rights changed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::payload::payload;
use crate::wire::{rome, text_enum};

text_enum! {
    /// What happened.
    #[derive(Default)]
    pub enum SecurityEventType {
        /// Somebody logged in.
        #[default]
        Login => "login",
        /// Somebody was refused.
        LoginFailed => "login_failed",
        /// Too many failures: refused for a while.
        LockedOut => "locked_out",
        /// Somebody logged out.
        Logout => "logout",
        /// A password, second factor or key was set or taken away.
        CredentialChanged => "credential_changed",
        /// Roles, services, offices or the right to log in changed.
        RightsChanged => "rights_changed",
    }
}

/// A fact of security. It names users by id alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecurityEvent {
    /// The fact.
    pub id: Uuid,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: SecurityEventType,
    /// To whom; null when the name given is nobody's.
    #[serde(default)]
    pub user_id: Option<Uuid>,
    /// Who did it, if another.
    #[serde(default)]
    pub actor_id: Option<Uuid>,
    /// How the user was recognised: `password`, `oidc`, `spid`, …
    #[serde(default)]
    pub method: Option<String>,
    /// From where.
    #[serde(default)]
    pub ip: Option<String>,
    /// Rights before and after, or why somebody was refused.
    #[serde(default)]
    pub details: Map<String, Value>,
    /// When.
    #[serde(with = "rome")]
    pub occurred_at: DateTime<Utc>,
}

payload!(SecurityEvent, Security, |_event, tenant| tenant);
