//! The demo's part: every service that needs registration goes to the demonstration registry.

use opencity_kernel::clock;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::DbError;
use opencity_kernel::id::ServiceId;
use opencity_kernel::json::Json;
use opencity_kernel::module::StartError;
use serde::Deserialize;
use serde_json::json;

use crate::store::config::{self, ServiceConfig, TenantConfig};

const CONNECTOR: &str = "sandbox";

#[derive(Deserialize)]
struct Demo {
    tenant: DemoTenant,
    services: Vec<DemoService>,
}

#[derive(Deserialize)]
struct DemoTenant {
    name: String,
    tax_identification_number: String,
}

#[derive(Deserialize)]
struct DemoService {
    id: ServiceId,
    name: String,
    protocol_required: bool,
}

/// Configures the demo; what is there stays as it is.
pub(crate) async fn seed(ctx: &ModuleContext) -> Result<(), StartError> {
    let demo: Demo = opencity_kernel::demo::read()?;
    let tenancy = opencity_kernel::demo::tenancy()?;
    ctx.db
        .write::<_, DbError>(tenancy, move |scope| {
            let now = clock::now();
            if config::of_tenant(scope, CONNECTOR)?.is_none() {
                let row = TenantConfig {
                    tenant_id: scope.tenant_id(),
                    connector: CONNECTOR.to_owned(),
                    version: 1,
                    description: demo.tenant.name,
                    parameters: Json(
                        json!({ "organization_tax_code": demo.tenant.tax_identification_number }),
                    ),
                    active: true,
                    created_at: now,
                    updated_at: now,
                };
                config::save_tenant(scope, &row, None)?;
            }
            for service in demo
                .services
                .into_iter()
                .filter(|service| service.protocol_required)
            {
                let there = config::active(scope, service.id)?.is_some()
                    || config::of_service(scope, CONNECTOR, service.id)?.is_some();
                if there {
                    continue;
                }
                let row = ServiceConfig {
                    tenant_id: scope.tenant_id(),
                    connector: CONNECTOR.to_owned(),
                    service_id: service.id,
                    version: 1,
                    description: service.name,
                    parameters: Json(json!({})),
                    active: true,
                    created_at: now,
                    updated_at: now,
                };
                config::save_service(scope, &row, None)?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}
