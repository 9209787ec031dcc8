//! The body of an event on `applications`: the application as version 1 of the API shows it, and what other modules need beside it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::document::DocumentType;
use crate::file::{File, IntegrationFile};
use crate::money::Cents;
use crate::payload::payload;
use crate::payment::HttpMethod;
use crate::wire::{amount_as_string, rome, rome_option, text_enum};

text_enum! {
    /// The state of an application: on the wire its code, as a string of digits. The graph belongs to `applications`.
    #[derive(Default)]
    pub enum ApplicationStatus {
        /// Being written.
        #[default]
        Draft => "1000",
        /// A payment is open.
        PaymentPending => "1500",
        /// Paid, the outcome is awaited.
        PaymentOutcomePending => "1510",
        /// Paid.
        PaymentSuccess => "1520",
        /// The attempt to pay failed.
        PaymentError => "1530",
        /// Sent, its document is being made.
        PreSubmit => "1900",
        /// Acquired.
        Submitted => "2000",
        /// It has a protocol number.
        Registered => "3000",
        /// Taken in charge.
        Pending => "4000",
        /// A request for integrations is being registered.
        RequestIntegration => "4100",
        /// The citizen has to answer.
        DraftForIntegration => "4200",
        /// The answer is being registered.
        SubmittedAfterIntegration => "4300",
        /// The answer is registered.
        RegisteredAfterIntegration => "4400",
        /// Taken in charge again; only by import or force.
        PendingAfterIntegration => "4500",
        /// Deprecated: read, never entered.
        Processing => "5000",
        /// Accepted, the outcome is being registered.
        CompleteWaiting => "6000",
        /// Accepted. Final.
        Complete => "7000",
        /// Refused, the outcome is being registered.
        CancelledWaiting => "8000",
        /// Refused. Final.
        Cancelled => "9000",
        /// Withdrawn. Final.
        Withdrawn => "20000",
        /// Annulled. Final.
        Revoked => "50000",
    }
}

impl ApplicationStatus {
    /// The name that goes with the code: `status_payment_pending`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "status_draft",
            Self::PaymentPending => "status_payment_pending",
            Self::PaymentOutcomePending => "status_payment_outcome_pending",
            Self::PaymentSuccess => "status_payment_success",
            Self::PaymentError => "status_payment_error",
            Self::PreSubmit => "status_pre_submit",
            Self::Submitted => "status_submitted",
            Self::Registered => "status_registered",
            Self::Pending => "status_pending",
            Self::RequestIntegration => "status_request_integration",
            Self::DraftForIntegration => "status_draft_for_integration",
            Self::SubmittedAfterIntegration => "status_submitted_after_integration",
            Self::RegisteredAfterIntegration => "status_registered_after_integration",
            Self::PendingAfterIntegration => "status_pending_after_integration",
            Self::Processing => "status_processing",
            Self::CompleteWaiting => "status_complete_waitallegatioperatore",
            Self::Complete => "status_complete",
            Self::CancelledWaiting => "status_cancelled_waitallegatioperatore",
            Self::Cancelled => "status_cancelled",
            Self::Withdrawn => "status_withdraw",
            Self::Revoked => "status_revoked",
        }
    }

    /// Nothing more happens to it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Complete | Self::Cancelled | Self::Withdrawn | Self::Revoked
        )
    }
}

