//! The parts of a body that have parts of their own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opencity_contracts::tenant::{Logo, TenantAddress, TenantGateway};
use opencity_kernel::FieldProblem;
use opencity_kernel::crypto::sha256_hex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Pictures that documents can show.
const LOGO_TYPES: [&str; 3] = ["image/png", "image/jpeg", "image/svg+xml"];
/// The most bytes of a logo: it travels with every event of the body.
const MAX_LOGO: usize = 256 * 1024;

/// The address of a body.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct AddressDto {
    /// Street.
    #[schema(max_length = 200)]
    pub(crate) street_name: Option<String>,
    /// House number.
    #[schema(max_length = 200)]
    pub(crate) building_number: Option<String>,
    /// Postal code.
    #[schema(max_length = 200)]
    pub(crate) postal_code: Option<String>,
    /// Town.
    #[schema(max_length = 200)]
    pub(crate) town_name: Option<String>,
    /// Code of the province.
    #[schema(max_length = 200, example = "PI")]
    pub(crate) country_subdivision: Option<String>,
    /// ISO 3166-1, two letters.
    #[schema(max_length = 200, example = "IT")]
    pub(crate) country: Option<String>,
}

impl AddressDto {
    pub(crate) fn of(address: &TenantAddress) -> Self {
        let it = address.clone();
        Self {
            street_name: it.street_name,
            building_number: it.building_number,
            postal_code: it.postal_code,
            town_name: it.town_name,
            country_subdivision: it.country_subdivision,
            country: it.country,
        }
    }

    pub(super) fn into_contract(self) -> TenantAddress {
        TenantAddress {
            street_name: self.street_name,
            building_number: self.building_number,
            postal_code: self.postal_code,
            town_name: self.town_name,
            country_subdivision: self.country_subdivision,
            country: self.country,
        }
    }

    pub(super) fn texts(&self) -> [&Option<String>; 6] {
        [
            &self.street_name,
            &self.building_number,
            &self.postal_code,
            &self.town_name,
            &self.country_subdivision,
            &self.country,
        ]
    }
}

/// The arms of a body, for documents and mails.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct LogoDto {
    /// `image/png`, `image/jpeg` or `image/svg+xml`.
    #[schema(max_length = 20, example = "image/png")]
    mime_type: String,
    /// The bytes in base64; at most 262144 of them.
    #[schema(max_length = 349528)]
    bytes: String,
    /// SHA-256 of the bytes in hex; follows from them.
    #[serde(default)]
    #[schema(read_only, max_length = 64)]
    sha256: String,
}

impl LogoDto {
    pub(crate) fn of(logo: &Logo) -> Self {
        Self {
            mime_type: logo.mime_type.clone(),
            bytes: logo.bytes.clone(),
            sha256: logo.sha256.clone(),
        }
    }

    fn decoded(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.bytes.trim()).ok()
    }

    /// Why it cannot be taken: key, code and message, or `None`.
    pub(super) fn fault(&self) -> Option<FieldProblem> {
        if !LOGO_TYPES.contains(&self.mime_type.as_str()) {
            let message = format!("Give one of: {}.", LOGO_TYPES.join(", "));
            return Some(FieldProblem::new("logo.mime_type", "value", &message));
        }
        let fits = |bytes: Vec<u8>| (1..=MAX_LOGO).contains(&bytes.len());
        (!self.decoded().is_some_and(fits)).then(|| {
            let message = "Give 1 to 262144 bytes in base64.";
            FieldProblem::new("logo.bytes", "base64", message)
        })
    }

    pub(super) fn into_contract(self) -> Logo {
        Logo {
            sha256: sha256_hex(&self.decoded().unwrap_or_default()),
            mime_type: self.mime_type,
            bytes: self.bytes.trim().to_owned(),
        }
    }
}

/// A payment connector of the body. Everybody can read it: nothing secret belongs here.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct GatewayDto {
    /// The connector.
    #[schema(max_length = 64, example = "sandbox")]
    pub(super) identifier: String,
    /// Nothing secret.
    #[serde(default)]
    pub(super) parameters: Map<String, Value>,
}

impl GatewayDto {
    pub(crate) fn of(gateway: &TenantGateway) -> Self {
        Self {
            identifier: gateway.identifier.clone(),
            parameters: gateway.parameters.clone(),
        }
    }
}
