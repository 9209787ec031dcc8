//! The table: everything that may happen to an application, and nothing else may.
//!
//! A row is there for the states `from`, the `actions` and the facts `when`; `who` may do it; each
//! of `guards` must hold, or it refuses with its own reason. Of several rows that are there for a
//! case, the first counts.

use super::action::ActKind::{
    self, IntegrationRequest, IntegrationResponse, Outcome, Request, Revocation,
};
use super::action::Action::{self, *};
use super::caller::Who;
use super::condition::Condition::{self, *};
use super::payment::PaymentMove;
use super::plan::Effect::{self, *};
use super::plan::Origin;
use super::refusal::Reason;
use super::row::{Row, creating, row};
use super::status::Status;

const S1000: Status = Status::Draft;
const S1500: Status = Status::PaymentPending;
const S1510: Status = Status::PaymentOutcomePending;
const S1520: Status = Status::PaymentSuccess;
const S1530: Status = Status::PaymentError;
const S1900: Status = Status::PreSubmit;
const S2000: Status = Status::Submitted;
const S3000: Status = Status::Registered;
const S4000: Status = Status::Pending;
const S4100: Status = Status::RequestIntegration;
const S4200: Status = Status::DraftForIntegration;
const S4300: Status = Status::SubmittedAfterIntegration;
const S4400: Status = Status::RegisteredAfterIntegration;
const S4500: Status = Status::PendingAfterIntegration;
const S5000: Status = Status::Processing;
const S6000: Status = Status::CompleteWaiting;
const S7000: Status = Status::Complete;
const S8000: Status = Status::CancelledWaiting;
const S9000: Status = Status::Cancelled;
const S20000: Status = Status::Withdrawn;
const S50000: Status = Status::Revoked;

const OWNER: Who = Who::OWNER;
const ASSIGNED: Who = Who::ASSIGNED;
const DESK: Who = Who::DESK;
const BACK_OFFICE: Who = Who::BACK_OFFICE;
const EDITOR: Who = Who::EDITOR;
const GATEWAY: Who = Who::GATEWAY;
const PLATFORM: Who = Who::PLATFORM;
const OWNER_OR_EDITOR: Who = OWNER.or(EDITOR);
const REGISTRAR: Who = BACK_OFFICE.never_owner();

/// Sent and not closed, or being paid.
const OPEN: &[Status] = &[
    S1500, S1510, S1520, S1530, S1900, S2000, S3000, S4000, S4100, S4200, S4300, S4400, S4500,
    S5000, S6000, S8000,
];
const REOPENABLE: &[Status] = &[S7000, S9000, S20000];
const IN_CHARGE: &[Status] = &[S4000, S4500];
const ASSIGNABLE_AGAIN: &[Status] = &[S4000, S4100, S4200, S4300, S4400, S4500];
const PAYING: &[Status] = &[S1500, S1510];
const FROM_1900: &[Status] = &[
    S1900, S2000, S3000, S4000, S4100, S4200, S4300, S4400, S4500, S5000, S6000, S7000, S8000,
    S9000, S20000, S50000,
];
const BUT_REVOKED: &[Status] = &[
    S1000, S1500, S1510, S1520, S1530, S1900, S2000, S3000, S4000, S4100, S4200, S4300, S4400,
    S4500, S5000, S6000, S7000, S8000, S9000, S20000,
];
const WITH_PROTOCOL_DATA: &[Status] = &[
    S1520, S1530, S1900, S2000, S3000, S4000, S4100, S4200, S4300, S4400, S4500, S5000, S6000,
    S7000, S8000, S9000, S20000, S50000,
];
const BY_HAND: &[Action] = &[
    ChangeStatus(S2000),
    ChangeStatus(S3000),
    ChangeStatus(S4000),
];

impl Row {
    /// *Send* of a service that is paid first.
    const fn send_and_pay(self) -> Self {
        self.to(&[S1500]).doing(&[
            (Not(&WasSubmitted), MarkSubmitted),
            (Not(&ByOwner), NoteSentByAnother),
            (Always, AssignAutomatically),
            (Always, OpenAttempt(Origin::Draft)),
        ])
    }

