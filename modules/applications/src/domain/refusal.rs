//! Why an action is refused.

use super::status::Status;

/// The reason of a refusal; each has its id in the problem catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The caller may not even see the application.
    MayNotView,
    /// The action is possible now, but not for this caller.
    Forbidden,
    /// The state has no such action.
    IllegalTransition,
    /// Forward services (*per inoltro*) are not worked.
    WorkflowForward,
    /// Another system works the application.
    ExternalApplication,
    /// A citizen creates for himself only.
    ApplicantMismatch,
    /// The protocol number that the service requires is not there yet.
    NumberMissing,
    /// Assigned to that operator and office already.
    SameAssignee,
    /// The service needs no registration.
    RegistrationNotNeeded,
    /// The act has its number.
    RegisteredAlready,
    /// There is no outcome to register.
    NoOutcome,
    /// A proxy is asking for the number right now.
    CallInFlight,
    /// The service does not let closed applications be opened again.
    ReopeningNotAllowed,
    /// The service does not let the citizen withdraw.
    WithdrawNotAllowed,
    /// There is a payment, so the citizen cannot withdraw.
    PaymentExists,
    /// The service does not let the office ask for integrations.
    IntegrationNotAllowed,
    /// The amount is zero.
    NothingToPay,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 17] = [
        Self::MayNotView,
        Self::Forbidden,
        Self::IllegalTransition,
        Self::WorkflowForward,
        Self::ExternalApplication,
        Self::ApplicantMismatch,
        Self::NumberMissing,
        Self::SameAssignee,
        Self::RegistrationNotNeeded,
        Self::RegisteredAlready,
        Self::NoOutcome,
        Self::CallInFlight,
        Self::ReopeningNotAllowed,
        Self::WithdrawNotAllowed,
        Self::PaymentExists,
        Self::IntegrationNotAllowed,
        Self::NothingToPay,
    ];

    /// Id in the problem catalogue.
    #[must_use]
    pub const fn problem_id(self) -> &'static str {
        match self {
            Self::MayNotView | Self::Forbidden => "forbidden",
            Self::IllegalTransition => "illegal-transition",
            Self::WorkflowForward => "workflow-forward",
            Self::ExternalApplication => "external-application",
            Self::ApplicantMismatch => "applicant-mismatch",
            Self::NumberMissing => "protocol-number-missing",
            Self::SameAssignee => "same-assignee",
            Self::RegistrationNotNeeded => "registration-not-needed",
            Self::RegisteredAlready => "registered-already",
            Self::NoOutcome => "no-outcome",
            Self::CallInFlight => "call-in-flight",
            Self::ReopeningNotAllowed => "reopening-not-allowed",
            Self::WithdrawNotAllowed => "withdraw-not-allowed",
            Self::PaymentExists => "payment-exists",
            Self::IntegrationNotAllowed => "integration-not-allowed",
            Self::NothingToPay => "nothing-to-pay",
        }
    }

    /// HTTP status of the answer.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::MayNotView | Self::Forbidden => 403,
            Self::CallInFlight => 409,
            _ => 422,
        }
    }

    /// A sentence that says what is the matter and what to do.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::MayNotView => "You may not see this application; ask the office that works it.",
            Self::Forbidden => "This action is for somebody else; ask the office or the applicant.",
            Self::IllegalTransition => {
                "The application's state does not allow this; choose one of the allowed actions."
            }
            Self::WorkflowForward => {
                "The service only forwards applications: they are worked where they go. A system operator alone writes here, \
                 and the citizen may answer him."
            }
            Self::ExternalApplication => {
                "Another system works this application; go there by one of its links."
            }
            Self::ApplicantMismatch => {
                "The applicant is not the citizen who is logged in; send it in your own name."
            }
            Self::NumberMissing => {
                "The protocol number is not there yet; wait for it or register by hand."
            }
            Self::SameAssignee => {
                "It is assigned to that operator and office already; name another."
            }
            Self::RegistrationNotNeeded => "The service needs no registration; nothing is to do.",
            Self::RegisteredAlready => "The act has its number already; nothing is to do.",
            Self::NoOutcome => "There is no outcome to register; accept or reject first.",
            Self::CallInFlight => "A registry is being asked for the number; try again later.",
            Self::ReopeningNotAllowed => {
                "The service does not let closed applications be opened again."
            }
            Self::WithdrawNotAllowed => "The service does not let applications be withdrawn.",
            Self::PaymentExists => {
                "There is a payment, so the application cannot be withdrawn; ask the office."
            }
            Self::IntegrationNotAllowed => {
                "The service does not let the office ask for integrations; write a message."
            }
            Self::NothingToPay => "There is nothing left to pay; set an amount first.",
        }
    }
}

/// A decision that does not let the action through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", reason.sentence())]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The state as it is; none while the application does not exist.
    pub state: Option<Status>,
    /// Names of the actions that the state has, for whoever may do them; empty for who may not view.
    pub allowed: Vec<&'static str>,
}

impl Refusal {
    /// Id in the problem catalogue.
    #[must_use]
    pub const fn problem_id(&self) -> &'static str {
        self.reason.problem_id()
    }

    /// HTTP status of the answer.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        self.reason.http_status()
    }
}
