//! What a change tells: history, the citizen's message, events; and the rows that go with it.

use opencity_formio::Applicant;
use opencity_kernel::db::{DbResult, WriteScope};
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_kernel::i18n::Language;
use opencity_kernel::id::{HistoryId, MessageId};
use serde_json::Value;

use super::{EngineError, Step, Work, on};
use crate::aggregate::Aggregate;
use crate::body;
use crate::domain::{ActKind, Effect, Plan, Status, audience};
use crate::store::application::{self, Act};
use crate::store::history::{self, HistoryRow};
use crate::store::payment::{self, PaymentRow};
use crate::texts::{self, Placeholders, StatusMessageInput};

impl Work<'_> {
    /// Walks through the states of the plan; what each event says is the application as it is there.
    pub(super) fn walk(
        &self,
        aggregate: &mut Aggregate,
        plan: &Plan,
    ) -> Result<Vec<Step>, EngineError> {
        let act_at = self.act.as_ref().map(|act| place_of(act, &plan.path));
        let mut steps = Vec::new();
        let mut from = self.from;
        aggregate.row.set_details(&aggregate.details)?;
        aggregate.row.updated_at = self.now;
        for (place, status) in plan.path.iter().enumerate() {
            aggregate.row.version += 1;
            aggregate.row.status = status.code();
            aggregate.row.status_changed_at = self.now;
            aggregate.row.flow_changed_at = self.now;
            let act = self.act.as_ref().filter(|_| act_at == Some(place));
            steps.push(Step {
                status: *status,
                from,
                version: aggregate.row.version,
                history: HistoryId::new(),
                body: self.event_body(aggregate, *status, act)?,
            });
            from = Some(*status);
        }
        if steps.is_empty() {
            aggregate.row.version += 1;
        }
        Ok(steps)
    }

    fn event_body(
        &self,
        aggregate: &Aggregate,
        status: Status,
        act: Option<&Act>,
    ) -> DbResult<Option<Value>> {
        // Nobody else learns of a draft.
        if status == Status::Draft {
            return Ok(None);
        }
        body::event(aggregate, self.site, self.now, act).map(Some)
    }

    pub(super) fn write(
        &self,
        scope: &mut WriteScope<'_>,
        aggregate: &Aggregate,
        payments_before: &[PaymentRow],
    ) -> Result<(), EngineError> {
        match self.read {
            Some(read) => application::update(scope, &aggregate.row, read)?,
            None => application::insert(scope, &aggregate.row)?,
        }
        if let Some(act) = &self.act {
            application::insert_act(scope, act)?;
        }
        for act in aggregate
            .acts
            .iter()
            .filter(|act| self.touched.contains(&act.id))
        {
            application::update_act(scope, act)?;
        }
        for (before, after) in payments_before.iter().zip(&aggregate.payments) {
            let same = before.settled_by_hand == after.settled_by_hand
                && before.cancelled_by_us == after.cancelled_by_us;
            if !same {
                payment::update(scope, after)?;
            }
        }
        for item in &self.opened {
            payment::insert(scope, item)?;
        }
        Ok(())
    }

    /// History, messages, events.
    pub(super) fn tell(
        &self,
        scope: &mut WriteScope<'_>,
        aggregate: &Aggregate,
        plan: &Plan,
        steps: Vec<Step>,
    ) -> Result<(), EngineError> {
        let keeps_state = steps.is_empty();
        for (place, step) in steps.into_iter().enumerate() {
            let written = self.status_message(scope, aggregate, &step)?;
            // What was written with the action goes with the state that it leads to first.
            let first = place == 0;
            let row = self.history_row(aggregate, step.history, step.version, step.status, first);
            history::add(
                scope,
                &HistoryRow {
                    message_id: row.message_id.or(written),
                    ..row
                },
            )?;
            if let Some(body) = step.body {
                let from = step.from.map(|status| status.to_string());
                let change = Change::status(from.as_deref(), &step.status.to_string())
                    .with_history(step.history);
                emit(scope, aggregate, step.version, change, body)?;
            }
        }
        if keeps_state {
            let mut change = Change::data();
            if plan.effects.contains(&Effect::AddHistoryRow) {
                let id = HistoryId::new();
                let status = aggregate.state()?;
                let row = self.history_row(aggregate, id, aggregate.row.version, status, true);
                history::add(scope, &row)?;
                change = change.with_history(id);
            }
            if let Some(body) = self.event_body(aggregate, aggregate.state()?, None)? {
                emit(scope, aggregate, aggregate.row.version, change, body)?;
            }
        }
        Ok(())
    }

    fn history_row(
        &self,
        aggregate: &Aggregate,
        id: HistoryId,
        version: i64,
        status: Status,
        first: bool,
    ) -> HistoryRow {
        HistoryRow {
            tenant_id: aggregate.row.tenant_id,
            id,
            application_id: aggregate.row.id,
            version,
            status: status.code(),
            event: self.event.filter(|_| first).map(str::to_owned),
            actor_id: self.actor.id.filter(|_| first),
            actor_name: self.actor.name.clone().filter(|_| first),
            operator_id: aggregate.row.operator_id,
            office_id: aggregate.row.office_id,
            message: self.inputs.note.clone().filter(|_| first),
            message_id: self.inputs.message_id.filter(|_| first),
            at: self
                .inputs
                .at
                .filter(|at| *at < self.now)
                .unwrap_or(self.now),
        }
    }

    fn status_message(
        &self,
        scope: &mut WriteScope<'_>,
        aggregate: &Aggregate,
        step: &Step,
    ) -> Result<Option<MessageId>, EngineError> {
        if step.status == Status::Draft {
            return Ok(None);
        }
        let first_time = step.status != Status::Pending
            || !history::has_been(scope, aggregate.row.id, Status::Pending)?;
        let to = audience(
            step.status,
            self.action,
            aggregate.service.protocol_required,
            first_time,
        );
        if !to.citizen {
            return Ok(None);
        }
        let note = self.inputs.note.as_deref();
        Ok(write_status_message(
            scope,
            self.site,
            aggregate,
            step.status,
            note,
        )?)
    }
}

