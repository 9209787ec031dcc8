//! Messages on an application.

mod dto;

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_contracts::message::Visibility;
use opencity_kernel::auth::{AnyUser, Auth, Caller};
use opencity_kernel::db::TenantScope;
use opencity_kernel::http::{
    ApiVersion, Body, Collection, Created, IdempotencyKey, PageQuery, Scope,
};
use opencity_kernel::id::{ApplicationId, FileId, MessageId, UserId};
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, ProblemKind};
use utoipa::OpenApi;

pub use dto::{MessageIn, MessageOut, MessagePatch};

use super::attachments;
use super::bulk::BulkInput;
use super::change::Work;
use crate::access::{Access, AnyReader, Applications, KnownApplication};
use crate::domain::Who;
use crate::messages::{self, NewMessage, On};
use crate::store::file::FileKind;
use crate::store::message::{self, AuthorKind, MessageRow};

/// Mounts the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/{tenant}/api/applications/{id}/messages")
                .route(web::get().to(list_messages))
                .route(web::post().to(create_message)),
        )
        .service(
            web::resource("/{tenant}/api/v2/applications/{id}/messages")
                .route(web::get().to(page_messages)),
        )
        .service(
            web::resource("/{tenant}/api/applications/{id}/messages/byexternal-id/{external}")
                .route(web::get().to(get_message_by_external_id)),
        )
        .service(
            web::resource("/{tenant}/api/applications/{id}/messages/{message}")
                .route(web::get().to(get_message))
                .route(web::patch().to(patch_message)),
        )
        .service(
            web::resource(
                "/{tenant}/api/applications/{id}/messages/{message}/attachments/{attachment}",
            )
            .route(web::get().to(get_message_attachment)),
        );
}

/// The API description.
#[derive(OpenApi)]
#[openapi(paths(
    list_messages,
    page_messages,
    get_message,
    get_message_by_external_id,
    get_message_attachment,
    create_message,
    patch_message
))]
pub struct Doc;

