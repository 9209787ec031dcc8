//! A row of the table, and how one is written.

use super::action::Action;
use super::caller::Who;
use super::condition::Condition;
use super::plan::Effect;
use super::refusal::Reason;
use super::status::Status;

/// Where a row starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The application does not exist yet.
    Nothing,
    /// One of these states.
    In(&'static [Status]),
}

impl Start {
    /// True when the row starts from `status` (none: the application does not exist yet).
    #[must_use]
    pub fn includes(self, status: Option<Status>) -> bool {
        match (self, status) {
            (Self::Nothing, None) => true,
            (Self::In(states), Some(status)) => states.contains(&status),
            _ => false,
        }
    }
}

/// Where a row leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The state stays.
    Same,
    /// Through these states, to the last.
    To(&'static [Status]),
    /// To the state that `change-status` names.
    Target,
    /// The application is deleted.
    Gone,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// States that it starts from.
    pub from: Start,
    /// Actions that it is for.
    pub actions: &'static [Action],
    /// Facts without which the row is not there.
    pub when: &'static [Condition],
    /// Who may do it.
    pub who: Who,
    /// What must hold, and the reason of the refusal where it does not.
    pub guards: &'static [(Condition, Reason)],
    /// Where it leads.
    pub next: Next,
    /// What else is done, each if its condition holds.
    pub effects: &'static [(Condition, Effect)],
}

/// A row that starts from these states.
pub(super) const fn row(from: &'static [Status], actions: &'static [Action]) -> Row {
    Row {
        from: Start::In(from),
        ..creating(actions)
    }
}

/// A row that makes an application.
pub(super) const fn creating(actions: &'static [Action]) -> Row {
    Row {
        from: Start::Nothing,
        actions,
        when: &[],
        who: Who::NOBODY,
        guards: &[],
        next: Next::Same,
        effects: &[],
    }
}

impl Row {
    pub(super) const fn when(self, when: &'static [Condition]) -> Self {
        Self { when, ..self }
    }

    pub(super) const fn by(self, who: Who) -> Self {
        Self { who, ..self }
    }

    pub(super) const fn guarded(self, guards: &'static [(Condition, Reason)]) -> Self {
        Self { guards, ..self }
    }

    pub(super) const fn to(self, states: &'static [Status]) -> Self {
        Self {
            next: Next::To(states),
            ..self
        }
    }

    pub(super) const fn to_target(self) -> Self {
        Self {
            next: Next::Target,
            ..self
        }
    }

    pub(super) const fn gone(self) -> Self {
        Self {
            next: Next::Gone,
            ..self
        }
    }

    pub(super) const fn doing(self, effects: &'static [(Condition, Effect)]) -> Self {
        Self { effects, ..self }
    }
}
