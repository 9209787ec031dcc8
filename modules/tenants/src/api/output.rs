//! What the API shows of a body.

use opencity_contracts::Tenant;
use opencity_kernel::id::TenantId;
use opencity_kernel::instant::Instant;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::parts::{AddressDto, GatewayDto, LogoDto};

/// What everybody may know of a body.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TenantInfo {
    id: TenantId,
    #[schema(max_length = 100, example = "Comune di Bugliano")]
    name: String,
    #[schema(max_length = 63, example = "comune-di-bugliano")]
    slug: String,
    #[schema(max_length = 64)]
    mechanographic_code: Option<String>,
    #[schema(max_length = 64)]
    administrative_code: Option<String>,
    #[schema(max_length = 2000)]
    site_url: Option<String>,
    /// One JSON text: logo, favicon, theme, links of header and footer.
    #[schema(min_items = 1, max_items = 1, example = json!(["{}"]))]
    meta: Vec<String>,
    io_enabled: bool,
    #[schema(max_items = 100)]
    gateways: Vec<GatewayDto>,
    #[schema(max_items = 100)]
    backoffice_enabled_integrations: Vec<String>,
    linkable_application_meetings: bool,
    #[schema(max_length = 64)]
    satisfy_entrypoint_id: Option<String>,
}

impl TenantInfo {
    pub(super) fn of(tenant: &Tenant) -> Self {
        Self {
            id: TenantId::from_uuid(tenant.id),
            name: tenant.name.clone(),
            slug: tenant.slug.clone(),
            mechanographic_code: tenant.mechanographic_code.clone(),
            administrative_code: tenant.administrative_code.clone(),
            site_url: tenant.site_url.clone(),
            meta: vec![meta_text(&tenant.meta)],
            io_enabled: tenant.io_enabled,
            gateways: tenant.gateways.iter().map(GatewayDto::of).collect(),
            backoffice_enabled_integrations: tenant.backoffice_enabled_integrations.clone(),
            linkable_application_meetings: tenant.linkable_application_meetings,
            satisfy_entrypoint_id: tenant.satisfy_entrypoint_id.clone(),
        }
    }
}

/// Clients parse the first element of `meta` as JSON, so there always is one text.
fn meta_text(meta: &[Value]) -> String {
    match meta.first() {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => json!({}).to_string(),
    }
}

/// All of a body, for its administrators.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TenantOut {
    #[serde(flatten)]
    info: TenantInfo,
    #[schema(max_items = 20)]
    hosts: Vec<String>,
    #[schema(max_length = 11)]
    tax_identification_number: Option<String>,
    #[schema(max_length = 20)]
    ipa_code: Option<String>,
    address: AddressDto,
    #[schema(max_length = 254)]
    email: Option<String>,
    #[schema(max_length = 254)]
    pec: Option<String>,
    logo: Option<LogoDto>,
    #[schema(max_length = 100)]
    theme: Option<String>,
    #[schema(max_items = 4)]
    locales: Vec<String>,
    created_at: Instant,
    updated_at: Instant,
}

impl TenantOut {
    pub(super) fn of(tenant: &Tenant) -> Self {
        Self {
            info: TenantInfo::of(tenant),
            hosts: tenant.hosts.clone(),
            tax_identification_number: tenant.tax_identification_number.clone(),
            ipa_code: tenant.ipa_code.clone(),
            address: AddressDto::of(&tenant.address),
            email: tenant.email.clone(),
            pec: tenant.pec.clone(),
            logo: tenant.logo.as_ref().map(LogoDto::of),
            theme: tenant.theme.clone(),
            locales: tenant.locales.clone(),
            created_at: tenant.created_at.into(),
            updated_at: tenant.updated_at.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn meta_is_always_an_array_with_one_json_text() {
        for (meta, text) in [
            (vec![], "{}"),
            (vec![json!({"theme": "blue"})], "{\"theme\":\"blue\"}"),
            (vec![json!("{\"theme\":\"blue\"}")], "{\"theme\":\"blue\"}"),
        ] {
            let info = TenantInfo::of(&Tenant {
                meta,
                ..Tenant::default()
            });
            assert_eq!(serde_json::to_value(&info).unwrap()["meta"], json!([text]));
        }
    }
}