/// An application (*pratica*).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Application {
    /// The application.
    pub id: Uuid,
    /// The citizen who owns it.
    pub user: Uuid,
    /// His name.
    #[serde(default)]
    pub user_name: Option<String>,
    /// Its id in a system outside.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The service's slug.
    #[serde(default)]
    pub service: Option<String>,
    /// The service.
    pub service_id: Uuid,
    /// The service's name.
    #[serde(default)]
    pub service_name: Option<String>,
    /// The name of the service's group.
    #[serde(default)]
    pub service_group_name: Option<String>,
    /// The body (*ente*), again.
    pub tenant: Uuid,
    /// What it is about.
    #[serde(default)]
    pub subject: Option<String>,
    /// The language that it was written in.
    #[serde(default)]
    pub locale: Option<String>,
    /// The office that it is assigned to.
    #[serde(default)]
    pub user_group_id: Option<Uuid>,
    /// The operator that it is assigned to.
    #[serde(default)]
    pub operator_id: Option<Uuid>,
    /// The form's data, flat keys.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// The same data as Form.io nests them, without loss.
    #[serde(default)]
    pub submission: Map<String, Value>,
    /// The form that it was written on; null where there was none.
    #[serde(default)]
    pub form: Option<FormRef>,
    /// The act that this change made, if it made one.
    #[serde(default)]
    pub act: Option<Act>,
    /// The documents of the request.
    #[serde(default)]
    pub compiled_modules: Vec<File>,
    /// What the citizen attached.
    #[serde(default)]
    pub attachments: Vec<File>,
    /// `created_at` in unix seconds.
    #[serde(default)]
    pub creation_time: Option<i64>,
    /// When it was begun.
    #[serde(default, with = "rome_option")]
    pub created_at: Option<DateTime<Utc>>,
    /// `submitted_at` in unix seconds.
    #[serde(default)]
    pub submission_time: Option<i64>,
    /// When it was first sent.
    #[serde(default, with = "rome_option")]
    pub submitted_at: Option<DateTime<Utc>>,
    /// `latest_status_change_at` in unix seconds.
    #[serde(default)]
    pub latest_status_change_time: Option<i64>,
    /// When it came into its state.
    #[serde(default, with = "rome_option")]
    pub latest_status_change_at: Option<DateTime<Utc>>,
    /// When anything of it last changed.
    #[serde(with = "rome")]
    pub updated_at: DateTime<Utc>,
    /// The registry's number of the folder.
    #[serde(default)]
    pub protocol_folder_number: Option<String>,
    /// The folder's title.
    #[serde(default)]
    pub protocol_folder_code: Option<String>,
    /// The protocol number of the request.
    #[serde(default)]
    pub protocol_number: Option<String>,
    /// The registry's id of the request.
    #[serde(default)]
    pub protocol_document_id: Option<String>,
    /// The numbers of its single files.
    #[serde(default)]
    pub protocol_numbers: Option<Vec<ProtocolNumber>>,
    /// `protocolled_at` in unix seconds.
    #[serde(default)]
    pub protocol_time: Option<i64>,
    /// When the request was registered.
    #[serde(default, with = "rome_option")]
    pub protocolled_at: Option<DateTime<Utc>>,
    /// Accepted or refused.
    #[serde(default)]
    pub outcome: Option<bool>,
    /// Why.
    #[serde(default)]
    pub outcome_motivation: Option<String>,
    /// The document of the outcome.
    #[serde(default)]
    pub outcome_file: Option<File>,
    /// What goes with it.
    #[serde(default)]
    pub outcome_attachments: Vec<File>,
    /// The protocol number of the outcome.
    #[serde(default)]
    pub outcome_protocol_number: Option<String>,
    /// The registry's id of the outcome.
    #[serde(default)]
    pub outcome_protocol_document_id: Option<String>,
    /// The numbers of its single files.
    #[serde(default)]
    pub outcome_protocol_numbers: Option<Vec<ProtocolNumber>>,
    /// `outcome_protocolled_at` in unix seconds.
    #[serde(default)]
    pub outcome_protocol_time: Option<i64>,
    /// When the outcome was registered.
    #[serde(default, with = "rome_option")]
    pub outcome_protocolled_at: Option<DateTime<Utc>>,
    /// The protocol number of the present request for integrations.
    #[serde(default)]
    pub integration_outbound_protocol_number: Option<String>,
    /// The registry's id of it.
    #[serde(default)]
    pub integration_outbound_protocol_document_id: Option<String>,
    /// When it was registered.
    #[serde(default, with = "rome_option")]
    pub integration_outbound_protocolled_at: Option<DateTime<Utc>>,
    /// The protocol number of the answer to it.
    #[serde(default)]
    pub integration_inbound_protocol_number: Option<String>,
    /// The registry's id of it.
    #[serde(default)]
    pub integration_inbound_protocol_document_id: Option<String>,
    /// When it was registered.
    #[serde(default, with = "rome_option")]
    pub integration_inbound_protocolled_at: Option<DateTime<Utc>>,
    /// The connector that the payment goes through.
    #[serde(default)]
    pub payment_type: Option<String>,
    /// What is to be paid; never null in 1500.
    #[serde(default)]
    pub payment_data: Option<PaymentData>,
    /// Its state.
    #[serde(deserialize_with = "status_of_string_or_number")]
    pub status: ApplicationStatus,
    /// The name of the state.
    #[serde(default)]
    pub status_name: String,
    /// How the citizen was recognised.
    #[serde(default)]
    pub authentication: Authentication,
    /// What a system operator may do now.
    #[serde(default)]
    pub links: Vec<Link>,
    /// Appointments.
    #[serde(default)]
    pub meetings: Vec<Uuid>,
    /// Requests for integrations, each with its answer.
    #[serde(default)]
    pub integrations: Vec<Integration>,
    /// What the office wrote on its own form.
    #[serde(default)]
    pub backoffice_data: Option<Value>,
    /// The citizen's notes while writing.
    #[serde(default)]
    pub user_compilation_notes: Option<String>,
    /// When it last changed hands or state.
    #[serde(default, with = "rome_option")]
    pub flow_changed_at: Option<DateTime<Utc>>,
    /// Where it comes from, when it was not born here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

