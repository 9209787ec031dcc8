//! A service as it is told: to administrators, to the public, in events.

use std::collections::HashMap;

use opencity_contracts::Service as ServiceBody;
use opencity_kernel::db::{DbError, DbResult};
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_kernel::id::{ServiceId, TenantId, TermId};
use opencity_kernel::instant::Instant;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::service::{GroupId, Service, ServiceFields};

/// A name and the slug that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// The slug.
    pub slug: String,
}

/// The names of what services refer to.
#[derive(Debug, Default)]
pub struct Names {
    /// Categories, recipients, geographic areas.
    pub terms: HashMap<TermId, Named>,
    /// Groups.
    pub groups: HashMap<GroupId, Named>,
}

impl Names {
    /// The names of these terms.
    #[must_use]
    pub fn of(&self, ids: &[TermId]) -> Vec<String> {
        ids.iter()
            .filter_map(|id| self.terms.get(id))
            .map(|term| term.name.clone())
            .collect()
    }
}

/// A digital service.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceView {
    /// The service.
    pub id: ServiceId,
    /// The body.
    pub tenant: TenantId,
    /// The body, again.
    pub tenant_id: TenantId,
    /// The category's slug.
    #[schema(max_length = 255)]
    pub topics: Option<String>,
    /// The category's name.
    #[schema(max_length = 255)]
    pub topics_name: Option<String>,
    /// The group's slug.
    #[schema(max_length = 255)]
    pub service_group: Option<String>,
    /// The group's name.
    #[schema(max_length = 255)]
    pub service_group_name: Option<String>,
    /// Names of the recipients.
    #[schema(max_items = 1000)]
    pub recipients: Vec<String>,
    /// Names of the geographic areas.
    #[schema(max_items = 1000)]
    pub geographic_areas: Vec<String>,
    /// Empty: settings of a registry are kept where it is called.
    pub protocollo_parameters: Map<String, Value>,
    /// The version of the module that answers.
    #[schema(max_length = 32)]
    pub app_version: &'static str,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// What administrators write of it.
    #[serde(flatten)]
    pub fields: ServiceFields,
}

/// Keys that only administrators read.
const ADMINISTRATORS_ONLY: [&str; 3] = [
    "backoffice_form_id",
    "post_submit_validation_expression",
    "post_submit_validation_message",
];

impl ServiceView {
    /// The service with the names of what it refers to.
    #[must_use]
    pub fn of(tenant: TenantId, service: &Service, names: &Names) -> Self {
        let fields = service.fields.clone();
        let category = fields.topics_id.and_then(|id| names.terms.get(&id));
        let group = fields.service_group_id.and_then(|id| names.groups.get(&id));
        Self {
            id: service.id,
            tenant,
            tenant_id: tenant,
            topics: category.map(|category| category.slug.clone()),
            topics_name: category.map(|category| category.name.clone()),
            service_group: group.map(|group| group.slug.clone()),
            service_group_name: group.map(|group| group.name.clone()),
            recipients: names.of(&fields.recipients_id),
            geographic_areas: names.of(&fields.geographic_areas_id),
            protocollo_parameters: Map::new(),
            app_version: env!("CARGO_PKG_VERSION"),
            created_at: service.created_at,
            updated_at: service.updated_at,
            fields,
        }
    }

    /// As JSON: administrators read everything, others neither how it is paid nor what only the office uses.
    ///
    /// # Errors
    /// If it has no JSON form.
    pub fn shown(&self, administrator: bool) -> DbResult<Value> {
        let mut shown = serde_json::to_value(self).map_err(DbError::json)?;
        if let (false, Value::Object(members)) = (administrator, &mut shown) {
            members.insert("payment_parameters".to_owned(), Value::Object(Map::new()));
            for key in ADMINISTRATORS_ONLY {
                members.shift_remove(key);
            }
        }
        Ok(shown)
    }
}

/// The event of a change of a service. `version` is the service's counter after the change.
///
/// # Errors
/// If the service does not have the form of its contract.
pub fn event(
    tenant: TenantId,
    service: &Service,
    names: &Names,
    version: i64,
    change: Change,
) -> DbResult<NewEvent> {
    let whole = ServiceView::of(tenant, service, names).shown(true)?;
    let body: ServiceBody = serde_json::from_value(whole).map_err(DbError::json)?;
    let body = serde_json::to_value(&body).map_err(DbError::json)?;
    Ok(NewEvent::new(
        Topic::Services,
        tenant,
        service.id,
        version,
        change,
        body,
    ))
}
