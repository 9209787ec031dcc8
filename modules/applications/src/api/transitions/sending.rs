//! What the applicant does: sending, and taking back.

use opencity_formio::Mode;
use opencity_kernel::clock;

use super::integration::{answer_of, answers};
use super::*;
use crate::domain::Status;
use crate::store::application::Application;
use crate::submission;

/// A text.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Reason, example = json!({"message": "Non serve più."}))]
#[serde(default)]
pub struct Note {
    /// What is written with it.
    #[schema(max_length = 50000)]
    pub message: Option<String>,
}

transitions! {
    submit "/lang/api/applications/{id}/transition/submit" "applications.transition.submit"
        "Send a draft, try a payment again, or answer a request for integrations"
        "In 1000 the owner, the back office or the assigned sends the draft: the data must be complete for the form, \
         the service open, the login strong enough. It goes to 1500 where the payment comes first, else to 1900; the \
         time is kept, the application is assigned as the service says, the document of the request is made, after the \
         payment if there is one. In 1530 the same people open another attempt to pay (1500). In 4200 the owner \
         answers: the messages since the request become the document of the answer (4300), and it goes on to 4000 once \
         that has its number, at once where none is required."
        Nothing (Option<Nothing>) Action::Submit;
    (state, scope, caller, id, _body) {
        change(&state, &scope, caller, id, send).await
    }

    withdraw "/lang/api/applications/{id}/transition/withdraw" "applications.transition.withdraw"
        "Withdraw"
        "The owner takes it back (20000): from 1900, 2000, 3000, 4000 or 4200, where the service has `allow_withdraw`, \
         nothing was to be paid, and a number that is required is there. Not where the `workflow` is `forward`. An open \
         request for integrations is closed, the document of the withdrawal is made. `message` is kept in the history."
        Note (Option<Note>) Action::Withdraw;
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            work.apply(Action::Withdraw, Inputs { note: body.message, ..Inputs::default() })
        }).await
    }
}

/// Sends a draft; in 4200 the citizen's messages since the request are his answer.
fn send(work: &mut Work<'_, '_>) -> Result<(), Problem> {
    work.check(Action::Submit, Circumstances::default())?;
    let inputs = match work.aggregate.state()? {
        Status::Draft => {
            submission::may_use(&work.aggregate.service, &work.caller, clock::now())?;
            let form = work.form()?.map(|(id, version, _)| (id, version));
            let data = work.aggregate.data.clone();
            let sent = work.read_data(Some(&data), Mode::Submit)?;
            work.check_applicant(&sent)?;
            // What is decided next looks at the data as they are sent.
            work.aggregate.data = sent.data;
            Inputs {
                change: Some(Box::new(move |row: &mut Application, _, _| {
                    if let Some((id, version)) = form {
                        row.form_id = Some(id);
                        row.form_version = Some(version);
                    }
                })),
                ..Inputs::default()
            }
        }
        Status::DraftForIntegration => {
            let answers = answers(work)?;
            answer_of(work, &answers)?
        }
        _ => Inputs::default(),
    };
    work.apply(Action::Submit, inputs)
}
