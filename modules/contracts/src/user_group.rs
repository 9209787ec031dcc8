//! The body of an event on `user-groups`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::payload::payload;
use crate::wire::rome;

/// An office (*ufficio*).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserGroup {
    /// The office.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its category.
    #[serde(default)]
    pub topic_id: Option<Uuid>,
    /// In a line.
    #[serde(default)]
    pub short_description: Option<String>,
    /// What it does.
    #[serde(default)]
    pub main_function: Option<String>,
    /// More.
    #[serde(default)]
    pub more_info: Option<String>,
    /// Who leads it.
    #[serde(default)]
    pub manager_id: Option<Uuid>,
    /// How many members it has.
    #[serde(default)]
    pub users_count: Option<u64>,
    /// How many services it has; null where the writer does not know.
    #[serde(default)]
    pub services_count: Option<u64>,
    /// How it is reached.
    #[serde(default)]
    pub core_contact_point: Option<ContactPoint>,
    /// Where it is: a place.
    #[serde(default)]
    pub core_location_id: Option<Uuid>,
    /// Its calendar.
    #[serde(default)]
    pub calendar_id: Option<Uuid>,
    /// When it was made.
    #[serde(with = "rome")]
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    #[serde(with = "rome")]
    pub updated_at: DateTime<Utc>,
}

payload!(UserGroup, UserGroups, |_group, tenant| tenant);

/// How an office is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactPoint {
    /// The contact point.
    pub id: Option<Uuid>,
    /// Its name.
    pub name: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// Page.
    pub url: Option<String>,
    /// Telephone.
    pub phone_number: Option<String>,
    /// Certified mail.
    pub pec: Option<String>,
}
