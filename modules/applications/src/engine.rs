//! The one place where an application changes: it asks the state table, does what the plan says, and
//! writes rows, history, messages and events in the caller's transaction. People's calls and the
//! events of payments and documents come the same way.

use opencity_formio::Applicant;
use opencity_kernel::db::{DbError, DbResult, WriteScope};
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_kernel::id::{
    ActId, FileId, HistoryId, MessageId, OfficeId, UserId,
};
use opencity_kernel::i18n::Language;
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use opencity_kernel::{Problem, ProblemKind, auth, clock};
use serde_json::Value;

use crate::aggregate::{Aggregate, Circumstances, act_named};
use crate::body;
use crate::domain::{
    ActKind, Action, Caller, Effect, Origin, Plan, Reason, Refusal, Status, audience,
    creation, decide,
};
use crate::store::application::{
    self, Act, Application, Details, Integration, PaymentOutcome, PaymentRow, ProtocolData,
    item_name, origin_name,
};
use crate::messages::On;
use crate::store::file::FileKind;
use crate::store::history::{self, HistoryRow};
use crate::terms::{self, Attempt};
use crate::texts::{self, Placeholders, StatusMessageInput};

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The state table refuses.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// What was asked for cannot be done as it was asked.
    #[error("{0}")]
    Invalid(Problem),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused(refusal) => refused(&refusal),
            EngineError::Invalid(problem) => problem,
            EngineError::Database(error) => error.into(),
        }
    }
}

/// The problem of a refusal.
#[must_use]
pub fn refused(refusal: &Refusal) -> Problem {
    let kind = ProblemKind::of_id(refusal.problem_id()).unwrap_or(ProblemKind::IllegalTransition);
    let problem = Problem::new(kind, refusal.reason.sentence());
    if kind != ProblemKind::IllegalTransition {
        return problem;
    }
    let state = refusal.state.map_or(Value::Null, |state| state.to_string().into());
    problem.with("state", state).with("allowed", refusal.allowed.clone())
}

/// Who changes the application.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The user; none: the platform.
    pub id: Option<UserId>,
    /// His name, for the history.
    pub name: Option<String>,
    /// What he is to the application.
    pub relation: Caller,
}

impl Actor {
    /// The platform itself.
    #[must_use]
    pub fn platform() -> Self {
        Self {
            id: None,
            name: None,
            relation: Caller::PLATFORM,
        }
    }

    /// The caller of a request.
    #[must_use]
    pub fn of(caller: &auth::Caller, relation: Caller) -> Self {
        let name = match &caller.kind {
            auth::CallerKind::Operator(known) | auth::CallerKind::Administrator(known) => {
                known.full_name.clone()
            }
            _ => None,
        };
        Self {
            id: (!caller.is_service()).then_some(caller.id),
            name,
            relation,
        }
    }
}

/// A change of data, made once the table has let the action through.
pub type DataChange = Box<dyn FnOnce(&mut Application, &mut Details, &mut Value) + Send>;

/// What goes with an action.
#[derive(Default)]
pub struct Inputs {
    /// What was written with it: the outcome's motivation, the reason.
    pub note: Option<String>,
    /// The message that carries it, where one was written.
    pub message_id: Option<MessageId>,
    /// Operator and office that an assignment asks for.
    pub assignee: Option<(Option<UserId>, Option<OfficeId>)>,
    /// When it was done, where that is not now.
    pub at: Option<Instant>,
    /// The number of an act.
    pub number: Number,
    /// The messages that the act consists of.
    pub act_messages: Vec<MessageId>,
    /// The files that the act consists of.
    pub act_files: Vec<FileId>,
    /// The act of a document's event.
    pub act: Option<ActId>,
    /// The change of data.
    pub change: Option<DataChange>,
}

/// What a registry, or somebody by hand, says of an act.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Number {
    /// Protocol number.
    pub number: Option<String>,
    /// The registry's id.
    pub document_id: Option<String>,
    /// The registry's number of the folder.
    pub folder_number: Option<String>,
    /// The folder's title.
    pub folder_code: Option<String>,
    /// When.
    pub at: Option<Instant>,
}

/// A change that was made.
#[derive(Debug)]
pub struct Applied {
    /// What was decided.
    pub plan: Plan,
    /// The act that was made, if one was.
    pub act: Option<ActId>,
}

