//! The decision agrees with the expectation written by hand in `states.csv`, for every triple of
//! state, action and role.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod expectations;

use std::collections::BTreeSet;

use expectations::{Triple, called, every_triple, expectations, of_platform, read};
use opencity_applications::domain::{
    ActKind, Action, Caller, Facts, Origin, PaymentKind, PaymentMove, Plan, Refusal, Status,
    creation, decide,
};

fn facts_of(words: &[String]) -> Facts {
    let mut facts = Facts::default();
    for word in words {
        match word.as_str() {
            "required" => facts.protocol_required = true,
            "forward" => facts.forward = true,
            "immediate" => facts.payment = PaymentKind::Immediate,
            "deferred" => facts.payment = PaymentKind::Deferred,
            "amount-due" => facts.amount_due = true,
            "allow-withdraw" => facts.allow_withdraw = true,
            "allow-integration" => facts.allow_integration_request = true,
            "allow-reopening" => facts.allow_reopening = true,
            "payment-data" => facts.has_payment_data = true,
            "origin-draft" => facts.origin = Some(Origin::Draft),
            "origin-acceptance" => facts.origin = Some(Origin::Acceptance),
            "origin-asked" => facts.origin = Some(Origin::Asked),
            "same-payment-outcome" => facts.same_payment_outcome = true,
            "request-number" => facts.has_number = true,
            "act-number" => facts.act_registered = true,
            "other-number" => facts.other_number = true,
            "act-current" => facts.act_is_current = true,
            "call-in-flight" => facts.call_in_flight = true,
            "same-assignee" => facts.same_assignee = true,
            "outcome-given" => facts.has_outcome = true,
            "submitted" => facts.was_submitted = true,
            "request-act" => facts.has_request_act = true,
            "system-operator-wrote" => facts.system_operator_wrote = true,
            unknown => panic!("no such fact: {unknown}"),
        }
    }
    facts
}

fn caller_of(role: &str) -> Caller {
    let nobody = Caller::default();
    let citizen = Caller {
        is_citizen: true,
        ..nobody
    };
    match role {
        "owner" => Caller {
            is_owner: true,
            ..citizen
        },
        "related" => Caller {
            is_related: true,
            ..citizen
        },
        "other-citizen" => citizen,
        "assigned" => Caller {
            is_assigned_operator: true,
            ..nobody
        },
        "assigned-office" => Caller {
            is_assigned_office_member: true,
            ..nobody
        },
        "enabled" => Caller {
            is_enabled_operator: true,
            ..nobody
        },
        "office" => Caller {
            is_office_member: true,
            ..nobody
        },
        "system" => Caller {
            is_system_operator: true,
            ..nobody
        },
        "admin" => Caller {
            is_admin: true,
            ..nobody
        },
        "service" => Caller {
            is_service: true,
            ..nobody
        },
        "stranger" => nobody,
        "platform" => Caller::PLATFORM,
        unknown => panic!("no such role: {unknown}"),
    }
}

fn action_of(name: &str) -> Action {
    let act = |name: &str| ActKind::from_document_type(name).expect("a kind of act");
    match name.split_once(':') {
        Some(("create", "none")) => return Action::Create(None),
        Some(("create", code)) => return Action::Create(Some(code.parse().unwrap())),
        Some(("change-status", code)) => return Action::ChangeStatus(code.parse().unwrap()),
        Some(("patch-protocol", kind)) => return Action::PatchProtocol(act(kind)),
        Some(("registered", kind)) => return Action::Registered(act(kind)),
        Some(("payment", outcome)) => {
            return Action::PaymentOutcome {
                ok: outcome == "OK",
            };
        }
        Some(("moved", what)) => {
            let known = PaymentMove::ALL.into_iter().find(|one| one.name() == what);
            return Action::Payment(known.expect("what payments say"));
        }
        _ => {}
    }
    Action::of_people()
        .into_iter()
        .chain(Action::of_platform())
        .find(|action| action.name() == name)
        .unwrap_or_else(|| panic!("no such action: {name}"))
}

fn answer(triple: &Triple, facts: &Facts) -> String {
    let (state, action, role) = triple;
    let caller = caller_of(role);
    let decision = match (state.as_str(), action_of(action)) {
        ("none", Action::Create(requested)) => creation(requested, &caller, facts),
        (code, action) => decide(code.parse().unwrap(), action, &caller, facts),
    };
    match decision {
        Ok(plan) => outcome(&plan, state.parse().ok()),
        Err(_) if role == "platform" => "nothing".to_owned(),
        Err(refusal) => refused(&refusal),
    }
}

fn outcome(plan: &Plan, from: Option<Status>) -> String {
    if plan.end(from).is_none() {
        return "gone".to_owned();
    }
    if !plan.moves() {
        return "same".to_owned();
    }
    let codes: Vec<String> = plan.path.iter().map(ToString::to_string).collect();
    codes.join(">")
}

fn refused(refusal: &Refusal) -> String {
    match refusal.http_status() {
        403 => "403".to_owned(),
        status => format!("{status}:{}", refusal.problem_id()),
    }
}

#[test]
fn the_file_says_something_of_every_triple() {
    let (_, lines) = read();
    let expected = expectations(&lines);
    let silent: Vec<_> = every_triple()
        .into_iter()
        .filter(|triple| !expected.contains_key(&("plain".to_owned(), triple.clone())))
        .collect();
    assert!(silent.is_empty(), "no line for {silent:?}");
}

#[test]
fn every_line_of_the_file_counts_for_some_triple() {
    let (facts, lines) = read();
    let used: BTreeSet<usize> = expectations(&lines)
        .values()
        .map(|(number, _)| *number)
        .collect();
    let idle: Vec<_> = lines
        .iter()
        .map(|line| line.number)
        .filter(|number| !used.contains(number))
        .collect();
    assert!(idle.is_empty(), "lines that no triple reaches: {idle:?}");
    for name in facts.keys() {
        assert!(
            lines.iter().any(|line| line.facts == *name),
            "no line uses the facts {name}"
        );
    }
}

#[test]
fn the_decision_is_the_one_written_by_hand() {
    let (facts, lines) = read();
    let mut wrong = Vec::new();
    for ((name, triple), (number, expected)) in expectations(&lines) {
        let facts = facts_of(facts.get(&name).expect("facts that the file names"));
        let answer = answer(&triple, &facts);
        if answer != expected {
            wrong.push(format!(
                "line {number} ({name}) {triple:?}: {expected} expected, {answer} decided"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_file_knows_every_action_of_the_code() {
    let named: BTreeSet<String> = called()
        .iter()
        .chain(&of_platform())
        .map(|name| format!("{:?}", action_of(name)))
        .collect();
    for action in Action::of_people().into_iter().chain(Action::of_platform()) {
        assert!(
            named.contains(&format!("{action:?}")),
            "{action:?} is in no line"
        );
    }
}
