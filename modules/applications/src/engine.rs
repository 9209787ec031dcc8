//! The one place where an application changes: it asks the state table, does what the plan says, and
//! writes rows, history, messages and events in the caller's transaction. People's calls and the
//! events of payments and documents come the same way.

use opencity_kernel::db::{DbError, DbResult, WriteScope};
use opencity_kernel::events::Change;
use opencity_kernel::id::{ActId, FileId, HistoryId, MessageId, OfficeId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::{Problem, ProblemKind, auth, clock};
use serde_json::Value;

use crate::aggregate::{Aggregate, Circumstances, act_named};
use crate::body;
use crate::domain::{
    Action, Caller, Effect, Facts, Plan, Reason, Refusal, Status, creation, decide,
};
use crate::files::name_uploads;
use crate::messages::On;
use crate::store::application::{self, Act, Application, Details};
use crate::store::payment::PaymentRow;
use crate::unique_id;

mod effects;
mod external;
mod telling;

pub use effects::record;
pub use external::keep as keep_external;
use telling::emit;

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
    let sentence = match (refusal.reason, refusal.state) {
        (Reason::IllegalTransition, None) => {
            "An application begins as a draft (status 1000) or is sent (1900, or no status); only the back office sends with 2000."
        }
        (reason, _) => reason.sentence(),
    };
    let problem = Problem::new(kind, sentence);
    if kind != ProblemKind::IllegalTransition {
        return problem;
    }
    let state = refusal
        .state
        .map_or(Value::Null, |state| state.to_string().into());
    problem
        .with("state", state)
        .with("allowed", refusal.allowed.clone())
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

impl Number {
    /// Whether it would replace the number held, by another one.
    #[must_use]
    pub fn replaces(&self, held: Option<&String>) -> bool {
        let both = self.number.as_ref().zip(held);
        both.is_some_and(|(number, held)| number != held)
    }
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
) -> Result<(), EngineError> {
    let now = clock::now();
    let about = Circumstances {
        assignee: inputs.assignee,
        act: inputs.act,
        without_number: matches!(action, Action::PatchProtocol(_))
            && inputs.number.number.is_none(),
        other_number: matches!(action, Action::PatchProtocol(kind)
            if aggregate.has_other_number(kind, &inputs.number)),
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
    work.carry_out(scope, aggregate, &plan)
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

/// Whether a caller may make an application that asks for this state, before its data are looked at.
///
/// # Errors
/// [`EngineError::Refused`].
pub fn may_create(requested: Option<Status>, relation: &Caller) -> Result<(), EngineError> {
    creation(requested, relation, &Facts::default())?;
    Ok(())
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
) -> Result<(), EngineError> {
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
    work.carry_out(scope, aggregate, &plan)
}

fn in_flight(aggregate: &Aggregate, action: Action, refusal: &Refusal) -> Problem {
    let until = act_named(action)
        .and_then(|kind| aggregate.last_act(kind))
        .and_then(|act| act.call_in_flight_until);
    let until = until
        .map(|until| format!(" It ends by {until}."))
        .unwrap_or_default();
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
        plan: &Plan,
    ) -> Result<(), EngineError> {
        let change = self.inputs.change.take();
        let has_new_data = change.is_some() || self.read.is_none();
        if let Some(change) = change {
            change(
                &mut aggregate.row,
                &mut aggregate.details,
                &mut aggregate.data,
            );
        }
        if has_new_data {
            name_uploads(&mut aggregate.data, &aggregate.files, None);
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
            return Ok(());
        }
        if plan.effects.contains(&Effect::MarkSubmitted) {
            unique_id::claim(scope, aggregate)?;
        }
        let steps = self.walk(aggregate, plan)?;
        self.write(scope, aggregate, &payments_before)?;
        aggregate.payments.append(&mut self.opened);
        self.tell(scope, aggregate, plan, steps)
    }
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
        emit(
            scope,
            aggregate,
            aggregate.row.version,
            Change::data(),
            body,
        )?;
    }
    Ok(())
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
