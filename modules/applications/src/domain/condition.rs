//! What the table looks at beside state, action and caller.

use super::action::Action;
use super::caller::{Caller, Who};
use super::plan::Origin;
use super::status::Status;

/// When a service is paid (`payment_required`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PaymentKind {
    /// 0: never.
    #[default]
    None,
    /// 1: before sending.
    Immediate,
    /// 2: after acceptance.
    Deferred,
}

/// The service and the application as they are when the decision is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// The service has `protocol_required`.
    pub protocol_required: bool,
    /// The service only forwards (*per inoltro*, `workflow` 1).
    pub forward: bool,
    /// Another system told the application (*Pratica Lite*) and works it.
    pub external: bool,
    /// When the service is paid.
    pub payment: PaymentKind,
    /// The sum of the items not yet paid, amount and stamps, is above zero.
    pub amount_due: bool,
    /// The service lets the citizen withdraw.
    pub allow_withdraw: bool,
    /// The service lets the office ask for integrations.
    pub allow_integration_request: bool,
    /// The service lets closed applications be opened again.
    pub allow_reopening: bool,
    /// `payment_data` is there.
    pub has_payment_data: bool,
    /// Where the last payment was asked from; a draft when nothing is said.
    pub origin: Option<Origin>,
    /// The payment component's outcome is the one that it told before for this attempt.
    pub same_payment_outcome: bool,
    /// The request has its protocol number.
    pub has_number: bool,
    /// The act that the action names has its number.
    pub act_registered: bool,
    /// The act that the action names has another number than the one given.
    pub other_number: bool,
    /// The document of a registration event is of the application's current act.
    pub act_is_current: bool,
    /// Now is before the `call_in_flight_until` of the act's document.
    pub call_in_flight: bool,
    /// The assignment asked for is the present one.
    pub same_assignee: bool,
    /// Accepted or rejected.
    pub has_outcome: bool,
    /// Sent at least once.
    pub was_submitted: bool,
    /// The request's act was made.
    pub has_request_act: bool,
    /// An integration request is pending.
    pub integration_open: bool,
    /// A system operator wrote to the citizen, who may answer even on a forward service.
    pub system_operator_wrote: bool,
}

/// One decision to take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) from: Option<Status>,
    pub(super) action: Action,
    pub(super) caller: &'a Caller,
    pub(super) facts: &'a Facts,
}

/// A condition of the table: it chooses a row, guards it, or makes an effect depend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// No condition.
    Always,
    /// The contrary.
    Not(&'static Condition),
    /// The service requires registration.
    Required,
    /// Paid before sending, and something is due.
    PaysFirst,
    /// Paid after acceptance, and something is due.
    PaysAfterAcceptance,
    /// Something is due.
    AmountDue,
    /// The payment was asked from there.
    OriginIs(Origin),
    /// The payment component says again what it said.
    OutcomeToldBefore,
    /// The service lets the citizen withdraw.
    AllowWithdraw,
    /// There is no payment data.
    NoPaymentData,
    /// The service lets the office ask for integrations.
    AllowIntegrationRequest,
    /// The service lets closed applications be opened again.
    AllowReopening,
    /// The request has its number, or needs none.
    NumberThere,
    /// Another operator or office than the present ones.
    OtherAssignee,
    /// The act named has no number yet.
    ActUnregistered,
    /// The act named has no other number than the one given.
    NoOtherNumber,
    /// The act named is the application's current one.
    ActIsCurrent,
    /// No proxy is asking for the number.
    NoCallInFlight,
    /// There is an outcome.
    OutcomeGiven,
    /// Something was sent.
    WasSubmitted,
    /// The request's act exists.
    RequestActMade,
    /// An integration request is pending.
    IntegrationOpen,
    /// The state left is 1500 or 1510.
    DebtOpen,
    /// The state asked for is another one than the present.
    TargetDiffers,
    /// The state asked for is not 4000, or the service is worked.
    TargetFitsWorkflow,
    /// The caller may edit (E).
    ByEditor,
    /// The caller is of the back office (B).
    ByBackOffice,
    /// The caller is the applicant.
    ByOwner,
    /// The service is worked, or a system operator writes, or the citizen answers to one.
    MayWrite,
}

