//! A digital service: its fields and what makes them valid.

use std::collections::{BTreeMap, BTreeSet};

use opencity_contracts::service::{
    AccessLevel, AutomaticAssignment, FeedbackMessage, FlowStep, PaymentParameters,
    PaymentRequired, ResponseType, ServiceKind, ServiceStatus, Workflow,
};
use opencity_kernel::id::{FormId, Id, OfficeId, ServiceId, TermId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::{merged, without_nulls};
use opencity_kernel::{FieldProblem, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::attachment::{Attachment, AttachmentKind, HasAttachments};
use super::vocabulary::{too_many, too_many_named};
use super::{MAX_LINE, MAX_PARTS, MAX_TEXT, Texts, slug, without_repetition};

/// A group of services.
#[derive(Debug)]
pub enum Group {}
/// A group of services.
pub type GroupId = Id<Group>;

/// The address of an operation, so no name of a service.
pub const RESERVED: &str = "facets";

/// The names of registries that a service may have as `protocol_handler`.
pub const PROTOCOL_HANDLERS: [&str; 7] = [
    "by_pratica",
    "dummy",
    "external",
    "pec",
    "pitre",
    "infor",
    "sipal",
];
/// The states for which a service has a text for the citizen.
pub const FEEDBACK_KEYS: [&str; 8] = [
    "status_draft",
    "status_pre_submit",
    "status_submitted",
    "status_registered",
    "status_pending",
    "status_complete",
    "status_cancelled",
    "status_withdraw",
];
/// Statuses of services that lists show.
pub const LISTED: [ServiceStatus; 3] = [
    ServiceStatus::Published,
    ServiceStatus::Suspended,
    ServiceStatus::Scheduled,
];

/// What administrators write of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "name": "Occupazione di suolo pubblico", "status": 1, "access_level": 1000,
    "flow_steps": [{"identifier": "form", "title": "Modulo", "type": "formio", "parameters": {"formio_id": "f0000000-0000-4000-8000-000000000001"}}]
}))]
pub struct ServiceFields {
    /// A name given by a system outside; no two services have the same.
    #[schema(max_length = 255)]
    pub identifier: Option<String>,
    /// Part of its URL; made from the name if it is not given.
    #[schema(max_length = 255, pattern = "^[a-z0-9_-]*$")]
    pub slug: String,
    /// Its name.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// `standard`, or `dues` for payments without an application.
    #[schema(value_type = String, example = "standard", max_length = 8)]
    pub kind: ServiceKind,
    /// Its category.
    pub topics_id: Option<TermId>,
    /// Its group.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub service_group_id: Option<GroupId>,
    /// Its texts.
    #[serde(flatten)]
    pub texts: Texts,
    /// Files on its costs. On write an entry has `name` and `file` (base64), or is one that was read, or the `url` of a file elsewhere.
    #[schema(max_items = 100)]
    pub costs_attachments: Vec<Attachment>,
    /// Files on its conditions; as those on its costs.
    #[schema(max_items = 100)]
    pub conditions_attachments: Vec<Attachment>,
    /// Where to book.
    #[schema(max_length = 2000)]
    pub booking_call_to_action: Option<String>,
    /// Its card on the municipal site.
    #[schema(max_length = 2000)]
    pub external_card_url: Option<String>,
    /// Entry point of the satisfaction survey.
    #[schema(max_length = 255)]
    pub satisfy_entrypoint_id: Option<String>,
    /// Where it is used.
    #[schema(max_length = 2000)]
    pub access_url: Option<String>,
    /// Where it is valid.
    #[schema(max_items = 1000)]
    pub coverage: Vec<String>,
    /// Its recipients.
    #[schema(max_items = 1000)]
    pub recipients_id: Vec<TermId>,
    /// Its geographic areas.
    #[schema(max_items = 1000)]
    pub geographic_areas_id: Vec<TermId>,
    /// The offices linked to it.
    #[schema(max_items = 1000)]
    pub user_group_ids: Vec<OfficeId>,
    /// Life events.
    #[schema(max_items = 1000)]
    pub life_events: Vec<String>,
    /// Business events.
    #[schema(max_items = 1000)]
    pub business_events: Vec<String>,
    /// What an outcome consists of: `standard`, `attachment`, `signed_attachment`.
    #[schema(value_type = String, example = "standard", max_length = 20)]
    pub response_type: ResponseType,
    /// Its steps, the form among them: `identifier`, `title`, `type` (`formio`), `description`, `guide`, `parameters`.
    #[schema(value_type = Vec<Object>, max_items = 100)]
    pub flow_steps: Vec<FlowStep>,
    /// Whether its acts are registered.
    pub protocol_required: bool,
    /// By which registry: `by_pratica`, `dummy`, `external`, `pec`, `pitre`, `infor`, `sipal`.
    #[schema(max_length = 20)]
    pub protocol_handler: Option<String>,
    /// 0 never paid, 1 paid when it is asked for, 2 paid when it is accepted.
    #[schema(value_type = i32, minimum = 0, maximum = 2)]
    pub payment_required: PaymentRequired,
    /// `total_amounts` and `gateways`; `{}` for the public.
    #[schema(value_type = Object)]
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
    /// 0 hidden, 1 published, 2 suspended, 3 private (readable by id), 4 scheduled.
    #[schema(value_type = i32, minimum = 0, maximum = 4)]
    pub status: ServiceStatus,
    /// 0 anonymous, 1000 social, 2000 SPID 1, 3000 SPID 2, 4000 CIE.
    #[schema(value_type = i32, minimum = 0, maximum = 4000)]
    pub access_level: AccessLevel,
    /// Status 4: published from then on.
    pub scheduled_from: Option<Instant>,
    /// Status 4: published until then.
    pub scheduled_to: Option<Instant>,
    /// 0 approval, 1 forward.
    #[schema(value_type = i32, minimum = 0, maximum = 1)]
    pub workflow: Workflow,
    /// In days.
    #[schema(minimum = 0, maximum = 36500)]
    pub max_response_time: Option<u32>,
    /// Where it was copied from: `id`, `url`, `updated_at`, `md5`, `version`, `identifier`.
    pub source: Option<Map<String, Value>>,
    /// What is written to the citizen, by `status_…`: `message`, `subject`, `is_active`.
    #[schema(value_type = BTreeMap<String, Object>)]
    pub feedback_messages: BTreeMap<String, FeedbackMessage>,
    /// Which office gets an application: `field`, `rules` of `value` and `user_group_id`.
    #[schema(value_type = Option<Object>)]
    pub automatic_assignment: Option<AutomaticAssignment>,
    /// The form that the office fills in; administrators only.
    pub backoffice_form_id: Option<FormId>,
    /// Makes a text of the data that no second application may have; administrators only.
    #[schema(max_length = 2000)]
    pub post_submit_validation_expression: Option<String>,
    /// What a second one is told; administrators only.
    #[schema(max_length = 2000)]
    pub post_submit_validation_message: Option<String>,
}

