//! POST `applications/{id}/transition/{name}`.

use actix_web::{HttpResponse, web};
use opencity_contracts::message::Visibility;
use opencity_formio::Mode;
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::http::{OptionalBody, Scope};
use opencity_kernel::id::{ApplicationId, FileId, MessageId, OfficeId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{FieldProblem, Problem, auth};
use serde::Deserialize;
use utoipa::ToSchema;

use super::assignment::Known;
use super::change::{Work, change};
use super::{State, met};
use crate::aggregate::Circumstances;
use crate::domain::{Action, Status};
use crate::engine::{self, Inputs, Number};
use crate::files::{AttachmentIn, Prepared};
use crate::messages::{self, NewMessage};
use crate::store::application::Application;
use crate::store::file::{self, FileKind};
use crate::store::message::{self, AuthorKind, MessageRow};

/// Mounts the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    macro_rules! post {
        ($($name:literal => $handler:ident),* $(,)?) => {$(
            config.service(
                web::resource(concat!("/{tenant}/api/applications/{id}/transition/", $name))
                    .route(web::post().to($handler)),
            );
        )*};
    }
    post! {
        "submit" => submit,
        "register" => register,
        "register-outcome" => register_outcome,
        "register-integration-request" => register_integration_request,
        "register-integration-answer" => register_integration_answer,
        "assign" => assign,
        "accept" => accept,
        "reject" => reject,
        "request-integration" => request_integration,
        "accept-integration" => accept_integration,
        "cancel-integration" => cancel_integration,
        "withdraw" => withdraw,
        "complete-payment" => complete_payment,
        "change-status" => change_status,
    }
}

type Path = web::Path<(String, ApplicationId)>;

/// A body that says nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = NoInput)]
pub struct Nothing {}

/// The number of the request or of the outcome.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Registration, example = json!({"protocol_number": "2025/1042", "protocol_folder_number": "6.3-12"}))]
#[serde(default)]
pub struct Registration {
    /// Protocol number.
    #[schema(max_length = 255)]
    pub protocol_number: Option<String>,
    /// The registry's number of the folder.
    #[schema(max_length = 255)]
    pub protocol_folder_number: Option<String>,
    /// The folder's title.
    #[schema(max_length = 255)]
    pub protocol_folder_code: Option<String>,
    /// The registry's id.
    #[schema(max_length = 255)]
    pub protocol_document_id: Option<String>,
    /// When it was registered.
    pub protocolled_at: Option<Instant>,
}

/// The number of a request for integrations.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = OutboundRegistration, example = json!({"integration_outbound_protocol_number": "2025/1050"}))]
#[serde(default)]
pub struct Outbound {
    /// Protocol number.
    #[schema(max_length = 255)]
    pub integration_outbound_protocol_number: Option<String>,
    /// The registry's id.
    #[schema(max_length = 255)]
    pub integration_outbound_protocol_document_id: Option<String>,
    /// When it was registered.
    pub integration_outbound_protocolled_at: Option<Instant>,
}

/// The number of an answer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = InboundRegistration, example = json!({"integration_inbound_protocol_number": "2025/1061"}))]
#[serde(default)]
pub struct Inbound {
    /// Protocol number.
    #[schema(max_length = 255)]
    pub integration_inbound_protocol_number: Option<String>,
    /// The registry's id.
    #[schema(max_length = 255)]
    pub integration_inbound_protocol_document_id: Option<String>,
    /// When it was registered.
    pub integration_inbound_protocolled_at: Option<Instant>,
}

/// To whom; nothing: to the caller.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Assignment, example = json!({"user_group_id": "01943ffe-0680-7438-ae6b-000000000101", "user_id": null}))]
#[serde(default)]
pub struct Assignment {
    /// The office.
    pub user_group_id: Option<OfficeId>,
    /// The operator; null with an office: the office alone.
    pub user_id: Option<UserId>,
    /// What is written with it.
    #[schema(max_length = 10000)]
    pub message: Option<String>,
    /// When it was assigned.
    pub assigned_at: Option<Instant>,
}

