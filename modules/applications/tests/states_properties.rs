//! What holds of the life cycle whatever the state, the action, the caller and the facts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use opencity_applications::domain::{
    Action, Caller, Effect, Facts, Origin, PaymentKind, Plan, Reason, Status, Who,
    available_actions, creation, decide,
};
use proptest::prelude::*;

fn any_status() -> impl Strategy<Value = Status> {
    prop::sample::select(Status::ALL.to_vec())
}

fn any_action() -> impl Strategy<Value = Action> {
    let mut all = Action::of_people();
    all.extend(Action::of_platform());
    prop::sample::select(all)
}

fn any_caller() -> impl Strategy<Value = Caller> {
    any::<[bool; 11]>().prop_map(
        |[
            is_citizen,
            is_owner,
            is_related,
            is_assigned_operator,
            is_assigned_office_member,
            is_enabled_operator,
            is_office_member,
            is_system_operator,
            is_admin,
            is_service,
            is_platform,
        ]| Caller {
            is_citizen,
            is_owner,
            is_related,
            is_assigned_operator,
            is_assigned_office_member,
            is_enabled_operator,
            is_office_member,
            is_system_operator,
            is_admin,
            is_service,
            is_platform,
        },
    )
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let payment = prop::sample::select(vec![
        PaymentKind::None,
        PaymentKind::Immediate,
        PaymentKind::Deferred,
    ]);
    let origin = prop::sample::select(vec![
        None,
        Some(Origin::Draft),
        Some(Origin::Acceptance),
        Some(Origin::Asked),
    ]);
    (any::<[bool; 19]>(), payment, origin).prop_map(
        |(
            [
                protocol_required,
                forward,
                amount_due,
                allow_withdraw,
                allow_integration_request,
                allow_reopening,
                has_payment_data,
                same_payment_outcome,
                has_number,
                act_registered,
                other_number,
                act_is_current,
                call_in_flight,
                same_assignee,
                has_outcome,
                was_submitted,
                has_request_act,
                integration_open,
                system_operator_wrote,
            ],
            payment,
            origin,
        )| Facts {
            protocol_required,
            forward,
            external: false,
            payment,
            amount_due,
            allow_withdraw,
            allow_integration_request,
            allow_reopening,
            has_payment_data,
            origin,
            same_payment_outcome,
            has_number,
            act_registered,
            other_number,
            act_is_current,
            call_in_flight,
            same_assignee,
            has_outcome,
            was_submitted,
            has_request_act,
            integration_open,
            system_operator_wrote,
        },
    )
}

