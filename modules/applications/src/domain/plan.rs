//! What a decision asks to be done, in one transaction.

use super::action::ActKind;
use super::status::Status;

/// Where a payment was asked from: it says where 1520 leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// At sending (immediate payment).
    Draft,
    /// At acceptance (deferred payment).
    Acceptance,
    /// By the office, while it worked the application.
    Asked,
}

/// Something to do beside the change of state, in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The draft goes.
    DeleteDraft,
    /// Set `submission_time` and `submitted_at`.
    MarkSubmitted,
    /// The history says "Creazione pratica da altro soggetto." with the author's name.
    NoteSentByAnother,
    /// Give the application to the office that the service's `automatic_assignment` names, if any.
    AssignAutomatically,
    /// Open an attempt to pay: items not `COMPLETE` in any attempt, `expire_at` = now + 90 days.
    OpenAttempt(Origin),
    /// The next attempt, of the same origin as the one that failed.
    OpenNextAttempt,
    /// Cancel the open items of the attempt that failed.
    CancelAttemptItems,
    /// The debt of an application that leaves its payment otherwise: payment-proxy cancels it.
    CancelDebt,
    /// The payment is recorded as made by other ways.
    PaymentCompletedByHand,
    /// Make an act: its document follows.
    MakeAct(ActKind),
    /// Keep the number given by hand on the application and complete the document with it.
    RecordNumber(ActKind),
    /// Keep protocol data that move no state; a first number is never replaced.
    RecordProtocolData(ActKind),
    /// Set operator and office.
    SetAssignee,
    /// A history row without a change of state.
    AddHistoryRow,
    /// An integration request, pending.
    OpenIntegrationRequest,
    /// The integration request is done.
    CloseIntegrationRequest,
    /// Set `outcome` and `outcome_motivation`.
    SetOutcome(bool),
    /// Clear `outcome_*`; the history keeps them.
    ClearOutcome,
}

impl Effect {
    /// As the page of the states says it.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::DeleteDraft => "the draft goes".into(),
            Self::MarkSubmitted => "`submission_time`, `submitted_at`".into(),
            Self::NoteSentByAnother => "history names the author".into(),
            Self::AssignAutomatically => "automatic assignment".into(),
            Self::OpenAttempt(Origin::Draft) => "attempt opened (origin: draft)".into(),
            Self::OpenAttempt(Origin::Acceptance) => "attempt opened (origin: acceptance)".into(),
            Self::OpenAttempt(Origin::Asked) => "attempt opened (origin: asked)".into(),
            Self::OpenNextAttempt => "next attempt of the unpaid items, same origin".into(),
            Self::CancelAttemptItems => "the attempt's open items cancelled".into(),
            Self::CancelDebt => "open debt cancelled".into(),
            Self::PaymentCompletedByHand => "payment recorded by hand".into(),
            Self::MakeAct(kind) => format!("{} made", kind.document_type()),
            Self::RecordNumber(kind) => format!("number of the {}", kind.document_type()),
            Self::RecordProtocolData(kind) => {
                format!("protocol data of the {}", kind.document_type())
            }
            Self::SetAssignee => "operator, office set".into(),
            Self::AddHistoryRow => "history row".into(),
            Self::OpenIntegrationRequest => "integration request pending".into(),
            Self::CloseIntegrationRequest => "integration request done".into(),
            Self::SetOutcome(true) => "`outcome` true, `outcome_motivation`".into(),
            Self::SetOutcome(false) => "`outcome` false, `outcome_motivation`".into(),
            Self::ClearOutcome => "`outcome_*` cleared".into(),
        }
    }
}

/// A decision that lets the action through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Every state entered, in order, also those left at once: each has its history row and its
    /// event (but the draft, which emits none). Empty when the state stays.
    pub path: Vec<Status>,
    /// What else to do, in this order.
    pub effects: Vec<Effect>,
}

impl Plan {
    /// The state that the application ends in, given the one it started from; none when the draft is deleted.
    #[must_use]
    pub fn end(&self, from: Option<Status>) -> Option<Status> {
        if self.effects.contains(&Effect::DeleteDraft) {
            return None;
        }
        self.path.last().copied().or(from)
    }

    /// True when the state changes, even if only passing through others.
    #[must_use]
    pub fn moves(&self) -> bool {
        !self.path.is_empty()
    }
}
