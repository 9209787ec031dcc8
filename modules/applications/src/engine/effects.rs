//! The effects of a plan on the application, its acts and its payments, before anything is written.

use opencity_formio::Applicant;
use opencity_kernel::db::{DbError, DbResult};
use opencity_kernel::id::{ActId, FileId, OfficeId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use opencity_kernel::{Problem, ProblemKind, clock};
use serde_json::Value;

use super::{EngineError, Number, Work};
use crate::aggregate::Aggregate;
use crate::domain::{ActKind, Effect, Origin, Reason};
use crate::store::application::{Act, Integration, PaymentOutcome, ProtocolData, origin_name};
use crate::store::file::FileKind;
use crate::store::payment::{PaymentRow, item_name};
use crate::terms::{self, Attempt};

impl Work<'_> {
    pub(super) fn effect(
        &mut self,
        aggregate: &mut Aggregate,
        effect: Effect,
    ) -> Result<(), EngineError> {
        match effect {
            Effect::DeleteDraft | Effect::AddHistoryRow => {}
            Effect::MarkSubmitted => aggregate.row.submitted_at = Some(self.now),
            Effect::NoteSentByAnother => {
                self.event = Some("Creazione pratica da altro soggetto.");
            }
            Effect::AssignAutomatically => assign_automatically(aggregate),
            Effect::OpenAttempt(origin) => self.open_attempt(aggregate, Some(origin))?,
            Effect::OpenNextAttempt => self.open_attempt(aggregate, None)?,
            Effect::CancelAttemptItems => {
                let attempt = aggregate.row.attempt;
                cancel(aggregate, |row| row.attempt == attempt)?;
            }
            Effect::CancelDebt => cancel(aggregate, |_| true)?,
            Effect::PaymentCompletedByHand => settle_by_hand(aggregate),
            Effect::MakeAct(kind) => self.make_act(aggregate, kind)?,
            Effect::RecordNumber(kind) | Effect::RecordProtocolData(kind) => {
                self.touched
                    .extend(record(aggregate, kind, &self.inputs.number));
            }
            Effect::SetAssignee => {
                if let Some((operator, office)) = self.inputs.assignee {
                    aggregate.row.operator_id = operator;
                    aggregate.row.office_id = office;
                }
                aggregate.row.flow_changed_at = self.now;
                self.event = Some("Presa in carico");
            }
            Effect::OpenIntegrationRequest => {
                if let Some(act) = &self.act {
                    aggregate.details.integrations.push(Integration {
                        request: act.id,
                        response: None,
                        done: false,
                        asked_at: self.now,
                    });
                }
                aggregate.details.integration_outbound = ProtocolData::default();
                aggregate.details.integration_inbound = ProtocolData::default();
            }
            Effect::CloseIntegrationRequest => {
                if let Some(last) = aggregate.details.integrations.last_mut() {
                    last.done = true;
                }
            }
            Effect::SetOutcome(accepted) => {
                aggregate.row.outcome = Some(accepted);
                aggregate.row.outcome_motivation = self.inputs.note.clone();
                aggregate.details.outcome_files = self.inputs.act_files.clone();
            }
            Effect::ClearOutcome => {
                aggregate.row.outcome = None;
                aggregate.row.outcome_motivation = None;
                aggregate.details.outcome_number = ProtocolData::default();
                aggregate.details.outcome_files.clear();
            }
        }
        Ok(())
    }

    fn make_act(&mut self, aggregate: &mut Aggregate, kind: ActKind) -> Result<(), EngineError> {
        let files = match kind {
            ActKind::Request => ids_of(aggregate, FileKind::Upload),
            // After a deferred payment the outcome is no longer at hand, but kept.
            ActKind::Outcome => aggregate.details.outcome_files.clone(),
            _ => self.inputs.act_files.clone(),
        };
        let act = Act {
            tenant_id: aggregate.row.tenant_id,
            id: ActId::new(),
            application_id: aggregate.row.id,
            kind: kind.document_type().to_owned(),
            actor_id: self.actor.id,
            messages: Json::of(&self.inputs.act_messages)?,
            files: Json::of(&files)?,
            protocol_number: None,
            protocol_document_id: None,
            protocolled_at: None,
            folder_number: None,
            folder_code: None,
            document_id: None,
            document_status: None,
            document_version: 0,
            document_file: None,
            call_in_flight_until: None,
            created_at: self.now,
        };
        aggregate.row.current_act_id = Some(act.id);
        if kind == ActKind::IntegrationResponse
            && let Some(last) = aggregate.details.integrations.last_mut()
        {
            last.response = Some(act.id);
        }
        aggregate.acts.push(act.clone());
        self.act = Some(act);
        Ok(())
    }

    /// Opens an attempt to pay what no attempt has paid.
    fn open_attempt(
        &mut self,
        aggregate: &mut Aggregate,
        origin: Option<Origin>,
    ) -> Result<(), EngineError> {
        let terms = aggregate.terms();
        let items = terms.unpaid(&aggregate.known_payments()?);
        if items.is_empty() {
            return Err(EngineError::Invalid(Problem::new(
                ProblemKind::NothingToPay,
                Reason::NothingToPay.sentence(),
            )));
        }
        let chosen = aggregate.row.payment_type.is_some();
        if origin == Some(Origin::Draft)
            && !chosen
            && aggregate.service.payment_parameters.gateways.len() > 1
        {
            return Err(EngineError::Invalid(Problem::field(
                "payment_type",
                "required",
                "Choose one of the service's payment connectors.",
            )));
        }
        let row = &mut aggregate.row;
        row.attempt += 1;
        let attempt = Attempt {
            application: row.id,
            locale: &row.locale,
            site: self.site,
            payment_type: row.payment_type.as_deref(),
            number: u32::try_from(row.attempt).unwrap_or(1),
            now: self.now,
        };
        let applicant = Applicant::read(&aggregate.data);
        let data = terms::payment_data(&terms, &items, &aggregate.service, &applicant, &attempt)
            .map_err(EngineError::Invalid)?;
        row.payment_type = terms::gateway(&aggregate.service, row.payment_type.as_deref())
            .map(|gateway| gateway.identifier.clone());
        if let Some(origin) = origin {
            row.payment_origin = Some(origin_name(origin).to_owned());
        }
        row.payment_data = Some(serde_json::to_string(&data).map_err(DbError::json)?);
        for (item, amount) in items {
            self.opened.push(PaymentRow {
                tenant_id: row.tenant_id,
                application_id: row.id,
                attempt: row.attempt,
                item: item_name(item),
                amount: amount.get(),
                payment_id: None,
                reason: Some(data.reason.clone()),
                status: "CREATION_PENDING".to_owned(),
                settled_by_hand: false,
                cancelled_by_us: false,
                links: None,
                payment_version: 0,
                created_at: self.now,
                updated_at: self.now,
            });
        }
        Ok(())
    }

    /// Remembers what an external payment component told of the attempt.
    pub(super) fn note_outcome(&self, aggregate: &mut Aggregate, ok: bool) {
        let attempt = aggregate.row.attempt;
        aggregate.details.payment_outcome = Some(PaymentOutcome { attempt, ok });
        if ok {
            settle_by_hand(aggregate);
        }
    }
}

