//! POST `applications/{id}/transition/{name}`.

use actix_web::{HttpResponse, web};
use opencity_contracts::message::Visibility;
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::http::{OptionalBody, Scope};
use opencity_kernel::id::{ApplicationId, FileId, MessageId};
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, auth};
use serde::Deserialize;
use utoipa::ToSchema;

use super::change::{Work, change, may};
use super::messages::author_kind;
use super::{State, may_view};
use crate::aggregate::Circumstances;
use crate::domain::Action;
use crate::engine::{self, Inputs};
use crate::files::{AttachmentIn, Prepared};
use crate::messages::{self, NewMessage};
use crate::store::file::FileKind;

/// Mounts the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    macro_rules! post {
        ($($name:literal => $handler:path),* $(,)?) => {$(
            config.service(
                web::resource(concat!("/{tenant}/api/applications/{id}/transition/", $name))
                    .route(web::post().to($handler)),
            );
        )*};
    }
    post! {
        "submit" => sending::submit,
        "register" => registration::register,
        "register-outcome" => registration::register_outcome,
        "register-integration-request" => registration::register_integration_request,
        "register-integration-answer" => registration::register_integration_answer,
        "assign" => assignment::assign,
        "accept" => outcome::accept,
        "reject" => outcome::reject,
        "request-integration" => integration::request_integration,
        "accept-integration" => integration::accept_integration,
        "cancel-integration" => integration::cancel_integration,
        "withdraw" => sending::withdraw,
        "complete-payment" => by_hand::complete_payment,
        "change-status" => by_hand::change_status,
    }
}

type Path = web::Path<(String, ApplicationId)>;

/// A body that says nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = NoInput)]
pub struct Nothing {}

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

/// The body is described by the type in parentheses: `Option` where all of it may be left out; nothing, `{}` and `[]` then mean the
/// same. The action is what a body that cannot be read is refused after.
macro_rules! transitions {
    ($($name:ident $path:tt $id:tt $summary:tt $description:tt $input:ident ($content:ty) $action:expr; ($state:ident, $scope:ident, $caller:ident, $application:ident, $body:ident) $do:block)*) => {$(
        #[doc = $summary]
        #[utoipa::path(
            post, path = $path, operation_id = $id, tag = "applications", summary = $summary,
            description = $description,
            params(("id" = ApplicationId, Path, description = "The application")),
            request_body(content = $content, content_type = "application/json"),
            responses(
                (status = 204, description = "Done: each new state has a row in the history, an event, and the service's message to the applicant"),
                (status = 400, description = "A malformed body", body = ProblemBody, content_type = "application/problem+json"),
                (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
                (status = 403, description = "Not for this caller", body = ProblemBody, content_type = "application/problem+json"),
                (status = 404, description = "There is no such application", body = ProblemBody, content_type = "application/problem+json"),
                (status = 409, description = "Changed meanwhile, or a registry is being asked for the number", body = ProblemBody, content_type = "application/problem+json"),
                (status = 422, description = "The state does not allow it (`links` of the application names what its caller may do now), or fields to correct", body = ProblemBody, content_type = "application/problem+json"),
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
            let may = may(&$state, &$scope, &$caller, $application, $action);
            let $body = body.value.read_after(may).await?;
            let done: Result<(), Problem> = $do;
            done?;
            Ok(HttpResponse::NoContent().finish())
        }
    )*};
}

// After the macro, which they use.
pub mod assignment;
pub mod by_hand;
pub mod integration;
pub mod outcome;
pub mod registration;
pub mod sending;

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
    may(state, scope, caller, id, action).await?;
    let decoded = state.files.decode("attachments", files)?;
    state
        .files
        .prepare(caller.tenancy(), caller.id, kind, decoded)
        .await
}

fn new_message(work: &Work<'_, '_>, text: String, visibility: Visibility) -> NewMessage {
    let kind = author_kind(&work.caller);
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
        .map(|row| (row.kind.clone(), crate::files::held_file(row, &api)));
    work.aggregate.files.extend(shown);
    Ok((written.id, rows.iter().map(|row| row.id).collect()))
}
