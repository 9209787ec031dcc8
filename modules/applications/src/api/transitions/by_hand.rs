//! What the office sets by hand: a payment that came by other ways, a state.

use super::*;
use crate::domain::Status;

/// A message on the payment.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PaymentNote, example = json!({"message": "Pagato allo sportello.", "visibility": "applicant"}))]
#[serde(default)]
pub struct PaymentNote {
    /// What is written with it.
    #[schema(max_length = 50000)]
    pub message: Option<String>,
    /// Its subject.
    #[schema(max_length = 255)]
    pub subject: Option<String>,
    /// `internal` (default) or `applicant`.
    #[schema(value_type = Option<String>, max_length = 10)]
    pub visibility: Option<Visibility>,
}

/// A state to set.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = StatusChange, example = json!({"status": "4000", "message": "Riaperta su richiesta."}))]
#[serde(default)]
pub struct StatusChange {
    /// 1500, 2000, 3000, 4000 or 50000.
    #[schema(value_type = String, required = true, pattern = "^[0-9]{4,5}$")]
    pub status: Option<Status>,
    /// What is written with it.
    #[schema(max_length = 50000)]
    pub message: Option<String>,
}

transitions! {
    complete_payment "/lang/api/applications/{id}/transition/complete-payment"
        "applications.transition.completePayment" "Record a payment that came by other ways"
        "Whoever works at the desk of the service records that it was paid elsewhere, in 1500 or 1510: to 1520, and on as \
         after a payment. The debt at the intermediary is cancelled. `message` is written as a message, for the office \
         alone unless `visibility` is `applicant`."
        PaymentNote (Option<PaymentNote>) Action::CompletePayment;
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            work.check(Action::CompletePayment, Circumstances::default())?;
            let text = body.message.filter(|text| !text.trim().is_empty());
            let visibility = body.visibility.unwrap_or(Visibility::Internal);
            let mut inputs = Inputs::default();
            if let Some(text) = text {
                let mut new = new_message(work, text.clone(), visibility);
                new.subject = body.subject;
                let message_id = write(work, new, Vec::new())?.0;
                // The applicant reads the history, and what the new state is told with.
                if visibility == Visibility::Applicant {
                    (inputs.note, inputs.message_id) = (Some(text), Some(message_id));
                }
            }
            work.apply(Action::CompletePayment, inputs)
        }).await
    }

    change_status "/lang/api/applications/{id}/transition/change-status"
        "applications.transition.changeStatus" "Set the state by hand"
        "The back office (an operator of the service, a system operator, an administrator) sets the state. 1500 asks \
         for a payment: from 4000 or 4500 where an amount is due, from 1530 once more. 2000, 3000 and 4000 reopen 7000, \
         9000 and 20000, where the service has `allow_reopening`, or move what is open; 4000 not where the `workflow` \
         is `forward`. An outcome is cleared, an open debt cancelled, an open request for integrations closed; what is \
         open gets the document of the request if it has none. 50000 revokes, from every other state: an open debt is \
         cancelled, an open request for integrations closed, and a document of it made if it was sent. `message` is \
         kept in the history."
        StatusChange (StatusChange) Action::ChangeStatus(Status::Revoked);
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            // Who may not see the application learns nothing of what is missing.
            may_view(&work.relation)?;
            let status = body.status.ok_or_else(|| {
                Problem::field("status", "required", "Name the state to set.")
            })?;
            work.apply(Action::ChangeStatus(status), Inputs { note: body.message, ..Inputs::default() })
        }).await
    }
}
