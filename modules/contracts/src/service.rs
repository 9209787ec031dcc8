//! The body of an event on `services`: the service as the API shows it to administrators, and what other modules need beside it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::money::Cents;
use crate::payload::payload;
use crate::wire::{amount_or_empty, code_enum, rome, rome_option, text_enum};

code_enum! {
    /// Whether a service can be seen and used.
    #[derive(Default)]
    pub enum ServiceStatus {
        /// Not seen.
        #[default]
        Hidden => 0,
        /// Seen and used.
        Published => 1,
        /// Seen, not used.
        Suspended => 2,
        /// Not listed, but readable by its id.
        Private => 3,
        /// Published between `scheduled_from` and `scheduled_to`.
        Scheduled => 4,
    }
}

code_enum! {
    /// When a service is paid.
    #[derive(Default)]
    pub enum PaymentRequired {
        /// Never.
        #[default]
        None => 0,
        /// When it is asked for.
        Immediate => 1,
        /// When it is accepted.
        Deferred => 2,
    }
}

code_enum! {
    /// How an application ends.
    #[derive(Default)]
    pub enum Workflow {
        /// Accepted or refused.
        #[default]
        Approval => 0,
        /// Handed over to another system (*per inoltro*).
        Forward => 1,
    }
}

code_enum! {
    /// How surely the citizen must be recognised.
    #[derive(Default)]
    pub enum AccessLevel {
        /// Not at all.
        #[default]
        Anonymous => 0,
        /// By a password or a social network.
        Social => 1000,
        /// SPID level 1.
        Spid1 => 2000,
        /// SPID level 2.
        Spid2 => 3000,
        /// Electronic identity card.
        Cie => 4000,
    }
}

text_enum! {
    /// What a service is for.
    #[derive(Default)]
    pub enum ServiceKind {
        /// Applications.
        #[default]
        Standard => "standard",
        /// Dues, which are payments without an application.
        Dues => "dues",
    }
}

text_enum! {
    /// What an outcome consists of.
    #[derive(Default)]
    pub enum ResponseType {
        /// A text.
        #[default]
        Standard => "standard",
        /// A text and a file.
        Attachment => "attachment",
        /// A text and a signed file.
        SignedAttachment => "signed_attachment",
    }
}