/// A text and files.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Answer, example = json!({"message": "La richiesta è accolta."}))]
pub struct Answer {
    /// What is written with it.
    #[schema(max_length = 50000)]
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

/// A text.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Reason, example = json!({"message": "Non serve più."}))]
#[serde(default)]
pub struct Note {
    /// What is written with it.
    #[schema(max_length = 10000)]
    pub message: Option<String>,
}

/// A message on the payment.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PaymentNote, example = json!({"message": "Pagato allo sportello.", "visibility": "applicant"}))]
#[serde(default)]
pub struct PaymentNote {
    /// What is written with it.
    #[schema(max_length = 10000)]
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
    #[schema(value_type = String, pattern = "^[0-9]{4,5}$")]
    pub status: Option<Status>,
    /// What is written with it.
    #[schema(max_length = 10000)]
    pub message: Option<String>,
}

macro_rules! transitions {
    ($($name:ident $path:tt $id:tt $summary:tt $input:ident ($state:ident, $scope:ident, $caller:ident, $application:ident, $body:ident) $do:block)*) => {$(
        #[doc = $summary]
        #[utoipa::path(
            post, path = $path, operation_id = $id, tag = "applications", summary = $summary,
            description = "What each state allows to whom stands in docs/states.md; `links` of the application names what its caller may do now.",
            params(("id" = ApplicationId, Path, description = "The application")),
            request_body(content = Option<$input>, description = "Nothing, {} and [] mean the same", content_type = "application/json"),
            responses(
                (status = 204, description = "Done"),
                (status = 400, description = "A malformed body", body = ProblemBody, content_type = "application/problem+json"),
                (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
                (status = 403, description = "Not for this caller", body = ProblemBody, content_type = "application/problem+json"),
                (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
                (status = 409, description = "Changed meanwhile, or a registry is being asked for the number", body = ProblemBody, content_type = "application/problem+json"),
                (status = 422, description = "The state does not allow it, or fields to correct", body = ProblemBody, content_type = "application/problem+json"),
            ),
            security(("bearer" = []))
        )]
        pub async fn $name(
            $state: web::Data<State>,
            $scope: Scope,
            caller: Auth<AnyUser>,
            path: Path,
            body: OptionalBody<$input>,
        ) -> Result<HttpResponse, Problem> {
            let $caller = caller.into_caller();
            let $application = path.into_inner().1;
            let $body = body.value;
            let done: Result<(), Problem> = $do;
            done?;
            Ok(HttpResponse::NoContent().finish())
        }
    )*};
}

transitions! {
    submit "/lang/api/applications/{id}/transition/submit" "applications.transition.submit"
        "Send a draft, try a payment again, or answer a request for integrations" Nothing
    (state, scope, caller, id, _body) {
        change(&state, &scope, caller, id, send).await
    }

    register "/lang/api/applications/{id}/transition/register" "applications.transition.register"
        "Give the protocol number of the request" Registration
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            let required = [
                ("protocol_number", body.protocol_number.is_some()),
                ("protocol_folder_number", body.protocol_folder_number.is_some()),
            ];
            number(work, Action::Register, &required, Number {
                number: body.protocol_number,
                document_id: body.protocol_document_id,
                folder_number: body.protocol_folder_number,
                folder_code: body.protocol_folder_code,
                at: body.protocolled_at,
            })
        }).await
    }

    register_outcome "/lang/api/applications/{id}/transition/register-outcome" "applications.transition.registerOutcome"
        "Give the protocol number of the outcome" Registration
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            let required = [("protocol_number", body.protocol_number.is_some())];
            number(work, Action::RegisterOutcome, &required, Number {
                number: body.protocol_number,
                document_id: body.protocol_document_id,
                at: body.protocolled_at,
                ..Number::default()
            })
        }).await
    }

    register_integration_request "/lang/api/applications/{id}/transition/register-integration-request"
        "applications.transition.registerIntegrationRequest"
        "Give the protocol number of the request for integrations" Outbound
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            let given = body.integration_outbound_protocol_number.is_some();
            let required = [("integration_outbound_protocol_number", given)];
            number(work, Action::RegisterIntegrationRequest, &required, Number {
                number: body.integration_outbound_protocol_number,
                document_id: body.integration_outbound_protocol_document_id,
                at: body.integration_outbound_protocolled_at,
                ..Number::default()
            })
        }).await
    }

    register_integration_answer "/lang/api/applications/{id}/transition/register-integration-answer"
        "applications.transition.registerIntegrationAnswer"
        "Give the protocol number of the answer" Inbound
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            let given = body.integration_inbound_protocol_number.is_some();
            let required = [("integration_inbound_protocol_number", given)];
            number(work, Action::RegisterIntegrationAnswer, &required, Number {
                number: body.integration_inbound_protocol_number,
                document_id: body.integration_inbound_protocol_document_id,
                at: body.integration_inbound_protocolled_at,
                ..Number::default()
            })
        }).await
    }

    assign "/lang/api/applications/{id}/transition/assign" "applications.transition.assign"
        "Take in charge, or assign to somebody else" Assignment
    (state, scope, caller, id, body) {
        let known = Known::find(&state, &caller, &body).await?;
        change(&state, &scope, caller, id, move |work| {
            work.check(Action::Assign, Circumstances::default())?;
            let assignee = known.assignee(work, &body)?;
            work.apply(Action::Assign, Inputs {
                note: body.message,
                assignee: Some(assignee),
                at: body.assigned_at,
                ..Inputs::default()
            })
        }).await
    }

    accept "/lang/api/applications/{id}/transition/accept" "applications.transition.accept"
        "Accept" Answer
    (state, scope, caller, id, body) {
        conclude(&state, &scope, caller, id, Action::Accept, body).await
    }

    reject "/lang/api/applications/{id}/transition/reject" "applications.transition.reject"
        "Reject" Answer
    (state, scope, caller, id, body) {
        conclude(&state, &scope, caller, id, Action::Reject, body).await
    }

    request_integration "/lang/api/applications/{id}/transition/request-integration"
        "applications.transition.requestIntegration" "Ask the citizen for integrations" Answer
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
        "applications.transition.acceptIntegration" "Take the messages as the citizen's answer" Chosen
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
        "applications.transition.cancelIntegration" "Give up the request for integrations" Nothing
    (state, scope, caller, id, _body) {
        change(&state, &scope, caller, id, |work| {
            work.apply(Action::CancelIntegration, Inputs::default())
        }).await
    }

    withdraw "/lang/api/applications/{id}/transition/withdraw" "applications.transition.withdraw"
        "Withdraw" Note
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            work.apply(Action::Withdraw, Inputs { note: body.message, ..Inputs::default() })
        }).await
    }

    complete_payment "/lang/api/applications/{id}/transition/complete-payment"
        "applications.transition.completePayment" "Record a payment that came by other ways" PaymentNote
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            work.check(Action::CompletePayment, Circumstances::default())?;
            let mut message_id = None;
            if let Some(text) = body.message.clone().filter(|text| !text.trim().is_empty()) {
                let visibility = body.visibility.unwrap_or(Visibility::Internal);
                let mut new = new_message(work, text, visibility);
                new.subject = body.subject;
                message_id = Some(write(work, new, Vec::new())?.0);
            }
            work.apply(Action::CompletePayment, Inputs {
                note: body.message,
                message_id,
                ..Inputs::default()
            })
        }).await
    }

    change_status "/lang/api/applications/{id}/transition/change-status"
        "applications.transition.changeStatus" "Set the state by hand" StatusChange
    (state, scope, caller, id, body) {
        change(&state, &scope, caller, id, move |work| {
            let status = body.status.ok_or_else(|| {
                Problem::field("status", "required", "Name the state to set.")
            })?;
            work.apply(Action::ChangeStatus(status), Inputs { note: body.message, ..Inputs::default() })
        }).await
    }
}