/// Does an action on an application.
///
/// # Errors
/// [`EngineError`]; nothing was written then but what the caller wrote before.
pub fn apply(
    scope: &mut WriteScope<'_>,
    site: &str,
    aggregate: &mut Aggregate,
    actor: &Actor,
    action: Action,
    inputs: Inputs,
) -> Result<Applied, EngineError> {
    let now = clock::now();
    let about = Circumstances {
        assignee: inputs.assignee,
        act: inputs.act,
        without_number: matches!(action, Action::PatchProtocol(_))
            && inputs.number.number.is_none(),
    };
    let state = aggregate.state()?;
    let plan = check(aggregate, &actor.relation, action, about)?;
    let mut work = Work {
        site,
        actor,
        action,
        inputs,
        now,
        from: Some(state),
        read: Some(aggregate.row.version),
        act: None,
        event: None,
        touched: Vec::new(),
        opened: Vec::new(),
    };
    work.carry_out(scope, aggregate, plan)
}

/// Whether an action would be let through, and what it would do.
///
/// # Errors
/// [`EngineError`].
pub fn check(
    aggregate: &Aggregate,
    relation: &Caller,
    action: Action,
    about: Circumstances,
) -> Result<Plan, EngineError> {
    let facts = aggregate.facts(action, about, clock::now())?;
    match decide(aggregate.state()?, action, relation, &facts) {
        Err(refusal) if refusal.reason == Reason::CallInFlight => {
            Err(EngineError::Invalid(in_flight(aggregate, action, &refusal)))
        }
        decided => Ok(decided?),
    }
}

/// Makes an application: `aggregate` is the new one, not yet stored.
///
/// # Errors
/// [`EngineError`].
pub fn create(
    scope: &mut WriteScope<'_>,
    site: &str,
    aggregate: &mut Aggregate,
    actor: &Actor,
    requested: Option<Status>,
    inputs: Inputs,
) -> Result<Applied, EngineError> {
    let now = clock::now();
    let action = Action::Create(requested);
    let facts = aggregate.facts(action, Circumstances::default(), now)?;
    let plan = creation(requested, &actor.relation, &facts)?;
    let mut work = Work {
        site,
        actor,
        action,
        inputs,
        now,
        from: None,
        read: None,
        act: None,
        event: None,
        touched: Vec::new(),
        opened: Vec::new(),
    };
    work.carry_out(scope, aggregate, plan)
}

fn in_flight(aggregate: &Aggregate, action: Action, refusal: &Refusal) -> Problem {
    let until = act_named(action)
        .and_then(|kind| aggregate.last_act(kind))
        .and_then(|act| act.call_in_flight_until);
    let until = until.map(|until| format!(" It ends by {until}.")).unwrap_or_default();
    Problem::new(
        ProblemKind::CallInFlight,
        format!("{}{until}", refusal.reason.sentence()),
    )
}

struct Work<'a> {
    site: &'a str,
    actor: &'a Actor,
    action: Action,
    inputs: Inputs,
    now: Instant,
    from: Option<Status>,
    /// The version that the row was read at; none: it is new.
    read: Option<i64>,
    act: Option<Act>,
    /// What the history calls it.
    event: Option<&'static str>,
    /// Acts that have changed.
    touched: Vec<ActId>,
    /// Items of the attempt that was opened.
    opened: Vec<PaymentRow>,
}

/// A state passed: its event is made before anything is written.
struct Step {
    status: Status,
    from: Option<Status>,
    version: i64,
    history: HistoryId,
    body: Option<Value>,
}