/// A service as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The service.
    pub id: ServiceId,
    /// What administrators wrote.
    pub fields: ServiceFields,
    /// Its counter of changes.
    pub version: i64,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

impl HasAttachments for ServiceFields {
    fn attachments(&self, kind: AttachmentKind) -> &[Attachment] {
        match kind {
            AttachmentKind::Costs => &self.costs_attachments,
            AttachmentKind::Conditions => &self.conditions_attachments,
        }
    }

    fn attachments_mut(&mut self, kind: AttachmentKind) -> &mut [Attachment] {
        match kind {
            AttachmentKind::Costs => &mut self.costs_attachments,
            AttachmentKind::Conditions => &mut self.conditions_attachments,
        }
    }
}

impl ServiceFields {
    /// Reads a whole service as it was sent: keys that are not of a service are left aside, `null` is the default.
    ///
    /// # Errors
    /// [`ProblemKind::Validation`](opencity_kernel::ProblemKind::Validation) with every field that is not valid.
    pub fn read(body: Map<String, Value>) -> Result<Self, Problem> {
        let body = without_nulls(body);
        let mut faults: Vec<_> = ["name", "flow_steps", "status"]
            .into_iter()
            .filter(|name| !body.contains_key(*name))
            .map(|name| FieldProblem::new(name, "required", "Give this field a value."))
            .collect();
        faults.extend(Texts::faults(&body));
        if !faults.is_empty() {
            return Err(Problem::validation(faults));
        }
        let mut fields: Self = opencity_kernel::http::typed(Value::Object(body))?;
        fields.tidy();
        let faults = fields.faults();
        if faults.is_empty() {
            Ok(fields)
        } else {
            Err(Problem::validation(faults))
        }
    }