impl Application {
    /// Whether another system told it (*Pratica Lite*) and works it: no document, mail or payment of ours follows from it.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.source.is_some()
    }
}

payload!(Application, Applications, |application, _tenant| {
    application.service_id
});

fn status_of_string_or_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<ApplicationStatus, D::Error> {
    let code = match Value::deserialize(deserializer)? {
        Value::String(code) => code,
        Value::Number(code) => code.to_string(),
        _ => String::new(),
    };
    code.parse().map_err(serde::de::Error::custom)
}

/// The version of the form that an application was written on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormRef {
    /// The form.
    pub id: Uuid,
    /// Its version.
    pub version: u32,
}

/// What a change made: a submission, a request, an answer, an outcome. A document is made for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The act.
    pub id: Uuid,
    /// The document that it needs.
    #[serde(rename = "type")]
    pub kind: DocumentType,
    /// Who did it; null for the platform itself.
    pub actor: Option<Uuid>,
    /// The messages that are part of it.
    #[serde(default)]
    pub message_ids: Vec<Uuid>,
    /// The files that are part of it.
    #[serde(default)]
    pub file_ids: Vec<Uuid>,
}

/// The number that a single file got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolNumber {
    /// The file.
    pub id: String,
    /// Its number.
    pub protocollo: String,
}

/// What is to be paid: set at the entry into 1500, and fixed for the attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaymentData {
    /// At most 140 characters, no personal datum.
    pub reason: String,
    /// Without the stamps.
    #[serde(with = "amount_as_string")]
    pub amount: Cents,
    /// Until when it may be paid.
    #[serde(with = "rome")]
    pub expire_at: DateTime<Utc>,
    /// How the amount is divided; the sum is the amount.
    pub split: Option<Vec<PaymentDataSplit>>,
    /// Digital stamps (*marche da bollo*): each a payment of its own.
    pub stamps: Option<Vec<Stamp>>,
    /// Where an external proxy tells the outcome.
    pub notify: Endpoint,
    /// Where the citizen comes back to.
    pub landing: Endpoint,
    /// The proxy's configuration.
    pub config_id: Uuid,
    /// Number of the attempt.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
}

pub(crate) fn first_attempt() -> u32 {
    1
}

/// A part of an amount.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaymentDataSplit {
    /// The chapter of the budget.
    pub code: String,
    /// The part.
    #[serde(with = "amount_as_string")]
    pub amount: Cents,
    /// Whatever the intermediary wants to know of it.
    #[serde(default)]
    pub meta: Map<String, Value>,
}

/// A digital stamp.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    /// Its value.
    #[serde(with = "amount_as_string")]
    pub amount: Cents,
    /// pagoPA category.
    pub collection_data: Option<String>,
    /// At most 140 characters, no personal datum.
    pub reason: String,
}

/// Something to be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Where.
    pub url: String,
    /// How.
    pub method: HttpMethod,
}

