//! The body of an event on `tenants`. No secret is ever in it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::payload::payload;
use crate::wire::rome;

/// A body (*ente*) that the installation serves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// The body.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// First path segment of its URLs.
    pub slug: String,
    /// Its hosts.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Tax code, 11 digits.
    #[serde(default)]
    pub tax_identification_number: Option<String>,
    /// Code in the index of public administrations (IPA).
    #[serde(default)]
    pub ipa_code: Option<String>,
    /// *Codice meccanografico*.
    #[serde(default)]
    pub mechanographic_code: Option<String>,
    /// *Codice amministrativo*.
    #[serde(default)]
    pub administrative_code: Option<String>,
    /// Its site.
    #[serde(default)]
    pub site_url: Option<String>,
    /// Where it is.
    #[serde(default)]
    pub address: TenantAddress,
    /// E-mail.
    #[serde(default)]
    pub email: Option<String>,
    /// Certified mail (PEC).
    #[serde(default)]
    pub pec: Option<String>,
    /// Its arms, for documents and mails.
    #[serde(default)]
    pub logo: Option<Logo>,
    /// The colours of its pages.
    #[serde(default)]
    pub theme: Option<String>,
    /// Its languages, the first is the default.
    #[serde(default)]
    pub locales: Vec<String>,
    /// Look of the pages, as the API gives it.
    #[serde(default)]
    pub meta: Vec<Value>,
    /// Whether messages go to App IO.
    #[serde(default)]
    pub io_enabled: bool,
    /// The payment connectors in use.
    #[serde(default)]
    pub gateways: Vec<TenantGateway>,
    /// Parts of the back office that are on.
    #[serde(default)]
    pub backoffice_enabled_integrations: Vec<String>,
    /// Whether appointments can be tied to applications.
    #[serde(default)]
    pub linkable_application_meetings: bool,
    /// Entry point of the satisfaction survey.
    #[serde(default)]
    pub satisfy_entrypoint_id: Option<String>,
    /// When it was made.
    #[serde(with = "rome")]
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    #[serde(with = "rome")]
    pub updated_at: DateTime<Utc>,
}

payload!(Tenant, Tenants, |tenant, _tenant| tenant.id);

/// The address of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantAddress {
    /// Street.
    pub street_name: Option<String>,
    /// House number.
    pub building_number: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Town.
    pub town_name: Option<String>,
    /// Province code.
    pub country_subdivision: Option<String>,
    /// `IT`.
    pub country: Option<String>,
}

/// A picture small enough to travel with the event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logo {
    /// Its type.
    pub mime_type: String,
    /// The bytes, base64.
    pub bytes: String,
    /// SHA-256 of the bytes, in hex.
    pub sha256: String,
}

/// A payment connector of a body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TenantGateway {
    /// The connector.
    pub identifier: String,
    /// Nothing secret.
    #[serde(default)]
    pub parameters: Map<String, Value>,
}
