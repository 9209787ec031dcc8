//! Requests for integrations, and their answers.

use opencity_kernel::instant::Instant;

use super::*;
use crate::store::file;
use crate::store::message::{self, MessageRow};

/// What is missing, and files.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = RequestedIntegration, example = json!({"message": "Manca la planimetria."}))]
pub struct RequestedIntegration {
    /// What is missing.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 50000)]
    pub message: Option<String>,
    /// Files, in base64.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub attachments: Vec<AttachmentIn>,
}

/// Which messages are the answer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = AcceptedAnswer, example = json!({"messages": null}))]
#[serde(default)]
pub struct Chosen {
    /// Null: all that the applicant sees since the request; a list: only these, also none.
    #[schema(max_items = 1000)]
    pub messages: Option<Vec<MessageId>>,
}

transitions! {
    request_integration "/lang/api/applications/{id}/transition/request-integration"
        "applications.transition.requestIntegration" "Ask the citizen for integrations"
        "The assigned operator or a member of the assigned office asks for what is missing, in 4000 or 4500, where the \
         service has `allow_integration_request`: to 4100, and on to 4200 once the request has its number, at once \
         where none is required. Not where the `workflow` is `forward`. `message` is sent to the applicant with the \
         files; the document of the request is made."
        RequestedIntegration (RequestedIntegration) Action::RequestIntegration;
    (state, scope, caller, id, body) {
        let action = Action::RequestIntegration;
        let kind = FileKind::IntegrationRequest;
        let prepared = prepare(&state, &scope, &caller, id, action, kind, &body.attachments).await?;
        change(&state, &scope, caller, id, move |work| {
            work.check(action, Circumstances::default())?;
            let text = body
                .message
                .filter(|text| !text.trim().is_empty())
                .ok_or_else(|| Problem::field("message", "required", "Say what is missing."))?;
            let new = new_message(work, text.clone(), Visibility::Applicant);
            let (written, files) = write(work, new, prepared)?;
            work.apply(action, Inputs {
                note: Some(text),
                message_id: Some(written),
                act_messages: vec![written],
                act_files: files,
                ..Inputs::default()
            })
        }).await
    }

    accept_integration "/lang/api/applications/{id}/transition/accept-integration"
        "applications.transition.acceptIntegration" "Take the messages as the citizen's answer"
        "The assigned operator or a member of the assigned office takes the messages since the request as the \
         citizen's answer: from 4200 to 4300, and on to 4000 once it has its number, at once where none is required. Not \
         where the `workflow` is `forward`. The document of the answer is made of the messages."
        Chosen (Option<Chosen>) Action::AcceptIntegration;
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            work.check(Action::AcceptIntegration, Circumstances::default())?;
            let answers = match body.messages {
                None => answers(work)?,
                Some(chosen) => {
                    let seen = message::for_applicant(work.scope, work.aggregate.row.id)?;
                    if chosen.iter().any(|id| !seen.iter().any(|message| message.id == *id)) {
                        return Err(Problem::unknown_reference("messages", "message"));
                    }
                    seen.into_iter().filter(|message| chosen.contains(&message.id)).collect()
                }
            };
            let inputs = answer_of(work, &answers)?;
            work.apply(Action::AcceptIntegration, inputs)
        }).await
    }

    cancel_integration "/lang/api/applications/{id}/transition/cancel-integration"
        "applications.transition.cancelIntegration" "Give up the request for integrations"
        "The assigned operator or a member of the assigned office does without the answer: from 4200 through 4300 back \
         to 4000. Not where the `workflow` is `forward`. The request is closed; no document is made and no number is \
         waited for."
        Nothing (Option<Nothing>) Action::CancelIntegration;
    (state, scope, caller, id, _body) {
        change(&state, &scope, caller, id, |work| {
            work.apply(Action::CancelIntegration, Inputs::default())
        }).await
    }
}

/// What people wrote that the applicant sees, since the open request.
pub(super) fn answers(work: &mut Work<'_, '_>) -> Result<Vec<MessageRow>, Problem> {
    let Some(request) = work.aggregate.details.integrations.last() else {
        return Ok(Vec::new());
    };
    // The request's own message is not its answer.
    let own = work
        .aggregate
        .acts
        .iter()
        .find(|act| act.id == request.request)
        .map(|act| act.message_ids())
        .transpose()?
        .unwrap_or_default();
    let mut found =
        message::answers_since(work.scope, work.aggregate.row.id, since(request.asked_at))?;
    found.retain(|message| !own.contains(&message.id));
    Ok(found)
}

/// Kept times have whole seconds: the second of the request belongs to its answer.
fn since(asked_at: Instant) -> Instant {
    Instant::from_unix(asked_at.unix())
}

pub(super) fn answer_of(
    work: &mut Work<'_, '_>,
    answers: &[MessageRow],
) -> Result<Inputs, Problem> {
    let ids: Vec<MessageId> = answers.iter().map(|message| message.id).collect();
    let files = file::of_messages(work.scope, &ids)?;
    Ok(Inputs {
        act_messages: ids,
        act_files: files.into_iter().map(|file| file.id).collect(),
        ..Inputs::default()
    })
}