fn count(plan: &Plan, wanted: impl Fn(&Effect) -> bool) -> usize {
    plan.effects.iter().filter(|effect| wanted(effect)).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_leaves_an_annulled_application(
        action in any_action(), caller in any_caller(), facts in any_facts(),
    ) {
        if let Ok(plan) = decide(Status::Revoked, action, &caller, &facts) {
            prop_assert!(!plan.moves());
        }
    }

    #[test]
    fn a_closed_application_is_left_by_change_status_alone(
        status in any_status(), action in any_action(), caller in any_caller(), facts in any_facts(),
    ) {
        let decision = decide(status, action, &caller, &facts);
        if status.is_final() && decision.is_ok_and(|plan| plan.moves()) {
            prop_assert!(matches!(action, Action::ChangeStatus(_)));
        }
    }

    #[test]
    fn states_that_are_left_at_once_are_never_rested_in(
        status in any_status(), action in any_action(), caller in any_caller(), facts in any_facts(),
    ) {
        if let Ok(plan) = decide(status, action, &caller, &facts) {
            let end = plan.path.last();
            prop_assert!(end != Some(&Status::PaymentSuccess));
            prop_assert!(end != Some(&Status::RegisteredAfterIntegration));
            if !facts.protocol_required {
                prop_assert!(end != Some(&Status::RequestIntegration));
                prop_assert!(end != Some(&Status::SubmittedAfterIntegration));
            }
            prop_assert!(plan.path.len() <= 3);
        }
    }

    #[test]
    fn nobody_enters_a_draft_again_nor_the_states_of_import_and_of_the_past(
        status in any_status(), action in any_action(), caller in any_caller(), facts in any_facts(),
    ) {
        if let Ok(plan) = decide(status, action, &caller, &facts) {
            for entered in plan.path {
                prop_assert!(!matches!(
                    entered,
                    Status::Draft | Status::PendingAfterIntegration | Status::Processing
                ));
            }
        }
    }

    #[test]
    fn without_a_row_all_who_may_view_are_told_the_same(
        status in any_status(), action in any_action(),
        one in any_caller(), other in any_caller(), facts in any_facts(),
    ) {
        prop_assume!(one.may_view() && other.may_view());
        if action == Action::Put || action == Action::PatchData {
            // The owner's own edit outside the draft is refused as if there were no row.
            return Ok(());
        }
        let first = decide(status, action, &one, &facts);
        let reason = first.as_ref().err().map(|refusal| refusal.reason);
        if reason == Some(Reason::IllegalTransition) {
            prop_assert_eq!(first, decide(status, action, &other, &facts));
        }
    }

    #[test]
    fn who_may_not_view_learns_nothing_else(
        status in any_status(), action in any_action(), caller in any_caller(), facts in any_facts(),
    ) {
        if caller.may_view() {
            return Ok(());
        }
        let gateway = matches!(action, Action::PaymentOutcome { .. }) && caller.is_service;
        if !gateway {
            let refusal = decide(status, action, &caller, &facts).unwrap_err();
            prop_assert_eq!(refusal.reason, Reason::MayNotView);
            prop_assert_eq!((refusal.state, refusal.allowed.len()), (None, 0));
        }
    }

    #[test]
    fn an_application_of_another_system_allows_nothing_to_anybody(
        status in any_status(), action in any_action(), caller in any_caller(), facts in any_facts(),
    ) {
        let facts = Facts { external: true, ..facts };
        let refusal = decide(status, action, &caller, &facts).unwrap_err();
        prop_assert!(refusal.allowed.is_empty());
        prop_assert!(available_actions(status, &caller, &facts).is_empty());
        if caller.may_view() {
            prop_assert_eq!(refusal.reason, Reason::ExternalApplication);
        }
    }

    #[test]
    fn editors_are_the_back_office_and_the_assigned(caller in any_caller()) {
        let either = caller.is(Who::BACK_OFFICE) || caller.is(Who::ASSIGNED);
        prop_assert_eq!(caller.is(Who::EDITOR), either);
        prop_assert!(!either || (caller.may_view() && caller.may_see_internal()));
        prop_assert!(!(caller.is_owner && (caller.may_register() || caller.may_see_backoffice_data())));
    }

    #[test]
    fn an_entry_into_payment_opens_one_attempt_and_nothing_else_does(
        status in any_status(), action in any_action(), caller in any_caller(), facts in any_facts(),
    ) {
        if let Ok(plan) = decide(status, action, &caller, &facts) {
            let attempts = count(&plan, |effect| {
                matches!(effect, Effect::OpenAttempt(_) | Effect::OpenNextAttempt)
            });
            let entered = plan.path.iter().filter(|one| **one == Status::PaymentPending).count();
            prop_assert_eq!(attempts, entered);
        }
    }

    #[test]
    fn who_leaves_a_payment_without_paying_cancels_the_debt(
        action in any_action(), caller in any_caller(), facts in any_facts(),
        status in prop::sample::select(vec![Status::PaymentPending, Status::PaymentOutcomePending]),
    ) {
        let by_payment = matches!(action, Action::Payment(_) | Action::PaymentOutcome { .. });
        if let Ok(plan) = decide(status, action, &caller, &facts)
            && plan.moves()
            && !by_payment
        {
            prop_assert_eq!(count(&plan, |effect| *effect == Effect::CancelDebt), 1);
        }
    }

    #[test]
    fn an_outcome_makes_one_document_and_a_state_of_acceptance_has_an_outcome(
        action in any_action(), caller in any_caller(), facts in any_facts(),
    ) {
        if let Ok(plan) = decide(Status::Pending, action, &caller, &facts) {
            let decided = plan.path.iter().any(|one| matches!(
                one,
                Status::CompleteWaiting | Status::Complete | Status::CancelledWaiting | Status::Cancelled
            ));
            let set = count(&plan, |effect| matches!(effect, Effect::SetOutcome(_)));
            let made = count(&plan, |effect| {
                *effect == Effect::MakeAct(opencity_applications::domain::ActKind::Outcome)
            });
            prop_assert_eq!(made, usize::from(decided));
            prop_assert!(!decided || set == 1);
        }
    }

    #[test]
    fn links_show_what_the_decision_allows(
        status in any_status(), caller in any_caller(), facts in any_facts(),
    ) {
        for action in available_actions(status, &caller, &facts) {
            prop_assert!(action.is_transition());
            prop_assert!(decide(status, action, &caller, &facts).is_ok());
            prop_assert!(action != Action::Register || facts.protocol_required);
        }
    }

    #[test]
    fn only_a_code_is_a_state(code in any::<i32>()) {
        let known = Status::ALL.iter().any(|status| status.code() == code);
        prop_assert_eq!(Status::try_from(code).is_ok(), known);
        prop_assert_eq!(code.to_string().parse::<Status>().is_ok(), known);
    }
}