/// How the citizen was recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Authentication {
    /// `anonymous`, `spid`, `cie`, `cps/cns`, and `password` in the demo.
    pub authentication_method: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// The citizen's code at the identity provider.
    pub spid_code: Option<String>,
    /// The level of assurance; a number is read too.
    #[serde(deserialize_with = "text_of_string_or_number")]
    pub spid_level: Option<String>,
    /// Of a card's certificate.
    pub certificate_issuer: Option<String>,
    /// Of a card's certificate.
    pub certificate_subject: Option<String>,
    /// A card's certificate.
    pub certificate: Option<String>,
    /// When.
    #[serde(with = "rome_option")]
    pub instant: Option<DateTime<Utc>>,
    /// The session at the identity provider.
    pub session_index: Option<String>,
}

fn text_of_string_or_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        _ => Err(serde::de::Error::custom("not a string or a number")),
    }
}

text_enum! {
    /// What a source is.
    #[derive(Default)]
    pub enum SourceType {
        /// A system outside.
        #[default]
        External => "external",
    }
}

text_enum! {
    /// What a link of an external application is for.
    pub enum ExternalAction {
        /// See the whole of it.
        View => "view",
        /// Change it.
        Edit => "edit",
        /// Answer a request for integrations.
        Integrate => "integrate",
        /// Cancel it.
        Cancel => "cancel",
    }
}

/// Another system's application (*Pratica Lite*), as that system tells it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// `external`.
    #[serde(rename = "type", default)]
    pub kind: SourceType,
    /// The system.
    pub external_system: String,
    /// The application's id there.
    pub external_id: String,
    /// When it last changed there.
    #[serde(default, with = "rome_option")]
    pub updated_at: Option<DateTime<Utc>>,
    /// Whom it is about.
    #[serde(default)]
    pub subject: Option<Person>,
    /// Who asks.
    #[serde(default)]
    pub applicant: Option<Person>,
    /// For whom.
    #[serde(default)]
    pub beneficiary: Option<Person>,
    /// Its documents.
    #[serde(default)]
    pub documents: Vec<ExternalDocument>,
    /// Its payments.
    #[serde(default)]
    pub payments: Vec<ExternalPayment>,
    /// What may be done there.
    #[serde(default)]
    pub links: Vec<ExternalLink>,
}

impl Source {
    /// The people that it names: the applicant first.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        [&self.applicant, &self.subject, &self.beneficiary]
            .into_iter()
            .flatten()
    }
}

/// A person whom an external application names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ExternalPerson)]
pub struct Person {
    /// Fiscal code.
    #[schema(max_length = 16)]
    pub tax_identification_number: String,
    /// Given name.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub name: Option<String>,
    /// Family name.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub family_name: Option<String>,
}

/// A document of an external application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExternalDocument {
    /// What it is.
    #[schema(max_length = 255)]
    pub title: String,
    /// Where it is read.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub url: Option<String>,
    /// Its protocol number.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub protocol_number: Option<String>,
    /// When it was registered.
    #[serde(default, with = "rome_option")]
    #[schema(value_type = Option<String>, max_length = 40)]
    pub protocolled_at: Option<DateTime<Utc>>,
}

/// A payment of an external application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExternalPayment {
    /// IUV.
    #[serde(default)]
    #[schema(max_length = 35)]
    pub iuv: Option<String>,
    /// How much.
    pub amount: Cents,
    /// How it stands, in the other system's words.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub status: Option<String>,
    /// Where it is paid or seen.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub url: Option<String>,
}

/// What may be done on an external application, where it lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExternalLink {
    /// What for: `view`, `edit`, `integrate`, `cancel`.
    #[schema(value_type = String, max_length = 9)]
    pub action: ExternalAction,
    /// Where.
    #[schema(max_length = 2000)]
    pub url: String,
}

/// Something that may be done on the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The name of the transition.
    pub action: String,
    /// In words.
    pub description: Option<String>,
    /// Where.
    pub url: String,
}

/// A request for integrations and its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Integration {
    /// The office's request.
    pub outbound: Option<IntegrationFile>,
    /// The citizen's answer.
    pub inbound: Option<IntegrationFile>,
}
