//! The body of an event on `users`: version 2 of the API's user. No credential is ever in it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::payload::payload;
use crate::wire::{rome, rome_option, text_enum};

text_enum! {
    /// Why there is an event of a user.
    #[derive(Default)]
    pub enum UserEventReason {
        /// A citizen logged in: the proxies import his dues.
        Login => "login",
        /// Made.
        Created => "created",
        /// Changed.
        #[default]
        Changed => "changed",
        /// Deleted: only id and role are left.
        Deleted => "deleted",
    }
}

text_enum! {
    /// What a user is.
    #[derive(Default)]
    pub enum UserRole {
        /// A citizen.
        #[default]
        User => "user",
        /// An operator.
        Operator => "operator",
        /// An administrator.
        Admin => "admin",
        /// An administrator of the platform, who works across bodies.
        Platform => "platform",
    }
}

/// A citizen, an operator or an administrator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user.
    pub id: Uuid,
    /// What he is.
    pub role: UserRole,
    /// Why there is this event.
    pub event_reason: UserEventReason,
    /// Of operators and administrators.
    #[serde(default)]
    pub username: Option<String>,
    /// Fiscal code.
    #[serde(default)]
    pub tax_code: Option<String>,
    /// Other ids of the same citizen, made from fiscal codes that were corrected since.
    #[serde(default)]
    pub aliases: Vec<Uuid>,
    /// Code at the identity provider.
    #[serde(default)]
    pub spid_code: Option<String>,
    /// First name.
    #[serde(default)]
    pub given_name: Option<String>,
    /// Family name.
    #[serde(default)]
    pub family_name: Option<String>,
    /// Both.
    #[serde(default)]
    pub full_name: Option<String>,
    /// Gender, as the identity provider says.
    #[serde(default)]
    pub gender: Option<String>,
    /// Birth: when.
    #[serde(default, with = "rome_option")]
    pub date_of_birth: Option<DateTime<Utc>>,
    /// Birth: where.
    #[serde(default)]
    pub place_of_birth: Option<String>,
    /// Birth: province.
    #[serde(default)]
    pub county_of_birth: Option<String>,
    /// Birth: country.
    #[serde(default)]
    pub country_of_birth: Option<String>,
    /// E-mail.
    #[serde(default)]
    pub email: Option<String>,
    /// Mobile phone.
    #[serde(default)]
    pub mobile_phone: Option<String>,
    /// Telephone.
    #[serde(default)]
    pub telephone: Option<String>,
    /// Where he lives.
    #[serde(default)]
    pub domicile: Address,
    /// Where he is registered.
    #[serde(default)]
    pub residency: Address,
    /// Operators and administrators: may log in.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Operators and administrators: roles of the platform (`ROLE_…`).
    #[serde(default)]
    pub roles: Vec<String>,
    /// Operators: a system outside, not a person.
    #[serde(default)]
    pub system_user: Option<bool>,
    /// Operators: the services that they are enabled on.
    #[serde(default)]
    pub enabled_services_ids: Vec<Uuid>,
    /// Operators: the offices that they are members of.
    #[serde(default)]
    pub user_groups_ids: Vec<Uuid>,
    /// When he was made.
    #[serde(with = "rome")]
    pub created_at: DateTime<Utc>,
    /// When he last changed.
    #[serde(with = "rome")]
    pub updated_at: DateTime<Utc>,
}

payload!(User, Users, |user, _tenant| user.id);

/// An address of a citizen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// Street and number.
    pub address: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// Province.
    pub county: Option<String>,
    /// Town.
    pub municipality: Option<String>,
    /// Postal code.
    pub post_code: Option<String>,
}