/// The state of the path with which an act is told: the one that it belongs to, else the last.
fn place_of(act: &Act, path: &[Status]) -> usize {
    let belongs = |status: &Status| match act.act_kind() {
        Some(ActKind::Request) => *status == Status::PreSubmit,
        Some(ActKind::IntegrationRequest) => *status == Status::RequestIntegration,
        Some(ActKind::IntegrationResponse) => *status == Status::SubmittedAfterIntegration,
        _ => false,
    };
    path.iter()
        .position(belongs)
        .unwrap_or(path.len().saturating_sub(1))
}

/// Writes the event of a change; the application's row was written before.
pub(super) fn emit(
    scope: &mut WriteScope<'_>,
    aggregate: &Aggregate,
    version: i64,
    change: Change,
    body: Value,
) -> DbResult<()> {
    let row = &aggregate.row;
    scope.emit(NewEvent::new(
        Topic::Applications,
        row.service_id,
        row.id.uuid(),
        version,
        change,
        body,
    ))?;
    Ok(())
}

/// Writes the citizen's message that tells a change of state; none where its text is inactive. The
/// operators' mails follow from the event.
fn write_status_message(
    scope: &mut WriteScope<'_>,
    site: &str,
    aggregate: &Aggregate,
    entered: Status,
    note: Option<&str>,
) -> DbResult<Option<MessageId>> {
    let row = &aggregate.row;
    let service = &aggregate.service;
    let (name, full_name) = texts::service_names(service, service.service_group_name.as_deref());
    texts::status_message(
        scope,
        &StatusMessageInput {
            on: on(row),
            status: entered,
            texts: &service.feedback_messages,
            language: Language::from_tag(&row.locale).unwrap_or_default(),
            email: Applicant::read(&aggregate.data).email,
            api: &format!("{site}/api"),
            placeholders: Placeholders {
                service: name,
                service_full_name: full_name,
                protocol_number: row.protocol_number.clone(),
                protocolled_at: row.protocolled_at,
                submitted_at: row.submitted_at,
                user_name: row.user_name.clone().unwrap_or_default(),
                max_response_time: service.max_response_time.map(i64::from),
                category: service.topics_name.clone(),
                group: service.service_group_name.clone(),
                personal_message: note
                    .or(row.outcome_motivation.as_deref())
                    .map(str::to_owned),
            },
        },
    )
}