    /// The service after a JSON Merge Patch.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn patched(&self, patch: Map<String, Value>) -> Result<Self, Problem> {
        Self::read(merged(self, patch)?)
    }

    /// Empty texts that name something mean that there is none.
    fn tidy(&mut self) {
        self.name = self.name.trim().to_owned();
        without_repetition(&mut self.recipients_id);
        without_repetition(&mut self.geographic_areas_id);
        without_repetition(&mut self.user_group_ids);
        for name in [&mut self.identifier, &mut self.protocol_handler] {
            *name = name
                .take()
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty());
        }
    }

    fn faults(&self) -> Vec<FieldProblem> {
        let mut faults = Vec::new();
        if self.name.is_empty() {
            faults.push(FieldProblem::new(
                "name",
                "required",
                "Give the service a name.",
            ));
        }
        let lines = [
            ("name", Some(&self.name), MAX_LINE),
            ("identifier", self.identifier.as_ref(), MAX_LINE),
            (
                "booking_call_to_action",
                self.booking_call_to_action.as_ref(),
                2000,
            ),
            ("external_card_url", self.external_card_url.as_ref(), 2000),
            (
                "satisfy_entrypoint_id",
                self.satisfy_entrypoint_id.as_ref(),
                MAX_LINE,
            ),
            ("access_url", self.access_url.as_ref(), 2000),
            (
                "post_submit_validation_expression",
                self.post_submit_validation_expression.as_ref(),
                2000,
            ),
            (
                "post_submit_validation_message",
                self.post_submit_validation_message.as_ref(),
                2000,
            ),
        ];
        for (name, text, most) in lines {
            if text.is_some_and(|text| text.chars().count() > most) {
                faults.push(FieldProblem::new(
                    name,
                    "max_length",
                    format!("Give at most {most} characters."),
                ));
            }
        }
        faults.extend(too_many_named([
            self.coverage.len(),
            self.recipients_id.len(),
            self.geographic_areas_id.len(),
            self.user_group_ids.len(),
            self.life_events.len(),
            self.business_events.len(),
        ]));
        faults.extend(too_many(&[(
            "flow_steps",
            self.flow_steps.len(),
            MAX_PARTS,
        )]));
        faults.extend(self.too_many_attachments());
        for (field, name) in [
            ("slug", Some(self.slug.as_str())),
            ("identifier", self.identifier.as_deref()),
        ] {
            if name == Some(RESERVED) {
                faults.push(FieldProblem::new(
                    field,
                    "reserved",
                    "Give another name: services/facets is an operation.",
                ));
            }
        }
        if !self.slug.is_empty() && !slug::is_valid(&self.slug) {
            faults.push(FieldProblem::new(
                "slug",
                "pattern",
                "Use small letters, digits and hyphens only.",
            ));
        }
        if self
            .protocol_handler
            .as_ref()
            .is_some_and(|name| !PROTOCOL_HANDLERS.contains(&name.as_str()))
        {
            let known = PROTOCOL_HANDLERS.join(", ");
            faults.push(FieldProblem::new(
                "protocol_handler",
                "unknown",
                format!("Name one of: {known}."),
            ));
        }
        if self.max_response_time.is_some_and(|days| days > 36_500) {
            faults.push(FieldProblem::new(
                "max_response_time",
                "maximum",
                "Give at most 36500 days.",
            ));
        }
        for (key, feedback) in &self.feedback_messages {
            let field = format!("feedback_messages.{key}");
            faults.extend(FieldProblem::unless_at_most(
                &format!("{field}.message"),
                feedback.message.as_deref(),
                MAX_TEXT,
            ));
            faults.extend(FieldProblem::unless_at_most(
                &format!("{field}.subject"),
                feedback.subject.as_deref(),
                MAX_LINE,
            ));
        }
        for key in self
            .feedback_messages
            .keys()
            .filter(|key| !FEEDBACK_KEYS.contains(&key.as_str()))
        {
            let field = format!("feedback_messages.{key}");
            faults.push(FieldProblem::new(
                &field,
                "unknown",
                format!("Name one of: {}.", FEEDBACK_KEYS.join(", ")),
            ));
        }
        self.schedule_faults(&mut faults);
        self.step_faults(&mut faults);
        self.gateway_faults(&mut faults);
        faults
    }

    fn schedule_faults(&self, faults: &mut Vec<FieldProblem>) {
        if self.status == ServiceStatus::Scheduled && self.scheduled_from.is_none() {
            faults.push(FieldProblem::new(
                "scheduled_from",
                "required",
                "Say from when on the service is published.",
            ));
        }
        if let (Some(from), Some(to)) = (self.scheduled_from, self.scheduled_to)
            && from >= to
        {
            faults.push(FieldProblem::new(
                "scheduled_to",
                "order",
                "Give a time after scheduled_from.",
            ));
        }
    }

    fn step_faults(&self, faults: &mut Vec<FieldProblem>) {
        let mut seen = BTreeSet::new();
        for (place, step) in self.flow_steps.iter().enumerate() {
            let mut add = |key: &str, code: &str, message: &str| {
                faults.push(FieldProblem::new(
                    format!("flow_steps.{place}.{key}"),
                    code,
                    message,
                ));
            };
            if step.identifier.is_empty() {
                add("identifier", "required", "Give the step a name.");
            } else if !seen.insert(&step.identifier) {
                add("identifier", "unique", "Give each step a name of its own.");
            }
            if step.title.is_empty() {
                add("title", "required", "Give the step a title.");
            }
            if step.kind != "formio" {
                add("type", "value", "Steps are of the type formio.");
            }
            let texts = [
                ("identifier", Some(&step.identifier), MAX_LINE),
                ("title", Some(&step.title), MAX_LINE),
                ("description", step.description.as_ref(), MAX_TEXT),
                ("guide", step.guide.as_ref(), MAX_TEXT),
            ];
            faults.extend(texts.into_iter().filter_map(|(key, text, most)| {
                let field = format!("flow_steps.{place}.{key}");
                FieldProblem::unless_at_most(&field, text.map(String::as_str), most)
            }));
        }
    }

    fn gateway_faults(&self, faults: &mut Vec<FieldProblem>) {
        let mut seen = BTreeSet::new();
        for (place, gateway) in self.payment_parameters.gateways.iter().enumerate() {
            let field = format!("payment_parameters.gateways.{place}.identifier");
            if gateway.identifier.is_empty() {
                faults.push(FieldProblem::new(&field, "required", "Name the connector."));
            } else if !seen.insert(&gateway.identifier) {
                faults.push(FieldProblem::new(
                    &field,
                    "unique",
                    "Name each connector once.",
                ));
            }
        }
    }

    /// The forms that it names, each with the field that does.
    pub fn forms(&self) -> impl Iterator<Item = (String, FormId)> + '_ {
        let steps = self
            .flow_steps
            .iter()
            .enumerate()
            .filter_map(|(place, step)| {
                step.parameters.formio_id.map(|id| {
                    (
                        format!("flow_steps.{place}.parameters.formio_id"),
                        id.into(),
                    )
                })
            });
        steps.chain(
            self.backoffice_form_id
                .map(|id| ("backoffice_form_id".to_owned(), id)),
        )
    }

    /// The form that citizens compile: that of the first step with one.
    #[must_use]
    pub fn form(&self) -> Option<FormId> {
        self.flow_steps
            .iter()
            .find_map(|step| step.parameters.formio_id)
            .map(FormId::from_uuid)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use opencity_kernel::json::merged;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else {
            panic!("not an object: {value}")
        };
        map
    }

    fn body(more: Value) -> Map<String, Value> {
        let body = json!({"name": "Nido", "status": 1, "flow_steps": []});
        merged(&body, object(more)).unwrap()
    }

    fn refused(more: Value) -> String {
        ServiceFields::read(body(more))
            .unwrap_err()
            .body("x")
            .get("errors")
            .unwrap()
            .to_string()
    }

    #[test]
    fn name_steps_and_status_are_required() {
        let problem = ServiceFields::read(Map::new())
            .unwrap_err()
            .body("x")
            .to_string();
        for field in ["name", "flow_steps", "status"] {
            assert!(
                problem.contains(&format!("\"field\":\"{field}\",\"code\":\"required\"")),
                "{problem}"
            );
        }
    }

    #[test]
    fn every_fault_names_its_field() {
        for (more, field) in [
            (json!({"name": "x".repeat(256)}), "name"),
            (
                json!({"short_description": "x".repeat(161)}),
                "short_description",
            ),
            (json!({"description": 7}), "description"),
            (
                json!({"protocol_handler": "inesistente"}),
                "protocol_handler",
            ),
            (json!({"status": 9}), "status"),
            (json!({"status": 4}), "scheduled_from"),
            (
                json!({"status": 4, "scheduled_from": "2026-02-01T00:00:00Z", "scheduled_to": "2026-01-01T00:00:00Z"}),
                "scheduled_to",
            ),
            (json!({"access_level": 1}), "access_level"),
            (json!({"slug": "Con Spazi"}), "slug"),
            (json!({"slug": "facets"}), "slug"),
            (json!({"identifier": "facets"}), "identifier"),
            (json!({"coverage": vec!["x"; 1001]}), "coverage"),
            (
                json!({"costs_attachments": vec![json!({"url": "https://a.example/a.pdf"}); 101]}),
                "costs_attachments",
            ),
            (
                json!({"flow_steps": [{"identifier": "a", "title": "x".repeat(256), "type": "formio"}]}),
                "flow_steps.0.title",
            ),
            (
                json!({"feedback_messages": {"status_draft": {"subject": "x".repeat(256)}}}),
                "feedback_messages.status_draft.subject",
            ),
            (json!({"topics_id": "no uuid"}), "topics_id"),
            (
                json!({"feedback_messages": {"status_unheard": {"message": "x"}}}),
                "feedback_messages.status_unheard",
            ),
            (
                json!({"flow_steps": [{"identifier": "a", "title": "A", "type": "pdf"}]}),
                "flow_steps.0.type",
            ),
            (
                json!({"payment_parameters": {"gateways": [{"parameters": {}}]}}),
                "payment_parameters.gateways.0.identifier",
            ),
        ] {
            let errors = refused(more);
            assert!(
                errors.contains(&format!("\"field\":\"{field}\"")),
                "{field}: {errors}"
            );
        }
    }

    #[test]
    fn what_was_read_can_be_written_back_with_nulls_and_keys_of_the_answer() {
        let fields =
            ServiceFields::read(body(json!({"identifier": " ", "max_response_time": 30}))).unwrap();
        let mut echo = merged(
            &fields,
            object(json!({"id": "x", "topics": "y", "protocollo_parameters": {}})),
        )
        .unwrap();
        echo.insert("coverage".to_owned(), Value::Null);
        assert_eq!(ServiceFields::read(echo).unwrap(), fields);
        assert_eq!(fields.identifier, None);
    }

    #[test]
    fn a_patch_keeps_what_it_does_not_name() {
        let fields =
            ServiceFields::read(body(json!({"description": "testo", "sticky": true}))).unwrap();
        let Value::Object(patch) = json!({"status": 2, "description": null}) else {
            panic!()
        };
        let patched = fields.patched(patch).unwrap();
        assert_eq!(
            (patched.status, patched.sticky, patched.texts.description),
            (ServiceStatus::Suspended, true, None)
        );
    }
}
