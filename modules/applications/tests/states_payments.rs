//! How payments move an application, and whom a change is told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use opencity_applications::domain::payment::{
    attempt_is_complete, items_paid_twice, next_attempt_items, payment_move, payments_to_cancel,
};
use opencity_applications::domain::{
    Action, Audience, ItemPayment, PaymentItem, PaymentMove, PaymentStatus, Status, audience,
};

const AMOUNT: PaymentItem = PaymentItem::Amount;
const STAMP: PaymentItem = PaymentItem::Stamp(0);

fn payment(attempt: u32, item: PaymentItem, status: PaymentStatus) -> ItemPayment {
    ItemPayment {
        attempt,
        item,
        status,
        cancelled_by_us: false,
    }
}

#[test]
fn each_status_of_a_payment_says_what_the_decisions_say() {
    let expected = [
        ("CREATION_PENDING", PaymentMove::Waiting),
        ("PAYMENT_PENDING", PaymentMove::Waiting),
        ("PAYMENT_STARTED", PaymentMove::Waiting),
        ("PAYMENT_CONFIRMED", PaymentMove::Confirming),
        ("NOTIFICATION_PENDING", PaymentMove::Confirming),
        ("COMPLETE", PaymentMove::Completed),
        ("CREATION_FAILED", PaymentMove::Failed),
        ("PAYMENT_FAILED", PaymentMove::Failed),
        ("EXPIRED", PaymentMove::Failed),
        ("CANCELED", PaymentMove::Failed),
    ];
    assert_eq!(expected.len(), PaymentStatus::ALL.len());
    for (name, meaning) in expected {
        let status: PaymentStatus = name.parse().unwrap();
        assert_eq!(status.meaning(), meaning, "{name}");
    }
    assert!("complete".parse::<PaymentStatus>().is_err());
}

#[test]
fn an_application_is_paid_when_the_last_item_of_the_attempt_is() {
    let amount = payment(1, AMOUNT, PaymentStatus::Complete);
    let waiting = [amount, payment(1, STAMP, PaymentStatus::PaymentPending)];
    assert_eq!(payment_move(&amount, 1, &waiting), None);
    let paid = [amount, payment(1, STAMP, PaymentStatus::Complete)];
    assert_eq!(
        payment_move(&paid[1], 1, &paid),
        Some(PaymentMove::Completed)
    );
    assert!(!attempt_is_complete(2, &paid), "an attempt without items");
}

#[test]
fn a_failure_counts_for_the_current_attempt_only() {
    let old = payment(1, AMOUNT, PaymentStatus::Expired);
    let all = [old, payment(2, AMOUNT, PaymentStatus::PaymentPending)];
    assert_eq!(payment_move(&old, 2, &all), None);
    assert_eq!(payment_move(&old, 1, &all), Some(PaymentMove::Failed));
}

#[test]
fn our_own_cancellation_moves_nothing_and_another_one_fails() {
    let theirs = payment(1, AMOUNT, PaymentStatus::Canceled);
    let ours = ItemPayment {
        cancelled_by_us: true,
        ..theirs
    };
    assert_eq!(payment_move(&ours, 1, &[ours]), None);
    assert_eq!(
        payment_move(&theirs, 1, &[theirs]),
        Some(PaymentMove::Failed)
    );
}

#[test]
fn the_next_attempt_asks_for_what_nobody_paid_and_a_late_payment_of_the_first_completes_it() {
    let stamp = payment(1, STAMP, PaymentStatus::Complete);
    let failed = payment(1, AMOUNT, PaymentStatus::Expired);
    assert_eq!(
        next_attempt_items(&[AMOUNT, STAMP], &[stamp, failed]),
        [AMOUNT]
    );
    let late = payment(1, AMOUNT, PaymentStatus::Complete);
    let second = payment(2, AMOUNT, PaymentStatus::PaymentPending);
    let all = [stamp, late, second];
    assert_eq!(payment_move(&late, 2, &all), Some(PaymentMove::Completed));
    assert_eq!(payments_to_cancel(2, &all), [second]);
}

#[test]
fn an_item_paid_in_two_attempts_is_an_anomaly() {
    let once = [
        payment(1, AMOUNT, PaymentStatus::Complete),
        payment(1, STAMP, PaymentStatus::Complete),
    ];
    assert!(items_paid_twice(&once).is_empty());
    let twice = [
        once[0],
        once[1],
        payment(2, AMOUNT, PaymentStatus::Complete),
        payment(3, AMOUNT, PaymentStatus::Complete),
    ];
    assert_eq!(items_paid_twice(&twice), [AMOUNT]);
}

#[test]
fn an_acquisition_is_told_once_without_registration_at_2000_with_it_at_3000() {
    let everybody = Audience {
        citizen: true,
        service_operators: true,
        assigned: false,
    };
    let told = |status, required| audience(status, Action::PdfReady, required, true);
    assert_eq!(told(Status::Submitted, false), everybody);
    assert_eq!(told(Status::Submitted, true), Audience::default());
    assert_eq!(told(Status::Registered, true), everybody);
    assert_eq!(told(Status::PreSubmit, false), Audience::default());
}

#[test]
fn the_assigned_operator_hears_of_the_citizens_answer_not_of_his_own() {
    let answered = |action| audience(Status::SubmittedAfterIntegration, action, true, true);
    assert!(answered(Action::Submit).assigned);
    assert!(!answered(Action::AcceptIntegration).assigned);
    assert!(!answered(Action::CancelIntegration).assigned);
    assert!(audience(Status::Withdrawn, Action::Withdraw, false, true).assigned);
}

#[test]
fn taking_in_charge_is_told_the_citizen_the_first_time_only() {
    assert!(audience(Status::Pending, Action::Assign, true, true).citizen);
    assert!(!audience(Status::Pending, Action::Assign, true, false).citizen);
}
