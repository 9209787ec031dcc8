//! Acceptance and refusal.

use super::*;

transitions! {
    accept "/lang/api/applications/{id}/transition/accept" "applications.transition.accept"
        "Accept"
        "The assigned operator or a member of the assigned office accepts, in 4000 or 4500: to 1500 where a payment \
         follows, to 6000 where the outcome must be registered, else to 7000. Not where the `workflow` is `forward`. \
         `message` is the motivation, the files are the outcome's attachments; the document of the outcome is made, \
         after the payment if there is one."
        Answer (Option<Answer>) Action::Accept;
    (state, scope, caller, id, body) {
        conclude(&state, &scope, caller, id, Action::Accept, body).await
    }

    reject "/lang/api/applications/{id}/transition/reject" "applications.transition.reject"
        "Reject"
        "The assigned operator or a member of the assigned office refuses, in 4000 or 4500: to 8000 where the outcome \
         must be registered, else to 9000. Not where the `workflow` is `forward`. `message` is the motivation, the \
         files are the outcome's attachments; the document of the outcome is made."
        Answer (Option<Answer>) Action::Reject;
    (state, scope, caller, id, body) {
        conclude(&state, &scope, caller, id, Action::Reject, body).await
    }
}

async fn conclude(
    state: &State,
    scope: &Scope,
    caller: auth::Caller,
    id: ApplicationId,
    action: Action,
    body: Answer,
) -> Result<(), Problem> {
    let kind = FileKind::Outcome;
    let prepared = prepare(state, scope, &caller, id, action, kind, &body.attachments).await?;
    change(state, scope, caller, id, move |work| {
        conclude_in(work, action, body, prepared)
    })
    .await
}

/// Accepts or rejects, with the files that were stored for it.
pub(in crate::api) fn conclude_in(
    work: &mut Work<'_, '_>,
    action: Action,
    body: Answer,
    prepared: Vec<Prepared>,
) -> Result<(), Problem> {
    work.check(action, Circumstances::default())?;
    let id = work.aggregate.row.id;
    let rows = work.state.files.attach(work.scope, prepared, id, None)?;
    let api = format!("{}/api", work.site);
    let files = rows.iter().map(|row| row.id).collect();
    let shown = rows
        .iter()
        .map(|row| (row.kind.clone(), crate::files::held_file(row, &api)));
    work.aggregate.files.extend(shown);
    work.apply(
        action,
        Inputs {
            note: body.message,
            act_files: files,
            ..Inputs::default()
        },
    )
}