/// A digital service. Texts are HTML.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// The service.
    pub id: Uuid,
    /// The body (*ente*), again.
    pub tenant: Uuid,
    /// A name given by a system outside.
    pub identifier: Option<String>,
    /// Part of its URL.
    pub slug: String,
    /// Its name, at most 255 characters.
    pub name: String,
    /// What it is for.
    pub kind: ServiceKind,
    /// Its category.
    pub topics_id: Option<Uuid>,
    /// The category's slug.
    pub topics: Option<String>,
    /// The category's name.
    pub topics_name: Option<String>,
    /// Its group.
    pub service_group_id: Option<Uuid>,
    /// The group's slug.
    pub service_group: Option<String>,
    /// The group's name.
    pub service_group_name: Option<String>,
    /// Text, at most 160 characters.
    pub short_description: Option<String>,
    /// Text.
    pub description: Option<String>,
    /// Text.
    pub howto: Option<String>,
    /// Text.
    pub how_to_do: Option<String>,
    /// Text.
    pub what_you_need: Option<String>,
    /// Text.
    pub what_you_get: Option<String>,
    /// Text.
    pub costs: Option<String>,
    /// Text.
    pub who: Option<String>,
    /// Text.
    pub special_cases: Option<String>,
    /// Text.
    pub more_info: Option<String>,
    /// Text.
    pub constraints: Option<String>,
    /// Text.
    pub times_and_deadlines: Option<String>,
    /// Text.
    pub conditions: Option<String>,
    /// Text.
    pub compilation_info: Option<String>,
    /// Text.
    pub final_indications: Option<String>,
    /// Files on its costs.
    pub costs_attachments: Vec<ServiceAttachment>,
    /// Files on its conditions.
    pub conditions_attachments: Vec<ServiceAttachment>,
    /// Where to book.
    pub booking_call_to_action: Option<String>,
    /// Its card on the municipal site.
    pub external_card_url: Option<String>,
    /// Entry point of the satisfaction survey.
    pub satisfy_entrypoint_id: Option<String>,
    /// Where it is used.
    pub access_url: Option<String>,
    /// Where it is valid.
    pub coverage: Vec<String>,
    /// Names of its recipients.
    pub recipients: Vec<String>,
    /// Their ids.
    pub recipients_id: Vec<Uuid>,
    /// Names of its areas.
    pub geographic_areas: Vec<String>,
    /// Their ids.
    pub geographic_areas_id: Vec<Uuid>,
    /// The offices linked to it.
    pub user_group_ids: Vec<Uuid>,
    /// Life events.
    pub life_events: Vec<String>,
    /// Business events.
    pub business_events: Vec<String>,
    /// What an outcome consists of.
    pub response_type: ResponseType,
    /// Its steps, the form among them.
    pub flow_steps: Vec<FlowStep>,
    /// Whether its acts are registered.
    pub protocol_required: bool,
    /// By which registry.
    pub protocol_handler: Option<String>,
    /// Nothing: settings of a registry are kept by `protocol-proxy`.
    pub protocollo_parameters: Map<String, Value>,
    /// When it is paid.
    pub payment_required: PaymentRequired,
    /// How.
    pub payment_parameters: PaymentParameters,
    /// By status, what else takes part.
    pub integrations: Map<String, Value>,
    /// Shown first.
    pub sticky: bool,
    /// The citizen is invited to log in.
    pub login_suggested: bool,
    /// All services of the group share an application's data.
    pub shared_with_group: bool,
    /// A final state can be left.
    pub allow_reopening: bool,
    /// The citizen may withdraw.
    pub allow_withdraw: bool,
    /// The office may ask for integrations.
    pub allow_integration_request: bool,
    /// Whether it can be seen and used.
    pub status: ServiceStatus,
    /// How surely the citizen must be recognised.
    pub access_level: AccessLevel,
    /// See [`ServiceStatus::Scheduled`].
    #[serde(with = "rome_option")]
    pub scheduled_from: Option<DateTime<Utc>>,
    /// See [`ServiceStatus::Scheduled`].
    #[serde(with = "rome_option")]
    pub scheduled_to: Option<DateTime<Utc>>,
    /// How an application ends.
    pub workflow: Workflow,
    /// In days.
    pub max_response_time: Option<u32>,
    /// Where it was copied from.
    pub source: Option<Value>,
    /// What is written to the citizen, by `status_…`.
    pub feedback_messages: BTreeMap<String, FeedbackMessage>,
    /// Which office gets an application.
    pub automatic_assignment: Option<AutomaticAssignment>,
    /// The form that the office fills in.
    pub backoffice_form_id: Option<Uuid>,
    /// Makes a text of the data that no second application may have.
    pub post_submit_validation_expression: Option<String>,
    /// What a second one is told.
    pub post_submit_validation_message: Option<String>,
    /// When it was made.
    #[serde(with = "rome_option")]
    pub created_at: Option<DateTime<Utc>>,
    /// When it last changed.
    #[serde(with = "rome")]
    pub updated_at: DateTime<Utc>,
}

payload!(Service, Services, |_service, tenant| tenant);

/// A file of a service's texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceAttachment {
    /// The name under which it is kept.
    pub name: String,
    /// Where its bytes are.
    pub url: String,
    /// The name that people see.
    pub original_name: Option<String>,
    /// When it came.
    #[serde(with = "rome_option")]
    pub created_at: Option<DateTime<Utc>>,
}

/// A step of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowStep {
    /// Its name among the steps.
    pub identifier: String,
    /// Its title.
    pub title: String,
    /// `formio`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Text.
    pub description: Option<String>,
    /// Text.
    pub guide: Option<String>,
    /// The form.
    pub parameters: FlowStepParameters,
}

/// The form of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowStepParameters {
    /// The form.
    pub formio_id: Option<Uuid>,
    /// Where its schema is.
    pub url: Option<String>,
}

/// How a service is paid.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PaymentParameters {
    /// The amount, unless the form gives another.
    #[serde(deserialize_with = "amount_or_empty")]
    pub total_amounts: Option<Cents>,
    /// The connectors: one is used, of more the citizen chooses.
    pub gateways: Vec<Gateway>,
}

/// A connector that a service is paid through.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gateway {
    /// The connector.
    pub identifier: String,
    /// Its settings.
    pub parameters: GatewayParameters,
}

/// The settings of a connector for a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GatewayParameters {
    /// The proxy's configuration.
    pub config_id: Option<Uuid>,
    /// Keys that the connector added.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What is written to the citizen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeedbackMessage {
    /// The text.
    pub message: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// Whether it is written at all.
    pub is_active: bool,
}

/// Gives an application to the office of the first rule whose value the form field has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutomaticAssignment {
    /// The form field.
    pub field: String,
    /// In order.
    #[serde(default)]
    pub rules: Vec<AssignmentRule>,
}

/// A rule of the assignment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignmentRule {
    /// The value.
    pub value: String,
    /// The office.
    pub user_group_id: Uuid,
}