/// Sends a draft; in 4200 the citizen's messages since the request are his answer.
fn send(work: &mut Work<'_, '_>) -> Result<(), Problem> {
    work.check(Action::Submit, Circumstances::default())?;
    let inputs = match work.aggregate.state()? {
        Status::Draft => {
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

/// What people wrote that the applicant sees, since the open request.
fn answers(work: &mut Work<'_, '_>) -> Result<Vec<MessageRow>, Problem> {
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

fn answer_of(work: &mut Work<'_, '_>, answers: &[MessageRow]) -> Result<Inputs, Problem> {
    let ids: Vec<MessageId> = answers.iter().map(|message| message.id).collect();
    let files = file::of_messages(work.scope, &ids)?;
    Ok(Inputs {
        act_messages: ids,
        act_files: files.into_iter().map(|file| file.id).collect(),
        ..Inputs::default()
    })
}

/// Gives a number by hand. Who and when come before what is missing in the body.
fn number(
    work: &mut Work<'_, '_>,
    action: Action,
    required: &[(&str, bool)],
    number: Number,
) -> Result<(), Problem> {
    work.check(action, Circumstances::default())?;
    let missing: Vec<FieldProblem> = required
        .iter()
        .filter(|(_, given)| !given)
        .map(|(field, _)| FieldProblem {
            field: (*field).to_owned(),
            code: "required".to_owned(),
            message: "Give this field a value.".to_owned(),
        })
        .collect();
    if !missing.is_empty() {
        return Err(Problem::validation(missing));
    }
    work.apply(
        action,
        Inputs {
            number,
            ..Inputs::default()
        },
    )
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
        work.check(action, Circumstances::default())?;
        let rows = work.state.files.attach(work.scope, prepared, id, None)?;
        let api = format!("{}/api", work.site);
        let files = rows.iter().map(|row| row.id).collect();
        let shown = rows
            .iter()
            .map(|row| (row.kind.clone(), crate::files::event_file(row, &api)));
        work.aggregate.files.extend(shown);
        work.apply(
            action,
            Inputs {
                note: body.message,
                act_files: files,
                ..Inputs::default()
            },
        )
    })
    .await
}

/// Stores the files of a body, once it is known that they are of use.
async fn prepare(
    state: &State,
    scope: &Scope,
    caller: &auth::Caller,
    id: ApplicationId,
    action: Action,
    kind: FileKind,
    files: &[AttachmentIn],
) -> Result<Vec<Prepared>, Problem> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let site = state.site(scope);
    let by = caller.clone();
    state
        .ctx
        .db
        .read::<_, Problem>(caller.tenancy(), move |scope| {
            let (aggregate, relation) = met(scope, &site, &by, id)?;
            engine::check(&aggregate, &relation, action, Circumstances::default())?;
            Ok(())
        })
        .await?;
    let decoded = state.files.decode("attachments", files)?;
    state
        .files
        .prepare(caller.tenancy(), caller.id, kind, decoded)
        .await
}

fn new_message(work: &Work<'_, '_>, text: String, visibility: Visibility) -> NewMessage {
    let kind = if work.caller.is_citizen() {
        AuthorKind::Citizen
    } else if work.caller.is_system_operator() {
        AuthorKind::SystemOperator
    } else {
        AuthorKind::Office
    };
    let mut new = NewMessage::from_person(
        engine::on(&work.aggregate.row),
        work.caller.id,
        kind,
        visibility,
        text,
    );
    if visibility == Visibility::Applicant {
        new.email = opencity_formio::Applicant::read(&work.aggregate.data).email;
    }
    new
}

/// Writes a message with its files: the message, and what was attached.
fn write(
    work: &mut Work<'_, '_>,
    new: NewMessage,
    prepared: Vec<Prepared>,
) -> Result<(MessageId, Vec<FileId>), Problem> {
    let api = format!("{}/api", work.site);
    let id = work.aggregate.row.id;
    let rows = work
        .state
        .files
        .attach(work.scope, prepared, id, Some(new.id))?;
    let written = messages::write(work.scope, &api, new, &rows)?;
    let shown = rows
        .iter()
        .map(|row| (row.kind.clone(), crate::files::event_file(row, &api)));
    work.aggregate.files.extend(shown);
    Ok((written.id, rows.iter().map(|row| row.id).collect()))
}
