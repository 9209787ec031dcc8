//! The demo municipality of `config/demo.toml`: each module seeds its own part.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::db::Tenancy;
use crate::id::TenantId;
use crate::module::StartError;

const DEMO: &str = include_str!("../../../config/demo.toml");

/// The key of the demo's citizen ids, so that they are the same on every machine (base64 of 32 bytes).
pub const CITIZEN_ID_KEY: &str = "b3BlbmNpdHktZGVtby1jaXRpemVuLWlkLWtleS0wMDE=";

/// Reads the demo as a module needs it: a type with the keys of its part.
///
/// # Errors
/// If the file has another shape.
pub fn read<T: DeserializeOwned>() -> Result<T, StartError> {
    toml::from_str(DEMO).map_err(|error| StartError::new("config/demo.toml", error))
}

/// For whom the demo is seeded.
///
/// # Errors
/// If the file has another shape.
pub fn tenancy() -> Result<Tenancy, StartError> {
    #[derive(Deserialize)]
    struct Demo {
        tenant: DemoTenant,
    }
    #[derive(Deserialize)]
    struct DemoTenant {
        id: TenantId,
    }
    Ok(Tenancy::from_row(read::<Demo>()?.tenant.id))
}