    /// *Send* without a payment.
    const fn send(self) -> Self {
        self.to(&[S1900]).doing(&[
            (Not(&WasSubmitted), MarkSubmitted),
            (Not(&ByOwner), NoteSentByAnother),
            (Always, AssignAutomatically),
            (Always, MakeAct(Request)),
        ])
    }
}

/// The number of an act by hand, where the service must require it.
const NUMBER_REQUIRED: &[(Condition, Reason)] = &[
    (Required, Reason::RegistrationNotNeeded),
    (ActUnregistered, Reason::RegisteredAlready),
    (NoCallInFlight, Reason::CallInFlight),
];
const NUMBER_OF_OUTCOME: &[(Condition, Reason)] = &[
    (OutcomeGiven, Reason::NoOutcome),
    (ActUnregistered, Reason::RegisteredAlready),
    (NoCallInFlight, Reason::CallInFlight),
];
const NOT_IN_FLIGHT: &[(Condition, Reason)] = &[(NoCallInFlight, Reason::CallInFlight)];
const FIRST_NUMBER: &[Condition] = &[Required, ActUnregistered];
const NUMBER_ARRIVED: &[Condition] = &[Required, ActIsCurrent];
const REQUEST_NUMBER: &[(Condition, Effect)] = &[(Always, RecordNumber(Request))];
const ASKED_NUMBER: &[(Condition, Effect)] = &[(Always, RecordNumber(IntegrationRequest))];
const ANSWER_NUMBER: &[(Condition, Effect)] = &[
    (Always, RecordNumber(IntegrationResponse)),
    (Always, CloseIntegrationRequest),
];
const OUTCOME_NUMBER: &[(Condition, Effect)] = &[(Always, RecordNumber(Outcome))];
const WITHDRAWN: &[(Condition, Effect)] = &[
    (IntegrationOpen, CloseIntegrationRequest),
    (Always, MakeAct(ActKind::Withdraw)),
];

