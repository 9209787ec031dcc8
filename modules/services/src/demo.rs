//! The demo municipality's part: a category, three forms, three services.

use std::collections::BTreeMap;

use opencity_contracts::service::{
    AccessLevel, FlowStep, FlowStepParameters, Gateway, GatewayParameters, PaymentParameters,
    PaymentRequired, ServiceStatus,
};
use opencity_kernel::Problem;
use opencity_kernel::db::{Database, WriteScope};
use opencity_kernel::id::{ConfigId, FormId, OfficeId, ServiceId, TermId};
use opencity_kernel::module::StartError;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::Texts;
use crate::domain::form::FormSource;
use crate::domain::service::ServiceFields;
use crate::domain::vocabulary::{TermFields, TermKind};
use crate::store;

#[derive(Deserialize)]
struct Demo {
    offices: Vec<DemoOffice>,
    categories: Vec<DemoCategory>,
    services: Vec<DemoService>,
}

#[derive(Deserialize)]
struct DemoOffice {
    id: OfficeId,
}

#[derive(Deserialize)]
struct DemoCategory {
    id: TermId,
    name: String,
    slug: String,
}

#[derive(Deserialize)]
struct DemoService {
    id: ServiceId,
    form_id: FormId,
    form: String,
    identifier: String,
    slug: String,
    name: String,
    short_description: String,
    access_level: i32,
    payment_required: i32,
    protocol_required: bool,
    allow_integration_request: bool,
    allow_withdraw: bool,
    allow_reopening: bool,
    gateway: Option<String>,
    payment_config_id: Option<ConfigId>,
}

/// The Form.io schema of a demo form.
fn schema(form: &str) -> Result<Map<String, Value>, StartError> {
    let text = match form {
        "occupazione-suolo-pubblico" => {
            include_str!("../../../examples/forms/occupazione-suolo-pubblico.json")
        }
        "iscrizione-asilo-nido" => {
            include_str!("../../../examples/forms/iscrizione-asilo-nido.json")
        }
        "segnalazione-disservizio" => {
            include_str!("../../../examples/forms/segnalazione-disservizio.json")
        }
        other => {
            return Err(StartError(format!(
                "config/demo.toml names the form {other}, which is not in the binary"
            )));
        }
    };
    serde_json::from_str(text)
        .map_err(|error| StartError::new(format!("examples/forms/{form}.json"), error))
}

/// Writes what is not there yet.
///
/// # Errors
/// If the demo's files do not fit, or the database refuses.
pub async fn seed(database: &Database) -> Result<(), StartError> {
    let demo: Demo = opencity_kernel::demo::read()?;
    let mut schemas = Vec::new();
    for service in &demo.services {
        schemas.push(schema(&service.form)?);
    }
    database
        .write(opencity_kernel::demo::tenancy()?, move |scope| {
            write(scope, demo, schemas)
        })
        .await
        .map_err(|problem: Problem| {
            StartError::new("the demo's services cannot be written", problem)
        })
}

fn write(
    scope: &mut WriteScope<'_>,
    demo: Demo,
    schemas: Vec<Map<String, Value>>,
) -> Result<(), Problem> {
    let category = demo.categories.first().map(|category| category.id);
    for DemoCategory { id, name, slug } in demo.categories {
        if store::terms::by_id(scope, TermKind::Category, id)?.is_none() {
            let fields = TermFields {
                name,
                slug,
                ..TermFields::default()
            };
            store::terms::create(scope, TermKind::Category, id, fields)?;
        }
    }
    let offices: Vec<OfficeId> = demo.offices.into_iter().map(|office| office.id).collect();
    for (service, schema) in demo.services.into_iter().zip(schemas) {
        if !store::forms::exists(scope, service.form_id)? {
            store::forms::create(scope, service.form_id, FormSource::read(schema)?)?;
        }
        if store::services::by_id(scope, service.id)?.is_none() {
            store::services::create(scope, service.id, fields_of(service, category, &offices))?;
        }
    }
    Ok(())
}

fn fields_of(
    service: DemoService,
    topics_id: Option<TermId>,
    offices: &[OfficeId],
) -> ServiceFields {
    let config_id = service.payment_config_id.map(ConfigId::uuid);
    let gateways = service.gateway.map(|identifier| Gateway {
        identifier,
        parameters: GatewayParameters {
            config_id,
            extra: Map::new(),
        },
    });
    ServiceFields {
        identifier: Some(service.identifier),
        slug: service.slug,
        name: service.name,
        topics_id,
        texts: Texts {
            short_description: Some(service.short_description),
            ..Texts::default()
        },
        user_group_ids: offices.to_vec(),
        flow_steps: vec![FlowStep {
            identifier: "form".to_owned(),
            title: "Modulo".to_owned(),
            kind: "formio".to_owned(),
            parameters: FlowStepParameters {
                formio_id: Some(service.form_id.uuid()),
                url: None,
            },
            ..FlowStep::default()
        }],
        protocol_required: service.protocol_required,
        protocol_handler: service.protocol_required.then(|| "external".to_owned()),
        payment_required: PaymentRequired::from_code(service.payment_required).unwrap_or_default(),
        payment_parameters: PaymentParameters {
            total_amounts: None,
            gateways: gateways.into_iter().collect(),
        },
        allow_integration_request: service.allow_integration_request,
        allow_withdraw: service.allow_withdraw,
        allow_reopening: service.allow_reopening,
        status: ServiceStatus::Published,
        access_level: AccessLevel::from_code(service.access_level).unwrap_or_default(),
        feedback_messages: BTreeMap::new(),
        ..ServiceFields::default()
    }
}