fn ids_of(aggregate: &Aggregate, kind: FileKind) -> Vec<FileId> {
    let of_kind = aggregate
        .files
        .iter()
        .filter(|(held, _)| held == kind.as_str());
    of_kind
        .map(|(_, file)| FileId::from_uuid(file.id))
        .collect()
}

fn assign_automatically(aggregate: &mut Aggregate) {
    let Some(assignment) = &aggregate.service.automatic_assignment else {
        return;
    };
    let flat = opencity_formio::flatten(&aggregate.data);
    let value = match flat.get(&assignment.field) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => return,
    };
    let rule = assignment.rules.iter().find(|rule| rule.value == value);
    if let Some(rule) = rule {
        aggregate.row.office_id = Some(OfficeId::from_uuid(rule.user_group_id));
    }
}

fn cancel(aggregate: &mut Aggregate, which: impl Fn(&PaymentRow) -> bool) -> DbResult<()> {
    for row in aggregate.payments.iter_mut().filter(|row| which(row)) {
        if row.reported()?.is_open() && !row.settled_by_hand {
            row.cancelled_by_us = true;
        }
    }
    Ok(())
}

fn settle_by_hand(aggregate: &mut Aggregate) {
    let attempt = aggregate.row.attempt;
    for row in aggregate
        .payments
        .iter_mut()
        .filter(|row| row.attempt == attempt)
    {
        row.settled_by_hand = true;
    }
}

/// Keeps a number, and what belongs to it, on the application and on its act; a first number is never replaced.
/// The act, if it has changed.
pub fn record(aggregate: &mut Aggregate, kind: ActKind, number: &Number) -> Option<ActId> {
    let set = |old: &mut Option<String>, new: &Option<String>| {
        if new.is_some() {
            old.clone_from(new);
        }
    };
    let at = number
        .at
        .or_else(|| number.number.is_some().then(clock::now));
    match kind {
        ActKind::Request if number.replaces(aggregate.row.protocol_number.as_ref()) => {}
        ActKind::Request => {
            if aggregate.row.protocol_number.is_none() {
                aggregate.row.protocol_number.clone_from(&number.number);
            }
            set(
                &mut aggregate.details.protocol_document_id,
                &number.document_id,
            );
            set(
                &mut aggregate.details.protocol_folder_number,
                &number.folder_number,
            );
            set(
                &mut aggregate.details.protocol_folder_code,
                &number.folder_code,
            );
            if aggregate.row.protocolled_at.is_none() || number.at.is_some() {
                aggregate.row.protocolled_at = at.or(aggregate.row.protocolled_at);
            }
        }
        ActKind::Outcome => keep(&mut aggregate.details.outcome_number, number, at),
        ActKind::IntegrationRequest => {
            keep(&mut aggregate.details.integration_outbound, number, at);
        }
        ActKind::IntegrationResponse => {
            keep(&mut aggregate.details.integration_inbound, number, at);
        }
        ActKind::Withdraw | ActKind::Revocation => {}
    }
    let act = aggregate
        .acts
        .iter_mut()
        .rev()
        .find(|act| act.act_kind() == Some(kind))
        .filter(|act| !number.replaces(act.protocol_number.as_ref()))?;
    if act.protocol_number.is_none() {
        act.protocol_number.clone_from(&number.number);
        act.protocolled_at = at;
    }
    set(&mut act.protocol_document_id, &number.document_id);
    set(&mut act.folder_number, &number.folder_number);
    set(&mut act.folder_code, &number.folder_code);
    Some(act.id)
}

fn keep(data: &mut ProtocolData, number: &Number, at: Option<Instant>) {
    if number.replaces(data.number.as_ref()) {
        return;
    }
    if data.number.is_none() {
        data.number.clone_from(&number.number);
    }
    if number.document_id.is_some() {
        data.document_id.clone_from(&number.document_id);
    }
    if data.at.is_none() || number.at.is_some() {
        data.at = at.or(data.at);
    }
}
