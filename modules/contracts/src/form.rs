//! The body of an event on `forms`: one for each version of a form.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::payload::payload;
use crate::wire::rome;

/// A version of an online form. It never changes: a change is a new version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Form {
    /// The form.
    pub id: Uuid,
    /// The version, from 1.
    pub version: u32,
    /// Its name.
    #[serde(default)]
    pub title: Option<String>,
    /// Its path on the form server.
    #[serde(default)]
    pub path: Option<String>,
    /// The Form.io schema, nested forms resolved.
    pub schema: Map<String, Value>,
    /// By language, then by the text of the schema.
    #[serde(default)]
    pub translations: BTreeMap<String, BTreeMap<String, String>>,
    /// When the form was made.
    #[serde(with = "rome")]
    pub created_at: DateTime<Utc>,
    /// When this version was.
    #[serde(with = "rome")]
    pub updated_at: DateTime<Utc>,
}

payload!(Form, Forms, |form, _tenant| form.id);