/// Gives the messages that the applicant sees.
#[utoipa::path(get, path = "/lang/api/applications/{id}/messages", operation_id = "applications.message.list",
    tag = "messages", summary = "Messages of an application",
    description = "Those that the applicant sees, whoever asks, oldest first. Version 2 of the path has the internal ones too.",
    params(("id" = ApplicationId, Path, description = "The application"), ApiVersion),
    responses((status = 200, description = "The messages", body = Vec<MessageOut>),
        (status = 403, description = "May not view the application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such application", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn list_messages(
    path: web::Path<(String, ApplicationId)>,
    scope: Scope,
    caller: Auth<AnyUser>,
    access: web::Data<Access>,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    let (caller, rooms) = (caller.into_caller(), access.get_ref().clone());
    let listed = access
        .files
        .ctx
        .db
        .read(caller.tenancy(), move |db| {
            rooms.applications.viewed(db, &caller, id)?;
            let rows = message::for_applicant(db, id)?;
            shown(db, rows, &scope)
        })
        .await?;
    Ok(HttpResponse::Ok().json(listed))
}

/// Gives a page of the messages that the caller sees.
#[utoipa::path(get, path = "/lang/api/v2/applications/{id}/messages", operation_id = "applications.message.page",
    tag = "messages", summary = "Messages of an application, in pages",
    description = "Operators and administrators see the internal ones too.",
    params(("id" = ApplicationId, Path, description = "The application"),
        ("offset" = Option<i64>, Query, description = "Entries to pass over", example = 0),
        ("limit" = Option<i64>, Query, description = "Entries to give, at most 100", example = 10),
        ("sort" = Option<String>, Query, description = "ASC (oldest first) or DESC", example = "ASC"),
        ("cursor" = Option<String>, Query, description = "Where the page before ended, as `links.next` has it"), ApiVersion),
    responses((status = 200, description = "A page", body = Collection<MessageOut>),
        (status = 400, description = "`bad-parameter`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "May not view the application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such application", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn page_messages(
    path: web::Path<(String, ApplicationId)>,
    scope: Scope,
    caller: Auth<AnyUser>,
    request: HttpRequest,
    access: web::Data<Access>,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    let query = PageQuery::of(&request)?;
    let after = query
        .cursor
        .as_deref()
        .map(|cursor| {
            cursor.parse::<MessageId>().map_err(|_| {
                Problem::bad_parameter("cursor", "the value that links.next of a page has")
            })
        })
        .transpose()?;
    let base = scope.api(&format!("v2/applications/{id}/messages"));
    let (caller, rooms) = (caller.into_caller(), access.get_ref().clone());
    let page = access
        .files
        .ctx
        .db
        .read(caller.tenancy(), move |db| {
            let internal_too = rooms
                .applications
                .viewed(db, &caller, id)?
                .caller
                .may_see_internal();
            let mut rows = message::page(db, id, internal_too, &query, after)?;
            let count = message::count(db, id, internal_too)?;
            let size = usize::try_from(query.limit).unwrap_or_default();
            let more = rows.len() > size;
            rows.truncate(size);
            let next = rows.last().filter(|_| more).map(|row| row.id.to_string());
            let data = shown(db, rows, &scope)?;
            Ok::<_, Problem>(Collection::new(&query, &base, count, data, next))
        })
        .await?;
    Ok(HttpResponse::Ok().json(page))
}

fn shown(
    db: &mut TenantScope<'_>,
    rows: Vec<MessageRow>,
    scope: &Scope,
) -> Result<Vec<MessageOut>, Problem> {
    let mut files = messages::files_of(db, &rows)?;
    let api = format!("{}/api", scope.base_url);
    let out = rows.into_iter().map(|row| {
        let files = files.remove(&row.id).unwrap_or_default();
        MessageOut::of(row, &files, &api, scope.version)
    });
    Ok(out.collect())
}

fn one(db: &mut TenantScope<'_>, row: MessageRow, scope: &Scope) -> Result<MessageOut, Problem> {
    shown(db, vec![row], scope)?
        .pop()
        .ok_or_else(|| Problem::not_found("message"))
}

/// A message of an application that the caller sees.
fn seen(
    db: &mut TenantScope<'_>,
    known: &KnownApplication,
    id: MessageId,
) -> Result<MessageRow, Problem> {
    message::find(db, id)?
        .filter(|row| row.application_id == known.id)
        .filter(|row| row.is_visible(known.caller.may_see_internal()))
        .ok_or_else(|| Problem::not_found("message"))
}

/// Gives a message.
#[utoipa::path(get, path = "/lang/api/applications/{id}/messages/{message_id}", operation_id = "applications.message.get",
    tag = "messages", summary = "One message",
    description = "Among those that the caller sees: notes of the office are for the office alone.",
    params(("id" = ApplicationId, Path, description = "The application"),
        ("message_id" = MessageId, Path, description = "The message"), ApiVersion),
    responses((status = 200, description = "The message", body = MessageOut),
        (status = 403, description = "May not view the application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such application, or no such message that the caller sees", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn get_message(
    path: web::Path<(String, ApplicationId, MessageId)>,
    scope: Scope,
    caller: Auth<AnyUser>,
    access: web::Data<Access>,
) -> Result<HttpResponse, Problem> {
    let (_, id, message) = path.into_inner();
    let (caller, rooms) = (caller.into_caller(), access.get_ref().clone());
    let out = access
        .files
        .ctx
        .db
        .read(caller.tenancy(), move |db| {
            let known = rooms.applications.viewed(db, &caller, id)?;
            let row = seen(db, &known, message)?;
            one(db, row, &scope)
        })
        .await?;
    Ok(HttpResponse::Ok().json(out))
}

/// Gives a message by its id in a system outside.
#[utoipa::path(get, path = "/lang/api/applications/{id}/messages/byexternal-id/{external_id}",
    operation_id = "applications.message.get-by-external-id", tag = "messages", summary = "One message by its external id",
    description = "For systems that know the message by the id that they gave it.",
    params(("id" = ApplicationId, Path, description = "The application"),
        ("external_id" = String, Path, description = "As `external_id` of the message has it", example = "4711"), ApiVersion),
    responses((status = 200, description = "The message", body = MessageOut),
        (status = 403, description = "May not view the application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such application, or no such message that the caller sees", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn get_message_by_external_id(
    path: web::Path<(String, ApplicationId, String)>,
    scope: Scope,
    caller: Auth<AnyUser>,
    access: web::Data<Access>,
) -> Result<HttpResponse, Problem> {
    let (_, id, external) = path.into_inner();
    let (caller, rooms) = (caller.into_caller(), access.get_ref().clone());
    let out = access
        .files
        .ctx
        .db
        .read(caller.tenancy(), move |db| {
            let internal_too = rooms
                .applications
                .viewed(db, &caller, id)?
                .caller
                .may_see_internal();
            let row = message::find_external(db, id, &external, internal_too)?
                .ok_or_else(|| Problem::not_found("message"))?;
            one(db, row, &scope)
        })
        .await?;
    Ok(HttpResponse::Ok().json(out))
}

/// Gives the bytes of a file of a message.
#[utoipa::path(get, path = "/lang/api/applications/{id}/messages/{message_id}/attachments/{attachment_id}",
    operation_id = "applications.message-attachment.get", tag = "messages", summary = "Download a file of a message",
    description = "The header Range gives one part of the file; ETag is the file's SHA-256.",
    params(("id" = ApplicationId, Path, description = "The application"),
        ("message_id" = MessageId, Path, description = "The message"),
        ("attachment_id" = FileId, Path, description = "The file")),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream"),
        (status = 206, description = "A part of the bytes", content_type = "application/octet-stream"),
        (status = 304, description = "As the caller has it"),
        (status = 403, description = "May not view the application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such application, message or file", body = ProblemBody, content_type = "application/problem+json"),
        (status = 416, description = "`range-not-satisfiable`", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn get_message_attachment(
    path: web::Path<(String, ApplicationId, MessageId, FileId)>,
    caller: Auth<AnyReader>,
    request: HttpRequest,
    access: web::Data<Access>,
) -> Result<HttpResponse, Problem> {
    let (_, id, message, attachment) = path.into_inner();
    let (caller, rooms) = (caller.into_caller(), access.get_ref().clone());
    let row = access
        .files
        .ctx
        .db
        .read(caller.tenancy(), move |db| {
            let row = attachments::readable(&rooms, db, &caller, id, attachment)?;
            if row.message_id == Some(message) {
                Ok(row)
            } else {
                Err(Problem::not_found("attachment"))
            }
        })
        .await?;
    access.files.serve(&request, &row).await
}

/// Writes a message.
#[utoipa::path(post, path = "/lang/api/applications/{id}/messages", operation_id = "applications.message.create",
    tag = "messages", summary = "Write a message",
    description = "By the applicant or by the office that works the application. Citizens write what the applicant sees; an \
        operator's message is internal unless it says `applicant`, and then it is sent to him. A message that has `sent_at` already \
        is not sent again. A file that is too large for the body is uploaded first (POST `/lang/{locale}/upload`) and named by its `id`. What is about delivery and registration, `email`, `external_id` and `author_id` is ignored in a citizen's message.",
    params(("id" = ApplicationId, Path, description = "The application"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same message"), ApiVersion),
    request_body = MessageIn,
    responses((status = 201, description = "Written", body = MessageOut),
        (status = 403, description = "May not write on it, or not this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`, `upload-too-large`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`validation`, `file-refused`, `file-infected`, `too-many-files`, `workflow-forward`, `illegal-transition`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`virus-scan-unavailable`", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn create_message(
    path: web::Path<(String, ApplicationId)>,
    scope: Scope,
    caller: Auth<AnyUser>,
    key: IdempotencyKey,
    body: Body<MessageIn>,
    access: web::Data<Access>,
) -> Result<HttpResponse, Problem> {
    let id = path.into_inner().1;
    let (caller, rooms) = (caller.into_caller(), access.get_ref().clone());
    let ctx = &access.files.ctx;

    // Before anything is stored; decided again in the transaction.
    let (first, asker) = (rooms.clone(), caller.clone());
    let known = ctx
        .db
        .read(caller.tenancy(), move |db| {
            first.applications.writable(db, &asker, id)
        })
        .await?;
    let mut message = body.value.read()?;
    message.check()?;
    if caller.is_citizen() {
        message.keep_what_citizens_say()?;
    }
    let author = author(&access, &caller, &known, message.author_id).await?;
    let decoded = access.files.decode("attachments", &message.attachments)?;
    let prepared = access
        .files
        .prepare(caller.tenancy(), caller.id, FileKind::Message, decoded)
        .await?;
    let public_api = messages::api_of(&ctx.platform, &scope.tenant);
    key.once(&ctx.db, &caller.clone(), body.hash, move |db| {
        let known = rooms.applications.writable(db, &caller, id)?;
        let on = On {
            application: id,
            service: known.service,
            owner: known.owner,
        };
        let new = message.into_new(on, author, known.email);
        let files = rooms.files.attach(db, prepared, id, Some(new.id))?;
        let row = messages::write(db, &public_api, new, &files)?;
        let api = format!("{}/api", scope.base_url);
        let location = format!("{api}/applications/{id}/messages/{}", row.id);
        Created::new(location, &MessageOut::of(row, &files, &api, scope.version))
    })
    .await
}

/// Writes an operator's message without files on the application of a change; its bulk work says what.
pub(super) fn write_in(work: &mut Work<'_, '_>, input: BulkInput) -> Result<(), Problem> {
    let id = work.aggregate.row.id;
    let known = crate::Core.writable(work.scope, &work.caller, id)?;
    let visibility = input.visibility.unwrap_or(Visibility::Internal);
    let new = NewMessage {
        subject: input.subject.filter(|subject| !subject.trim().is_empty()),
        email: known.email.filter(|_| visibility == Visibility::Applicant),
        ..NewMessage::from_person(
            On {
                application: id,
                service: known.service,
                owner: known.owner,
            },
            work.caller.id,
            author_kind(&work.caller),
            visibility,
            input.message.unwrap_or_default(),
        )
    };
    messages::write(work.scope, &format!("{}/api", work.site), new, &[])?;
    Ok(())
}

/// What somebody writes as in his own name.
pub(super) fn author_kind(caller: &Caller) -> AuthorKind {
    if caller.is_citizen() {
        AuthorKind::Citizen
    } else if caller.is_system_operator() {
        AuthorKind::SystemOperator
    } else {
        AuthorKind::Office
    }
}

/// In whose name the message is: the caller's, or that of somebody whom a system operator or administrator names.
async fn author(
    access: &Access,
    caller: &Caller,
    known: &KnownApplication,
    named: Option<UserId>,
) -> Result<(UserId, AuthorKind), Problem> {
    let own = author_kind(caller);
    let Some(named) = named.filter(|named| *named != caller.id) else {
        return Ok((caller.id, own));
    };
    if !caller.is_system_operator() && !caller.administrates_body() {
        return Err(Problem::forbidden(
            "Only a system operator or an administrator writes in another's name.",
        ));
    }
    if named == known.owner {
        return Ok((named, AuthorKind::Citizen));
    }
    let directory = &access.files.ctx.platform.directory;
    match directory.principal(caller.tenancy(), named).await? {
        Some(principal) if principal.system_user => Ok((named, AuthorKind::SystemOperator)),
        Some(_) => Ok((named, AuthorKind::Office)),
        None => Err(Problem::unknown_reference(
            "author_id",
            "operator or applicant",
        )),
    }
}

/// Changes what became of a message.
#[utoipa::path(patch, path = "/lang/api/applications/{id}/messages/{message_id}", operation_id = "applications.message.patch",
    tag = "messages", summary = "Note what became of a message",
    description = "Null takes a value away; what is not named stays. The applicant may say that he has read it or used a button of it; \
        all else is for the office. A registered message does not change any more.",
    params(("id" = ApplicationId, Path, description = "The application"),
        ("message_id" = MessageId, Path, description = "The message")),
    request_body = MessagePatch,
    responses((status = 200, description = "Done", body = Vec<String>, example = json!(["Message Patched Successfully"])),
        (status = 403, description = "Not for this caller", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such application, or no such message that the caller sees", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`message-registered`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`validation`", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn patch_message(
    path: web::Path<(String, ApplicationId, MessageId)>,
    scope: Scope,
    caller: Auth<AnyUser>,
    body: Body<MessagePatch>,
    access: web::Data<Access>,
) -> Result<HttpResponse, Problem> {
    let (_, id, message) = path.into_inner();
    let (caller, rooms) = (caller.into_caller(), access.get_ref().clone());
    let ctx = &access.files.ctx;
    let public_api = messages::api_of(&ctx.platform, &scope.tenant);
    ctx.db
        .write(caller.tenancy(), move |db| {
            let known = rooms.applications.viewed(db, &caller, id)?;
            let mut row = seen(db, &known, message)?;
            let editor = known.caller.is(Who::EDITOR);
            let reader = known.caller.is(Who::OWNER);
            let patch = match body.value.read() {
                Ok(patch) if editor || reader && patch.is_readers() => patch,
                Err(problem) if editor || reader => return Err(problem),
                _ => {
                    return Err(Problem::forbidden(
                        "This is for the office that works the application; the applicant may note that he has read a message.",
                    ));
                }
            };
            if row.protocol_number.is_some() {
                return Err(Problem::new(
                    ProblemKind::MessageRegistered,
                    "The message has its protocol number and stays as it is. Write another one.",
                ));
            }
            let before = row.clone();
            patch.apply(&mut row)?;
            if row != before {
                messages::change(db, &public_api, &mut row)?;
            }
            Ok(())
        })
        .await?;
    Ok(HttpResponse::Ok().json(["Message Patched Successfully"]))
}

impl MessageIn {
    fn into_new(
        self,
        on: On,
        (author, author_kind): (UserId, AuthorKind),
        applicant: Option<String>,
    ) -> NewMessage {
        let citizen = author_kind == AuthorKind::Citizen;
        let visibility = self.visibility.unwrap_or(if citizen {
            Visibility::Applicant
        } else {
            Visibility::Internal
        });
        // Where it is sent: to the applicant, unless it says otherwise.
        let to_applicant = visibility == Visibility::Applicant && !citizen;
        NewMessage {
            subject: self.subject.filter(|subject| !subject.trim().is_empty()),
            email: self.email.or(applicant.filter(|_| to_applicant)),
            sent_at: self.sent_at,
            read_at: self.read_at,
            clicked_at: self.clicked_at,
            protocol_required: self.protocol_required.unwrap_or(false),
            protocolled_at: self.protocolled_at,
            protocol_number: self.protocol_number,
            external_id: self.external_id,
            ..NewMessage::from_person(on, author, author_kind, visibility, self.message)
        }
    }
}
