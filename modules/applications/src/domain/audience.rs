//! Who is written to when a state is entered.

use super::action::Action;
use super::status::Status;

/// To whom the status message of one change goes. Whether a text is active is the service's matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Audience {
    /// The citizen of the application.
    pub citizen: bool,
    /// The operators enabled on the service and the users of the offices linked to it.
    pub service_operators: bool,
    /// The assigned operator, or with only an office its users.
    pub assigned: bool,
}

/// Who is written to when `entered` is reached by `action`.
///
/// `required`: the service has `protocol_required`. `first_time`: the application was never in
/// this state before. A citizen's message is told to the assigned one too, but is no change of state.
#[must_use]
pub fn audience(entered: Status, action: Action, required: bool, first_time: bool) -> Audience {
    let acquired = match entered {
        Status::Submitted => !required,
        Status::Registered => true,
        _ => false,
    };
    Audience {
        citizen: acquired
            || matches!(
                entered,
                Status::PaymentPending
                    | Status::PaymentError
                    | Status::DraftForIntegration
                    | Status::Complete
                    | Status::Cancelled
                    | Status::Withdrawn
                    | Status::Revoked
            )
            || (entered == Status::Pending && first_time),
        service_operators: acquired,
        assigned: match entered {
            // Only the citizen's own answer is news to who works the application.
            Status::SubmittedAfterIntegration => action == Action::Submit,
            Status::PaymentSuccess | Status::Withdrawn => true,
            _ => false,
        },
    }
}