proptest! {
    // Each case walks all that can be reached.
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_forward_application_is_never_taken_in_charge(
        caller in any_caller(), facts in any_facts(),
    ) {
        let facts = Facts { forward: true, origin: Some(Origin::Draft), ..facts };
        let everybody = Caller { is_platform: true, is_admin: true, is_owner: true,
            is_system_operator: true, is_assigned_operator: true, ..caller };
        let mut seen = BTreeSet::new();
        let mut next = vec![None];
        while let Some(from) = next.pop() {
            let decisions: Vec<_> = match from {
                None => [None, Some(Status::Draft), Some(Status::PreSubmit), Some(Status::Submitted)]
                    .into_iter()
                    .map(|requested| creation(requested, &everybody, &facts))
                    .collect(),
                Some(status) => Action::of_people()
                    .into_iter()
                    .chain(Action::of_platform())
                    .map(|action| decide(status, action, &everybody, &facts))
                    .collect(),
            };
            for status in decisions.into_iter().flatten().flat_map(|plan| plan.path) {
                if seen.insert(status) {
                    next.push(Some(status));
                }
            }
        }
        prop_assert!(seen.contains(&Status::Submitted) || seen.contains(&Status::PreSubmit));
        prop_assert!(!seen.contains(&Status::Pending), "{:?}", seen);
    }
}

#[test]
fn money_and_numbers_that_move_nothing_are_kept_as_anomalies() {
    use opencity_applications::domain::{ActKind, PaymentMove};
    let late = Action::Payment(PaymentMove::Completed);
    assert!(decide(Status::Complete, late, &Caller::PLATFORM, &Facts::default()).is_err());
    assert!(late.is_anomaly_without_row());
    assert!(Action::Registered(ActKind::Request).is_anomaly_without_row());
    assert!(!Action::Registered(ActKind::Withdraw).is_anomaly_without_row());
    assert!(!Action::Payment(PaymentMove::Failed).is_anomaly_without_row());
}

#[test]
fn a_state_is_read_from_a_string_and_from_a_number_and_written_as_a_string() {
    for json in ["\"4000\"", "4000"] {
        assert_eq!(
            serde_json::from_str::<Status>(json).unwrap(),
            Status::Pending
        );
    }
    for json in [
        "\"4001\"",
        "4001",
        "-4000",
        "\"+4000\"",
        "\"\"",
        "null",
        "4000.5",
    ] {
        assert!(serde_json::from_str::<Status>(json).is_err(), "{json}");
    }
    assert_eq!(serde_json::to_string(&Status::Pending).unwrap(), "\"4000\"");
}

#[test]
fn a_refusal_names_the_state_and_what_it_allows() {
    let owner = Caller {
        is_citizen: true,
        is_owner: true,
        ..Caller::default()
    };
    let refusal = decide(Status::Draft, Action::Accept, &owner, &Facts::default()).unwrap_err();
    assert_eq!(refusal.problem_id(), "illegal-transition");
    assert_eq!(refusal.state, Some(Status::Draft));
    assert_eq!(
        refusal.allowed,
        [
            "submit",
            "delete",
            "put",
            "patch",
            "backoffice",
            "change-status"
        ]
    );
}

#[test]
fn the_owner_of_a_new_application_may_only_withdraw_it() {
    let owner = Caller {
        is_citizen: true,
        is_owner: true,
        ..Caller::default()
    };
    let facts = Facts {
        allow_withdraw: true,
        was_submitted: true,
        ..Facts::default()
    };
    let shown = |status| available_actions(status, &owner, &facts);
    assert_eq!(shown(Status::Submitted), [Action::Withdraw]);
    assert_eq!(
        shown(Status::DraftForIntegration),
        [Action::Submit, Action::Withdraw]
    );
    assert!(shown(Status::Complete).is_empty());
}

#[test]
fn a_sending_by_the_office_names_its_author_and_a_second_one_keeps_the_first_time() {
    let operator = Caller {
        is_enabled_operator: true,
        ..Caller::default()
    };
    let first = decide(Status::Draft, Action::Submit, &operator, &Facts::default()).unwrap();
    assert!(first.effects.contains(&Effect::NoteSentByAnother));
    assert!(first.effects.contains(&Effect::MarkSubmitted));
    let sent = Facts {
        was_submitted: true,
        ..Facts::default()
    };
    let again = decide(Status::Draft, Action::Submit, &operator, &sent).unwrap();
    assert!(!again.effects.contains(&Effect::MarkSubmitted));
}

#[test]
fn an_annulled_draft_leaves_no_document_and_an_annulled_application_does() {
    let admin = Caller {
        is_admin: true,
        ..Caller::default()
    };
    let annul = Action::ChangeStatus(Status::Revoked);
    let made = |was_submitted| {
        let facts = Facts {
            was_submitted,
            ..Facts::default()
        };
        let plan = decide(Status::Pending, annul, &admin, &facts).unwrap();
        count(&plan, |effect| matches!(effect, Effect::MakeAct(_)))
    };
    assert_eq!((made(false), made(true)), (0, 1));
}

#[test]
fn going_back_clears_the_outcome_and_makes_a_missing_request() {
    let admin = Caller {
        is_admin: true,
        ..Caller::default()
    };
    let facts = Facts {
        has_outcome: true,
        ..Facts::default()
    };
    let back = Action::ChangeStatus(Status::Submitted);
    let plan = decide(Status::CompleteWaiting, back, &admin, &facts).unwrap();
    assert_eq!(
        plan.effects,
        [
            Effect::ClearOutcome,
            Effect::MakeAct(opencity_applications::domain::ActKind::Request)
        ]
    );
}
