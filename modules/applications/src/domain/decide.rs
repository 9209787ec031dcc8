//! The decision: one walk of the table.

use super::action::Action;
use super::caller::{Caller, Who};
use super::condition::{Case, Facts};
use super::plan::{Effect, Plan};
use super::refusal::{Reason, Refusal};
use super::row::{Next, Row};
use super::status::Status;
use super::table::TABLE;

/// Decides whether `caller` may do `action` on an application in `status`, and what follows.
///
/// # Errors
/// In this order: who may not view is told so; an application of another system allows nothing; a state without such an action is
/// [`Reason::IllegalTransition`] (or [`Reason::WorkflowForward`]), whoever asks; the wrong person is
/// [`Reason::Forbidden`]; then the first guard that does not hold. For what the platform does, a
/// refusal means that nothing moves (see [`Action::is_anomaly_without_row`]).
pub fn decide(
    status: Status,
    action: Action,
    caller: &Caller,
    facts: &Facts,
) -> Result<Plan, Refusal> {
    decide_case(&Case {
        from: Some(status),
        action,
        caller,
        facts,
    })
}

/// Decides on POST `applications` with the `status` that the body asks for.
///
/// # Errors
/// As [`decide`]; a citizen who creates for somebody else is [`Reason::ApplicantMismatch`].
pub fn creation(
    requested: Option<Status>,
    caller: &Caller,
    facts: &Facts,
) -> Result<Plan, Refusal> {
    decide_case(&Case {
        from: None,
        action: Action::Create(requested),
        caller,
        facts,
    })
}

/// The transitions that this caller may do now: what `links` shows. `change-status` comes once per
/// state that it may lead to.
#[must_use]
pub fn available_actions(status: Status, caller: &Caller, facts: &Facts) -> Vec<Action> {
    Action::of_people()
        .into_iter()
        .filter(|action| {
            let case = Case {
                from: Some(status),
                action: *action,
                caller,
                facts,
            };
            action.is_transition() && plan(&case).is_ok()
        })
        .collect()
}

fn decide_case(case: &Case<'_>) -> Result<Plan, Refusal> {
    plan(case).map_err(|reason| {
        // Who may not view learns nothing of the application, its state included.
        let hidden = reason == Reason::MayNotView;
        Refusal {
            reason,
            state: case.from.filter(|_| !hidden),
            allowed: if hidden || case.facts.external {
                Vec::new()
            } else {
                allowed_names(case)
            },
        }
    })
}

fn plan(case: &Case<'_>) -> Result<Plan, Reason> {
    if case.from.is_some() && !case.caller.may_view() && !is_gateway_call(case) {
        return Err(Reason::MayNotView);
    }
    if case.facts.external {
        return Err(Reason::ExternalApplication);
    }
    if case.facts.forward && case.action.needs_approval_workflow() {
        return Err(Reason::WorkflowForward);
    }
    let Some(row) = rows_of(case).next() else {
        return Err(Reason::IllegalTransition);
    };
    if !case.caller.is(row.who) {
        let creates_for_another = case.from.is_none() && case.caller.is_citizen;
        return Err(if creates_for_another {
            Reason::ApplicantMismatch
        } else {
            Reason::Forbidden
        });
    }
    if let Some((_, reason)) = row.guards.iter().find(|(guard, _)| !guard.holds(case)) {
        return Err(*reason);
    }
    let mut plan = Plan::default();
    follow(row, case, &mut plan);
    pass_at_once(case, &mut plan);
    Ok(plan)
}

/// A service credential sees nothing of an application, but tells the outcome of its payment.
fn is_gateway_call(case: &Case<'_>) -> bool {
    matches!(case.action, Action::PaymentOutcome { .. }) && case.caller.is(Who::GATEWAY)
}

fn rows_of<'a>(case: &'a Case<'a>) -> impl Iterator<Item = &'static Row> + 'a {
    TABLE.iter().filter(|row| {
        row.from.includes(case.from)
            && row.actions.contains(&case.action)
            && row.when.iter().all(|condition| condition.holds(case))
    })
}

fn follow(row: &Row, case: &Case<'_>, plan: &mut Plan) {
    match row.next {
        Next::Same | Next::Gone => {}
        Next::To(states) => plan.path.extend_from_slice(states),
        Next::Target => {
            if let Action::ChangeStatus(target) = case.action {
                plan.path.push(target);
            }
        }
    }
    let effects = row
        .effects
        .iter()
        .filter(|(condition, _)| condition.holds(case));
    plan.effects.extend(effects.map(|(_, effect)| *effect));
    if row.next == Next::Gone {
        plan.effects.push(Effect::DeleteDraft);
    }
}

/// Leaves the states that are left as soon as they are entered.
fn pass_at_once(case: &Case<'_>, plan: &mut Plan) {
    // No more steps than there are states: a loop in the table would otherwise never end.
    for _ in Status::ALL {
        let Some(entered) = plan.path.last().copied() else {
            return;
        };
        let step = Case {
            from: Some(entered),
            action: Action::AtOnce,
            caller: &Caller::PLATFORM,
            facts: case.facts,
        };
        let Some(row) = rows_of(&step).next() else {
            return;
        };
        follow(row, &step, plan);
    }
}

fn allowed_names(case: &Case<'_>) -> Vec<&'static str> {
    let mut names = Vec::new();
    for action in candidates(case.from) {
        let possible = Case { action, ..*case };
        let unanswered = action == Action::Message && !case.facts.system_operator_wrote;
        let hidden = case.facts.forward && (action.needs_approval_workflow() || unanswered);
        if !hidden && !names.contains(&action.name()) && rows_of(&possible).next().is_some() {
            names.push(action.name());
        }
    }
    names
}

fn candidates(from: Option<Status>) -> Vec<Action> {
    match from {
        Some(_) => Action::of_people(),
        None => vec![Action::Create(None)],
    }
}
