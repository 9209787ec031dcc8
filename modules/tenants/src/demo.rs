//! The demo municipality.

use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::Tenancy;
use opencity_kernel::demo;
use opencity_kernel::id::TenantId;
use opencity_kernel::module::StartError;
use serde::Deserialize;

use crate::{api, store};

#[derive(Deserialize)]
struct Demo {
    tenant: DemoTenant,
}

#[derive(Deserialize)]
struct DemoTenant {
    id: TenantId,
    slug: String,
    name: String,
    hosts: Vec<String>,
    mechanographic_code: String,
    administrative_code: String,
    ipa_code: String,
    tax_identification_number: String,
    address: String,
    building_number: String,
    postal_code: String,
    town_name: String,
    country_subdivision: String,
    email: String,
    certified_email: String,
    site_url: String,
}

pub(crate) async fn seed(ctx: &ModuleContext) -> Result<(), StartError> {
    let tenant = demo::read::<Demo>()?.tenant;
    let tenancy = Tenancy::from_row(tenant.id);
    let input = api::TenantIn {
        slug: Some(tenant.slug),
        name: Some(tenant.name),
        hosts: Some(tenant.hosts),
        mechanographic_code: Some(Some(tenant.mechanographic_code)),
        administrative_code: Some(Some(tenant.administrative_code)),
        ipa_code: Some(Some(tenant.ipa_code)),
        tax_identification_number: Some(Some(tenant.tax_identification_number)),
        address: Some(api::AddressDto {
            street_name: Some(tenant.address),
            building_number: Some(tenant.building_number),
            postal_code: Some(tenant.postal_code),
            town_name: Some(tenant.town_name),
            country_subdivision: Some(tenant.country_subdivision),
            country: Some("IT".to_owned()),
        }),
        email: Some(Some(tenant.email)),
        pec: Some(Some(tenant.certified_email)),
        site_url: Some(Some(tenant.site_url)),
        locales: Some(vec!["it".to_owned(), "en".to_owned(), "de".to_owned()]),
        ..api::TenantIn::default()
    };
    let refused = |problem: opencity_kernel::Problem| {
        StartError::new("the demo municipality cannot be made", problem)
    };
    let body = input
        .create(tenant.id, ctx.platform.test_bodies())
        .map_err(refused)?;
    ctx.db
        .write(tenancy, move |scope| match store::find(scope)? {
            Some(_) => Ok(()),
            None => store::insert(scope, &body),
        })
        .await
        .map_err(refused)
}
