//! The bodies (*Enti*) that the installation serves: registry data, hosts, look, what is switched on.
//!
//! A body's row is the only one of its tenancy here. Every change is an event on `tenants`, from which
//! the directory of every process knows which body answers under a host or a slug.

mod api;
mod demo;
mod domain;
mod store;

use async_trait::async_trait;
use opencity_contracts::Topic;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{Migration, Tenancy};
use opencity_kernel::id::TenantId;
use opencity_kernel::module::{Module, ModuleInfo, StartError};
use opencity_kernel::{Problem, migrations, module_info};

pub use opencity_contracts::Tenant;

/// The module.
pub const INFO: ModuleInfo = module_info!("tenants", "Tenants");
/// Its tables.
pub const MIGRATIONS: &[Migration] = migrations!("tenants", "20261124100000_initial" => 1);

/// `[tenants]`
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The kernel's directory reads it.
    #[serde(rename = "fallback")]
    _fallback: String,
}

/// The bounded context of the bodies.
pub struct Tenants {
    ctx: ModuleContext,
}

impl Tenants {
    /// The module.
    ///
    /// # Errors
    /// If its settings are not valid.
    pub fn new(ctx: ModuleContext) -> Result<Self, StartError> {
        ctx.platform.config.section::<Settings>("tenants")?;
        Ok(Self { ctx })
    }
}

/// A body to be made by `opencity tenant create`.
#[derive(Debug, Clone, Default)]
pub struct NewTenant {
    /// Its id; a new one if `None`.
    pub id: Option<TenantId>,
    /// First path segment of its URLs: lower-case letters, digits, hyphens.
    pub slug: String,
    /// Its name, e.g. "Comune di Bugliano".
    pub name: String,
    /// Hosts that it answers under, without port; the first one stands in public links.
    pub hosts: Vec<String>,
    /// Tax code, 11 digits.
    pub tax_identification_number: Option<String>,
    /// Code in the index of public administrations (IPA).
    pub ipa_code: Option<String>,
}

/// Makes a body.
///
/// # Errors
/// `validation` if a field is wrong or the slug is reserved, `already-exists` if slug, host or a code is taken.
pub async fn create(ctx: &ModuleContext, new: NewTenant) -> Result<Tenant, Problem> {
    let input = api::TenantIn {
        slug: Some(new.slug),
        name: Some(new.name),
        hosts: Some(new.hosts),
        tax_identification_number: Some(new.tax_identification_number),
        ipa_code: Some(new.ipa_code),
        ..api::TenantIn::default()
    };
    let body = input.create(new.id.unwrap_or_default(), ctx.platform.test_bodies())?;
    // A handle of another module would sign the event with that module's name.
    let db = ctx.db.for_module(INFO);
    let made = body.clone();
    db.write(
        Tenancy::from_row(TenantId::from_uuid(body.id)),
        move |scope| store::insert(scope, &made),
    )
    .await?;
    Ok(body)
}

#[async_trait(?Send)]
impl Module for Tenants {
    fn info(&self) -> ModuleInfo {
        INFO
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        api::routes(config, &self.ctx);
    }

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        api::openapi()
    }

    fn paths(&self) -> &'static [&'static str] {
        &["tenants"]
    }

    fn writes(&self) -> &'static [Topic] {
        &[Topic::Tenants]
    }

    async fn seed_demo(&self) -> Result<(), StartError> {
        demo::seed(&self.ctx).await
    }

    async fn republish(&self, topic: Topic) -> Result<Option<u64>, StartError> {
        if topic != Topic::Tenants {
            return Ok(None);
        }
        let all = self
            .ctx
            .db
            .read_across("the present state of every body", |platform| {
                store::all(platform)
            })
            .await?;
        let mut count = 0;
        for tenancy in all {
            let written = self.ctx.db.write(tenancy, store::republish).await?;
            count += u64::from(written);
        }
        Ok(Some(count))
    }
}
