//! The demo municipality at the sandbox's intermediary.

use opencity_contracts::money::Cents;
use opencity_contracts::payment::{PaymentType, Receiver};
use opencity_kernel::Problem;
use opencity_kernel::db::WriteScope;
use opencity_kernel::demo;
use opencity_kernel::id::ConfigId;
use opencity_kernel::module::StartError;
use serde::Deserialize;
use serde_json::Map;
use uuid::Uuid;

use crate::api::{config_row, tenant_row};
use crate::domain::settings::{ConfigSettings, RemoteCollection, TenantSettings};
use crate::proxy::Proxy;
use crate::store::{config, tenant};

#[derive(Deserialize)]
struct Demo {
    tenant: DemoTenant,
    services: Vec<DemoService>,
}

#[derive(Deserialize)]
struct DemoTenant {
    id: Uuid,
    name: String,
    tax_identification_number: String,
}

#[derive(Deserialize)]
struct DemoService {
    id: Uuid,
    name: String,
    gateway: Option<String>,
    payment_config_id: Option<Uuid>,
    payment_due_type: Option<String>,
    pagopa_category: Option<String>,
}

/// Configures the services that have a connector, once.
///
/// # Errors
/// If the demo cannot be read or written.
pub async fn seed(proxy: &Proxy) -> Result<(), StartError> {
    let demo: Demo = demo::read()?;
    let writer = proxy.clone();
    proxy
        .ctx
        .db
        .write::<_, Problem>(demo::tenancy()?, move |scope| {
            demo.services
                .iter()
                .try_for_each(|service| seed_service(&writer, scope, &demo.tenant, service))
        })
        .await
        .map_err(|error| {
            StartError::new("the demo's payment configurations cannot be written", error)
        })
}

fn seed_service(
    proxy: &Proxy,
    scope: &mut WriteScope<'_>,
    body: &DemoTenant,
    service: &DemoService,
) -> Result<(), Problem> {
    let (Some(gateway), Some(id)) = (&service.gateway, service.payment_config_id) else {
        return Ok(());
    };
    let Some(connector) = proxy.connectors.get(gateway) else {
        return Ok(());
    };
    if tenant::find(scope, connector.id())?.is_none() {
        let settings = TenantSettings {
            id: body.id,
            name: body.name.clone(),
            tax_identification_number: body.tax_identification_number.clone(),
            active: true,
            extra: Map::new(),
        };
        let row = tenant_row(proxy, scope.tenant_id(), connector.id(), &settings)?;
        tenant::insert(scope, &row)?;
    }
    if config::find(scope, connector.id(), ConfigId::from_uuid(id))?.is_some() {
        return Ok(());
    }
    let settings = ConfigSettings {
        id: Some(id),
        payment_type: PaymentType::Pagopa,
        remote_collection: RemoteCollection {
            id: service.id,
            kind: "service".to_owned(),
        },
        amount: Cents::new(100).map_err(Problem::internal)?,
        reason: service.name.clone(),
        expire_at: 90,
        receiver: Receiver {
            tax_identification_number: body.tax_identification_number.clone(),
            name: body.name.clone(),
            ..Receiver::default()
        },
        collection_data: service
            .pagopa_category
            .clone()
            .unwrap_or_else(|| "9/0101100IM/".to_owned()),
        due_type: service.payment_due_type.clone(),
        active: true,
        extra: Map::new(),
    };
    Ok(config::insert(
        scope,
        &config_row(scope.tenant_id(), connector.id(), settings)?,
    )?)
}
