//! What may be done to an application, by people and by the platform.

use super::payment::PaymentMove;
use super::status::Status;

/// An act of an application: each is a document that may be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActKind {
    /// What the citizen sent.
    Request,
    /// What the office asks of the citizen while it works the application.
    IntegrationRequest,
    /// The citizen's answer to it.
    IntegrationResponse,
    /// Acceptance or refusal.
    Outcome,
    /// The owner takes the application back.
    Withdraw,
    /// The office annuls it.
    Revocation,
}

impl ActKind {
    /// Every kind of act.
    pub const ALL: [Self; 6] = [
        Self::Request,
        Self::IntegrationRequest,
        Self::IntegrationResponse,
        Self::Outcome,
        Self::Withdraw,
        Self::Revocation,
    ];

    /// The acts whose number the application itself carries, so that it can be given by hand.
    pub const NUMBERED: [Self; 4] = [
        Self::Request,
        Self::IntegrationRequest,
        Self::IntegrationResponse,
        Self::Outcome,
    ];

    /// `type` of the document event.
    #[must_use]
    pub const fn document_type(self) -> &'static str {
        match self {
            Self::Request => "application-request",
            Self::IntegrationRequest => "integration-request",
            Self::IntegrationResponse => "integration-response",
            Self::Outcome => "application-outcome",
            Self::Withdraw => "application-withdraw",
            Self::Revocation => "application-revocation",
        }
    }

    /// The kind whose document type is `name`.
    #[must_use]
    pub fn from_document_type(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.document_type() == name)
    }
}

/// What is done to an application. The first group are calls of people, the last four are done by
/// the platform itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// POST `applications` with this `status`, or without.
    Create(Option<Status>),
    /// Send a draft, try a payment again, or answer a request for integrations.
    Submit,
    /// Delete a draft.
    Delete,
    /// PUT.
    Put,
    /// PATCH of anything but protocol data.
    PatchData,
    /// PATCH of the protocol data of this act.
    PatchProtocol(ActKind),
    /// Write the office's own data.
    Backoffice,
    /// A number of the request, by hand.
    Register,
    /// A number of the outcome, by hand.
    RegisterOutcome,
    /// A number of the request for integrations, by hand.
    RegisterIntegrationRequest,
    /// A number of the answer, by hand.
    RegisterIntegrationAnswer,
    /// Take in charge, or reassign.
    Assign,
    /// Accept.
    Accept,
    /// Reject.
    Reject,
    /// Ask the citizen for integrations.
    RequestIntegration,
    /// Take the chosen messages as the citizen's answer.
    AcceptIntegration,
    /// Give up the request for integrations.
    CancelIntegration,
    /// The owner takes the application back.
    Withdraw,
    /// Record a payment that came by other ways.
    CompletePayment,
    /// Set the state by hand.
    ChangeStatus(Status),
    /// Outcome of the payment, told by an external payment component.
    PaymentOutcome {
        /// `status` was `OK`.
        ok: bool,
    },
    /// Write a message.
    Message,
    /// The PDF of the request exists (`DOCUMENT_CREATED`).
    PdfReady,
    /// The payments of the application moved.
    Payment(PaymentMove),
    /// `REGISTRATION_COMPLETE` of the document of this act.
    Registered(ActKind),
    /// A state that is left as soon as it is entered.
    AtOnce,
}

impl Action {
    /// Every action on an existing application that somebody may call.
    #[must_use]
    pub fn of_people() -> Vec<Self> {
        let mut all = vec![Self::Submit, Self::Delete, Self::Put, Self::PatchData];
        all.extend(ActKind::NUMBERED.map(Self::PatchProtocol));
        all.extend([
            Self::Backoffice,
            Self::Register,
            Self::RegisterOutcome,
            Self::RegisterIntegrationRequest,
            Self::RegisterIntegrationAnswer,
            Self::Assign,
            Self::Accept,
            Self::Reject,
            Self::RequestIntegration,
            Self::AcceptIntegration,
            Self::CancelIntegration,
            Self::Withdraw,
            Self::CompletePayment,
        ]);
        all.extend(Status::ALL.map(Self::ChangeStatus));
        all.extend([
            Self::PaymentOutcome { ok: true },
            Self::PaymentOutcome { ok: false },
            Self::Message,
        ]);
        all
    }

    /// Everything that the platform does by itself.
    #[must_use]
    pub fn of_platform() -> Vec<Self> {
        let mut all = vec![Self::PdfReady];
        all.extend(PaymentMove::ALL.map(Self::Payment));
        all.extend(ActKind::ALL.map(Self::Registered));
        all.push(Self::AtOnce);
        all
    }

    /// Name of the action, that of its HTTP call where it has one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Submit => "submit",
            Self::Delete => "delete",
            Self::Put => "put",
            Self::PatchData => "patch",
            Self::PatchProtocol(_) => "patch-protocol",
            Self::Backoffice => "backoffice",
            Self::Register => "register",
            Self::RegisterOutcome => "register-outcome",
            Self::RegisterIntegrationRequest => "register-integration-request",
            Self::RegisterIntegrationAnswer => "register-integration-answer",
            Self::Assign => "assign",
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::RequestIntegration => "request-integration",
            Self::AcceptIntegration => "accept-integration",
            Self::CancelIntegration => "cancel-integration",
            Self::Withdraw => "withdraw",
            Self::CompletePayment => "complete-payment",
            Self::ChangeStatus(_) => "change-status",
            Self::PaymentOutcome { .. } => "payment",
            Self::Message => "message",
            Self::PdfReady => "pdf-ready",
            Self::Payment(_) => "payment-moved",
            Self::Registered(_) => "registered",
            Self::AtOnce => "at-once",
        }
    }

    /// True for `POST applications/{id}/transition/<name>`: what `links` may show.
    #[must_use]
    pub const fn is_transition(self) -> bool {
        matches!(
            self,
            Self::Submit
                | Self::Register
                | Self::RegisterOutcome
                | Self::RegisterIntegrationRequest
                | Self::RegisterIntegrationAnswer
                | Self::ChangeStatus(_)
                | Self::CompletePayment
        ) || self.needs_approval_workflow()
    }

    /// True for what a forward service (*per inoltro*) refuses with `workflow-forward`, whatever the state.
    #[must_use]
    pub const fn needs_approval_workflow(self) -> bool {
        matches!(
            self,
            Self::Assign
                | Self::Accept
                | Self::Reject
                | Self::RequestIntegration
                | Self::AcceptIntegration
                | Self::CancelIntegration
                | Self::Withdraw
        )
    }

    /// True for what only the platform does.
    #[must_use]
    pub const fn is_of_platform(self) -> bool {
        matches!(
            self,
            Self::PdfReady | Self::Payment(_) | Self::Registered(_) | Self::AtOnce
        )
    }

    /// True for an event that brings money or a number: where the table has no row for it, it
    /// moves nothing but is kept as an anomaly that an operator sees.
    #[must_use]
    pub const fn is_anomaly_without_row(self) -> bool {
        matches!(
            self,
            Self::Payment(PaymentMove::Completed)
                | Self::Registered(
                    ActKind::Request
                        | ActKind::IntegrationRequest
                        | ActKind::IntegrationResponse
                        | ActKind::Outcome
                )
        )
    }
}