impl Condition {
    pub(super) fn holds(self, case: &Case<'_>) -> bool {
        let Case {
            from,
            action,
            caller,
            facts,
        } = *case;
        match self {
            Self::Always => true,
            Self::Not(condition) => !condition.holds(case),
            Self::Required => facts.protocol_required,
            Self::PaysFirst => facts.payment == PaymentKind::Immediate && facts.amount_due,
            Self::PaysAfterAcceptance => facts.payment == PaymentKind::Deferred && facts.amount_due,
            Self::AmountDue => facts.amount_due,
            Self::OriginIs(origin) => facts.origin.unwrap_or(Origin::Draft) == origin,
            Self::OutcomeToldBefore => facts.same_payment_outcome,
            Self::AllowWithdraw => facts.allow_withdraw,
            Self::NoPaymentData => !facts.has_payment_data,
            Self::AllowIntegrationRequest => facts.allow_integration_request,
            Self::AllowReopening => facts.allow_reopening,
            Self::NumberThere => facts.has_number || !facts.protocol_required,
            Self::OtherAssignee => !facts.same_assignee,
            Self::ActUnregistered => !facts.act_registered,
            Self::NoOtherNumber => !facts.other_number,
            Self::ActIsCurrent => facts.act_is_current,
            Self::NoCallInFlight => !facts.call_in_flight,
            Self::OutcomeGiven => facts.has_outcome,
            Self::WasSubmitted => facts.was_submitted,
            Self::RequestActMade => facts.has_request_act,
            Self::IntegrationOpen => facts.integration_open,
            Self::DebtOpen => matches!(
                from,
                Some(Status::PaymentPending | Status::PaymentOutcomePending)
            ),
            Self::TargetDiffers => match action {
                Action::ChangeStatus(target) => from != Some(target),
                _ => true,
            },
            Self::TargetFitsWorkflow => {
                action != Action::ChangeStatus(Status::Pending) || !facts.forward
            }
            Self::ByEditor => caller.is(Who::EDITOR),
            Self::ByBackOffice => caller.is(Who::BACK_OFFICE),
            Self::ByOwner => caller.is_owner,
            Self::MayWrite => {
                !facts.forward
                    || caller.is_system_operator
                    || (caller.is_owner && facts.system_operator_wrote)
            }
        }
    }

    /// As the page of the states says it; empty for [`Condition::Always`].
    #[must_use]
    pub fn describe(self) -> String {
        let text = match self {
            Self::Always => "",
            Self::Not(condition) => return format!("not: {}", condition.describe()),
            Self::Required => "*required*",
            Self::PaysFirst => "immediate payment and amount > 0",
            Self::PaysAfterAcceptance => "deferred payment and amount > 0",
            Self::AmountDue => "amount > 0",
            Self::OriginIs(Origin::Draft) => "origin: draft",
            Self::OriginIs(Origin::Acceptance) => "origin: acceptance",
            Self::OriginIs(Origin::Asked) => "origin: asked in 4000",
            Self::OutcomeToldBefore => "same outcome again",
            Self::AllowWithdraw => "`allow_withdraw`",
            Self::NoPaymentData => "no payment data",
            Self::AllowIntegrationRequest => "`allow_integration_request`",
            Self::AllowReopening => "`allow_reopening`",
            Self::NumberThere => "no required number is missing",
            Self::OtherAssignee => "other operator or office",
            Self::ActUnregistered => "act without a number",
            Self::NoOtherNumber => "no other number",
            Self::ActIsCurrent => "current act",
            Self::NoCallInFlight => "no call in flight",
            Self::OutcomeGiven => "outcome given",
            Self::WasSubmitted => "something was submitted",
            Self::RequestActMade => "request's act made",
            Self::IntegrationOpen => "integration request pending",
            Self::DebtOpen => "from 1500, 1510",
            Self::TargetDiffers => "target ≠ state",
            Self::TargetFitsWorkflow => "4000 not on forward",
            Self::ByEditor => "by E",
            Self::ByBackOffice => "by B",
            Self::ByOwner => "by O",
            Self::MayWrite => "on forward: a system operator, or the citizen's reply to one",
        };
        text.to_owned()
    }
}