/// Everything that may happen to an application, in the order of the states.
pub static TABLE: &[Row] = &[
    // Creation
    creating(&[Create(Some(S1000))])
        .by(OWNER.or(BACK_OFFICE))
        .to(&[S1000]),
    creating(&[Create(None), Create(Some(S1900))])
        .when(&[PaysFirst])
        .by(OWNER.or(BACK_OFFICE))
        .send_and_pay(),
    creating(&[Create(None), Create(Some(S1900))])
        .by(OWNER.or(BACK_OFFICE))
        .send(),
    // An owner who asks for 2000 asks for a state that he cannot have: the same as any other.
    creating(&[Create(Some(S2000))])
        .when(&[PaysFirst])
        .by(OWNER.or(BACK_OFFICE))
        .guarded(&[(ByBackOffice, Reason::IllegalTransition)])
        .send_and_pay(),
    creating(&[Create(Some(S2000))])
        .by(OWNER.or(BACK_OFFICE))
        .guarded(&[(ByBackOffice, Reason::IllegalTransition)])
        .send(),
    // Draft
    row(&[S1000], &[Put, PatchData]).by(OWNER_OR_EDITOR),
    row(&[S1000], &[Submit])
        .when(&[PaysFirst])
        .by(OWNER_OR_EDITOR)
        .send_and_pay(),
    row(&[S1000], &[Submit]).by(OWNER_OR_EDITOR).send(),
    row(&[S1000], &[Delete]).by(OWNER).gone(),
    // Payment
    row(&[S1500], &[Payment(PaymentMove::Waiting)]).by(PLATFORM),
    row(&[S1500], &[Payment(PaymentMove::Confirming)])
        .by(PLATFORM)
        .to(&[S1510]),
    row(&[S1500, S1510, S1530], &[Payment(PaymentMove::Completed)])
        .by(PLATFORM)
        .to(&[S1520]),
    row(PAYING, &[Payment(PaymentMove::Failed)])
        .by(PLATFORM)
        .to(&[S1530])
        .doing(&[(Always, CancelAttemptItems)]),
    row(
        &Status::ALL,
        &[PaymentOutcome { ok: true }, PaymentOutcome { ok: false }],
    )
    .when(&[OutcomeToldBefore])
    .by(GATEWAY),
    row(&[S1500, S1510, S1530], &[PaymentOutcome { ok: true }])
        .by(GATEWAY)
        .to(&[S1520]),
    row(PAYING, &[PaymentOutcome { ok: false }])
        .by(GATEWAY)
        .to(&[S1530])
        .doing(&[(Always, CancelAttemptItems)]),
    row(PAYING, &[CompletePayment])
        .by(DESK)
        .to(&[S1520])
        .doing(&[(Always, PaymentCompletedByHand), (Always, CancelDebt)]),
    row(&[S1520], &[AtOnce])
        .when(&[OriginIs(Origin::Draft)])
        .by(PLATFORM)
        .to(&[S1900])
        .doing(&[(Always, MakeAct(Request))]),
    row(&[S1520], &[AtOnce])
        .when(&[OriginIs(Origin::Acceptance), Required])
        .by(PLATFORM)
        .to(&[S6000])
        .doing(&[(Always, MakeAct(Outcome))]),
    row(&[S1520], &[AtOnce])
        .when(&[OriginIs(Origin::Acceptance)])
        .by(PLATFORM)
        .to(&[S7000])
        .doing(&[(Always, MakeAct(Outcome))]),
    row(&[S1520], &[AtOnce])
        .when(&[OriginIs(Origin::Asked)])
        .by(PLATFORM)
        .to(&[S4000]),
    row(&[S1530], &[Submit])
        .by(OWNER_OR_EDITOR)
        .to(&[S1500])
        .doing(&[(Always, OpenNextAttempt)]),
    row(&[S1530], &[ChangeStatus(S1500)])
        .by(BACK_OFFICE)
        .to(&[S1500])
        .doing(&[(Always, OpenNextAttempt)]),
    // Acquisition and registration
    // The number was given before the document was there.
    row(&[S1900], &[PdfReady])
        .when(&[ActIsCurrent, Required, NumberThere])
        .by(PLATFORM)
        .to(&[S2000, S3000]),
    row(&[S1900], &[PdfReady])
        .when(&[ActIsCurrent])
        .by(PLATFORM)
        .to(&[S2000]),
    row(&[S2000], &[Registered(Request)])
        .when(NUMBER_ARRIVED)
        .by(PLATFORM)
        .to(&[S3000])
        .doing(REQUEST_NUMBER),
    row(&[S2000], &[Register])
        .by(REGISTRAR)
        .guarded(NUMBER_REQUIRED)
        .to(&[S3000])
        .doing(REQUEST_NUMBER),
    row(&[S2000], &[PatchProtocol(Request)])
        .when(FIRST_NUMBER)
        .by(REGISTRAR)
        .guarded(NOT_IN_FLIGHT)
        .to(&[S3000])
        .doing(REQUEST_NUMBER),
    // Withdrawal
    row(&[S1900, S2000], &[Action::Withdraw])
        .by(OWNER)
        .guarded(&[
            (AllowWithdraw, Reason::WithdrawNotAllowed),
            (NoPaymentData, Reason::PaymentExists),
            (Not(&Required), Reason::NumberMissing),
        ])
        .to(&[S20000])
        .doing(WITHDRAWN),
    row(&[S3000, S4000, S4200], &[Action::Withdraw])
        .by(OWNER)
        .guarded(&[
            (AllowWithdraw, Reason::WithdrawNotAllowed),
            (NoPaymentData, Reason::PaymentExists),
        ])
        .to(&[S20000])
        .doing(WITHDRAWN),
    // Taking in charge
    row(&[S2000, S3000], &[Assign])
        .by(DESK)
        .guarded(&[(NumberThere, Reason::NumberMissing)])
        .to(&[S4000])
        .doing(&[(Always, SetAssignee)]),
    row(ASSIGNABLE_AGAIN, &[Assign])
        .by(DESK)
        .guarded(&[
            (NumberThere, Reason::NumberMissing),
            (OtherAssignee, Reason::SameAssignee),
        ])
        .doing(&[(Always, SetAssignee), (Always, AddHistoryRow)]),
    // Integrations
    row(IN_CHARGE, &[Action::RequestIntegration])
        .by(ASSIGNED)
        .guarded(&[(AllowIntegrationRequest, Reason::IntegrationNotAllowed)])
        .to(&[S4100])
        .doing(&[
            (Always, MakeAct(IntegrationRequest)),
            (Always, OpenIntegrationRequest),
        ]),
    row(&[S4100], &[AtOnce])
        .when(&[Not(&Required)])
        .by(PLATFORM)
        .to(&[S4200]),
    row(&[S4100], &[Registered(IntegrationRequest)])
        .when(NUMBER_ARRIVED)
        .by(PLATFORM)
        .to(&[S4200])
        .doing(ASKED_NUMBER),
    row(&[S4100], &[RegisterIntegrationRequest])
        .by(REGISTRAR)
        .guarded(NUMBER_REQUIRED)
        .to(&[S4200])
        .doing(ASKED_NUMBER),
    row(&[S4100], &[PatchProtocol(IntegrationRequest)])
        .when(FIRST_NUMBER)
        .by(REGISTRAR)
        .guarded(NOT_IN_FLIGHT)
        .to(&[S4200])
        .doing(ASKED_NUMBER),
    row(&[S4200], &[Submit])
        .by(OWNER)
        .to(&[S4300])
        .doing(&[(Always, MakeAct(IntegrationResponse))]),
    row(&[S4200], &[AcceptIntegration])
        .by(ASSIGNED)
        .to(&[S4300])
        .doing(&[(Always, MakeAct(IntegrationResponse))]),
    // No document, so no number to wait for.
    row(&[S4200], &[CancelIntegration])
        .by(ASSIGNED)
        .to(&[S4300, S4000])
        .doing(&[(Always, CloseIntegrationRequest)]),
    row(&[S4300], &[AtOnce])
        .when(&[Not(&Required)])
        .by(PLATFORM)
        .to(&[S4000])
        .doing(&[(Always, CloseIntegrationRequest)]),
    row(&[S4300], &[Registered(IntegrationResponse)])
        .when(NUMBER_ARRIVED)
        .by(PLATFORM)
        .to(&[S4400])
        .doing(ANSWER_NUMBER),
    row(&[S4300], &[RegisterIntegrationAnswer])
        .by(REGISTRAR)
        .guarded(NUMBER_REQUIRED)
        .to(&[S4400])
        .doing(ANSWER_NUMBER),
    row(&[S4300], &[PatchProtocol(IntegrationResponse)])
        .when(FIRST_NUMBER)
        .by(REGISTRAR)
        .guarded(NOT_IN_FLIGHT)
        .to(&[S4400])
        .doing(ANSWER_NUMBER),
    row(&[S4400], &[AtOnce]).by(PLATFORM).to(&[S4000]),
    // Outcome
    row(IN_CHARGE, &[Accept])
        .when(&[PaysAfterAcceptance])
        .by(ASSIGNED)
        .to(&[S1500])
        .doing(&[
            (Always, SetOutcome(true)),
            (Always, OpenAttempt(Origin::Acceptance)),
        ]),
    row(IN_CHARGE, &[Accept])
        .when(&[Required])
        .by(ASSIGNED)
        .to(&[S6000])
        .doing(&[(Always, SetOutcome(true)), (Always, MakeAct(Outcome))]),
    row(IN_CHARGE, &[Accept])
        .by(ASSIGNED)
        .to(&[S7000])
        .doing(&[(Always, SetOutcome(true)), (Always, MakeAct(Outcome))]),
    row(IN_CHARGE, &[Reject])
        .when(&[Required])
        .by(ASSIGNED)
        .to(&[S8000])
        .doing(&[(Always, SetOutcome(false)), (Always, MakeAct(Outcome))]),
    row(IN_CHARGE, &[Reject])
        .by(ASSIGNED)
        .to(&[S9000])
        .doing(&[(Always, SetOutcome(false)), (Always, MakeAct(Outcome))]),
    row(&[S6000], &[Registered(Outcome)])
        .when(&[ActIsCurrent])
        .by(PLATFORM)
        .to(&[S7000])
        .doing(OUTCOME_NUMBER),
    row(&[S6000], &[RegisterOutcome])
        .by(REGISTRAR)
        .guarded(NUMBER_OF_OUTCOME)
        .to(&[S7000])
        .doing(OUTCOME_NUMBER),
    row(&[S6000], &[PatchProtocol(Outcome)])
        .when(&[ActUnregistered, OutcomeGiven])
        .by(REGISTRAR)
        .guarded(NOT_IN_FLIGHT)
        .to(&[S7000])
        .doing(OUTCOME_NUMBER),
    row(&[S8000], &[Registered(Outcome)])
        .when(&[ActIsCurrent])
        .by(PLATFORM)
        .to(&[S9000])
        .doing(OUTCOME_NUMBER),
    row(&[S8000], &[RegisterOutcome])
        .by(REGISTRAR)
        .guarded(NUMBER_OF_OUTCOME)
        .to(&[S9000])
        .doing(OUTCOME_NUMBER),
    row(&[S8000], &[PatchProtocol(Outcome)])
        .when(&[ActUnregistered, OutcomeGiven])
        .by(REGISTRAR)
        .guarded(NOT_IN_FLIGHT)
        .to(&[S9000])
        .doing(OUTCOME_NUMBER),
    // By hand
    row(IN_CHARGE, &[ChangeStatus(S1500)])
        .by(BACK_OFFICE)
        .guarded(&[(AmountDue, Reason::NothingToPay)])
        .to(&[S1500])
        .doing(&[(Always, OpenAttempt(Origin::Asked))]),
    row(REOPENABLE, BY_HAND)
        .by(BACK_OFFICE)
        .guarded(&[
            (AllowReopening, Reason::ReopeningNotAllowed),
            (TargetFitsWorkflow, Reason::WorkflowForward),
        ])
        .to_target()
        .doing(&[(OutcomeGiven, ClearOutcome)]),
    row(OPEN, BY_HAND)
        .when(&[TargetDiffers])
        .by(BACK_OFFICE)
        .guarded(&[(TargetFitsWorkflow, Reason::WorkflowForward)])
        .to_target()
        .doing(&[
            (DebtOpen, CancelDebt),
            (IntegrationOpen, CloseIntegrationRequest),
            (OutcomeGiven, ClearOutcome),
            (Not(&RequestActMade), MakeAct(Request)),
        ]),
    row(BUT_REVOKED, &[ChangeStatus(S50000)])
        .by(BACK_OFFICE)
        .to_target()
        .doing(&[
            (DebtOpen, CancelDebt),
            (IntegrationOpen, CloseIntegrationRequest),
            (WasSubmitted, MakeAct(Revocation)),
        ]),
    // Data, without a change of state
    row(OPEN, &[Put, PatchData])
        .by(OWNER_OR_EDITOR)
        .guarded(&[(ByEditor, Reason::IllegalTransition)]),
    row(
        &[
            S1000, S1500, S1510, S1520, S1530, S1900, S2000, S3000, S4000, S4100, S4200, S4300,
            S4400, S4500, S5000, S6000, S8000,
        ],
        &[Backoffice],
    )
    .by(EDITOR.never_owner()),
    protocol_data(
        &[PatchProtocol(Request)],
        &[(Always, RecordProtocolData(Request))],
    ),
    protocol_data(
        &[PatchProtocol(IntegrationRequest)],
        &[(Always, RecordProtocolData(IntegrationRequest))],
    ),
    protocol_data(
        &[PatchProtocol(IntegrationResponse)],
        &[(Always, RecordProtocolData(IntegrationResponse))],
    ),
    protocol_data(
        &[PatchProtocol(Outcome)],
        &[(Always, RecordProtocolData(Outcome))],
    ),
    row(FROM_1900, &[Message])
        .by(OWNER_OR_EDITOR)
        .guarded(&[(MayWrite, Reason::WorkflowForward)]),
];

/// Protocol data that are not the number that the state waits for.
const fn protocol_data(actions: &'static [Action], effects: &'static [(Condition, Effect)]) -> Row {
    row(WITH_PROTOCOL_DATA, actions)
        .by(REGISTRAR)
        .guarded(&[
            (NoOtherNumber, Reason::RegisteredAlready),
            (NoCallInFlight, Reason::CallInFlight),
        ])
        .doing(effects)
}