impl Work<'_> {
    fn carry_out(
        &mut self,
        scope: &mut WriteScope<'_>,
        aggregate: &mut Aggregate,
        plan: Plan,
    ) -> Result<Applied, EngineError> {
        if let Some(change) = self.inputs.change.take() {
            change(&mut aggregate.row, &mut aggregate.details, &mut aggregate.data);
            aggregate.row.submission =
                serde_json::to_string(&aggregate.data).map_err(DbError::json)?;
        }
        let payments_before = aggregate.payments.clone();
        for effect in &plan.effects {
            self.effect(aggregate, *effect)?;
        }
        if let Action::PaymentOutcome { ok } = self.action {
            self.note_outcome(aggregate, ok);
        }
        if plan.effects.contains(&Effect::DeleteDraft) {
            application::delete(scope, aggregate.row.id, self.read.unwrap_or_default())?;
            return Ok(Applied { plan, act: None });
        }
        let steps = self.walk(aggregate, &plan)?;
        self.write(scope, aggregate, &payments_before)?;
        aggregate.payments.append(&mut self.opened);
        self.tell(scope, aggregate, &plan, steps)?;
        Ok(Applied {
            plan,
            act: self.act.as_ref().map(|act| act.id),
        })
    }

    /// Walks through the states of the plan; what each event says is the application as it is there.
    fn walk(&self, aggregate: &mut Aggregate, plan: &Plan) -> Result<Vec<Step>, EngineError> {
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

    fn write(
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
        for act in aggregate.acts.iter().filter(|act| self.touched.contains(&act.id)) {
            application::update_act(scope, act)?;
        }
        for (before, after) in payments_before.iter().zip(&aggregate.payments) {
            let same = before.settled_by_hand == after.settled_by_hand
                && before.cancelled_by_us == after.cancelled_by_us;
            if !same {
                application::update_payment(scope, after)?;
            }
        }
        for item in &self.opened {
            application::insert_payment(scope, item)?;
        }
        Ok(())
    }

    /// History, messages, events.
    fn tell(
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
            at: self.inputs.at.filter(|at| *at < self.now).unwrap_or(self.now),
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
        Ok(write_status_message(scope, self.site, aggregate, step.status, note)?)
    }

    fn effect(&mut self, aggregate: &mut Aggregate, effect: Effect) -> Result<(), EngineError> {
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
                self.touched.extend(record(aggregate, kind, &self.inputs.number));
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
        if kind == ActKind::IntegrationResponse {
            if let Some(last) = aggregate.details.integrations.last_mut() {
                last.response = Some(act.id);
            }
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
    fn note_outcome(&self, aggregate: &mut Aggregate, ok: bool) {
        let attempt = aggregate.row.attempt;
        aggregate.details.payment_outcome = Some(PaymentOutcome { attempt, ok });
        if ok {
            settle_by_hand(aggregate);
        }
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
    path.iter().position(belongs).unwrap_or(path.len().saturating_sub(1))
}

fn ids_of(aggregate: &Aggregate, kind: FileKind) -> Vec<FileId> {
    let of_kind = aggregate.files.iter().filter(|(held, _)| held == kind.as_str());
    of_kind.map(|(_, file)| FileId::from_uuid(file.id)).collect()
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
    for row in aggregate.payments.iter_mut().filter(|row| row.attempt == attempt) {
        row.settled_by_hand = true;
    }
}

/// Keeps a number on the application and on its act; a first number is never replaced. The acts that
/// have changed.
pub fn record(aggregate: &mut Aggregate, kind: ActKind, number: &Number) -> Option<ActId> {
    let set = |old: &mut Option<String>, new: &Option<String>| {
        if new.is_some() {
            old.clone_from(new);
        }
    };
    let at = number.at.or_else(|| number.number.is_some().then(clock::now));
    match kind {
        ActKind::Request => {
            if aggregate.row.protocol_number.is_none() {
                aggregate.row.protocol_number.clone_from(&number.number);
            }
            set(&mut aggregate.details.protocol_document_id, &number.document_id);
            set(&mut aggregate.details.protocol_folder_number, &number.folder_number);
            set(&mut aggregate.details.protocol_folder_code, &number.folder_code);
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
        .find(|act| act.act_kind() == Some(kind))?;
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

/// Writes the event of a change; the application's row was written before.
fn emit(
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

/// Writes an application back whose data changed outside the table (a number that came late, a
/// note), and tells it.
///
/// # Errors
/// [`DbError::Conflict`] if somebody else changed it meanwhile.
pub fn save(scope: &mut WriteScope<'_>, site: &str, aggregate: &mut Aggregate) -> DbResult<()> {
    let read = aggregate.row.version;
    aggregate.row.version += 1;
    aggregate.row.updated_at = clock::now();
    aggregate.row.set_details(&aggregate.details)?;
    application::update(scope, &aggregate.row, read)?;
    if aggregate.state()? != Status::Draft {
        let body = body::event(aggregate, site, aggregate.row.updated_at, None)?;
        emit(scope, aggregate, aggregate.row.version, Change::data(), body)?;
    }
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
                personal_message: note.map(str::to_owned),
            },
        },
    )
}

/// Where messages on an application are.
#[must_use]
pub fn on(row: &Application) -> On {
    On {
        application: row.id,
        service: row.service_id,
        owner: row.user_id,
    }
}
