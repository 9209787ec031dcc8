//! Files of an application.

use actix_web::{HttpRequest, HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::auth::{AnyUser, Auth, Caller};
use opencity_kernel::db::TenantScope;
use opencity_kernel::http::{Body, given};
use opencity_kernel::id::{ApplicationId, FileId};
use opencity_kernel::problem::ProblemBody;
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::short;
use crate::access::{Access, AnyReader};
use crate::domain::Who;
use crate::store::file::{self, FileRow};
use crate::store::message;

/// Mounts the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/{tenant}/api/applications/{id}/attachments/{attachment}")
            .route(web::get().to(get_attachment))
            .route(web::patch().to(patch_attachment)),
    );
}

/// The API description.
#[derive(OpenApi)]
#[openapi(paths(get_attachment, patch_attachment))]
pub struct Doc;

/// What of a file may be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(clippy::option_option)]
pub struct AttachmentPatch {
    /// Its id in a system outside; null takes it away, what is absent stays.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255, example = "DOC-2026-17")]
    external_id: Option<Option<String>>,
}

/// A file of an application that the caller may read; it is not there for him if it goes with a message that he does not see.
pub(crate) fn readable(
    access: &Access,
    scope: &mut TenantScope<'_>,
    caller: &Caller,
    id: ApplicationId,
    attachment: FileId,
) -> Result<FileRow, Problem> {
    // Other modules read whatever the events name.
    let internal_too = if caller.is_service() {
        true
    } else {
        access
            .applications
            .viewed(scope, caller, id)?
            .caller
            .may_see_internal()
    };
    let row = file::find(scope, attachment)?
        .filter(|row| row.application_id == Some(id))
        .ok_or_else(|| Problem::not_found("attachment"))?;
    if let Some(message) = row.message_id {
        let seen = message::find(scope, message)?.is_some_and(|row| row.is_visible(internal_too));
        if !seen {
            return Err(Problem::not_found("attachment"));
        }
    }
    Ok(row)
}

/// Gives the bytes of a file.
#[utoipa::path(get, path = "/lang/api/applications/{id}/attachments/{attachment_id}",
    operation_id = "applications.attachment.get", tag = "applications", summary = "Download a file of an application",
    description = "The header Range gives one part of the file; ETag is the file's SHA-256.",
    params(("id" = ApplicationId, Path, description = "The application"),
        ("attachment_id" = FileId, Path, description = "The file")),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream"),
        (status = 206, description = "A part of the bytes", content_type = "application/octet-stream"),
        (status = 304, description = "As the caller has it"),
        (status = 403, description = "May not view the application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such application or file", body = ProblemBody, content_type = "application/problem+json"),
        (status = 416, description = "`range-not-satisfiable`", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn get_attachment(
    path: web::Path<(String, ApplicationId, FileId)>,
    caller: Auth<AnyReader>,
    request: HttpRequest,
    access: web::Data<Access>,
) -> Result<HttpResponse, Problem> {
    let (_, id, attachment) = path.into_inner();
    let (caller, rooms) = (caller.into_caller(), access.get_ref().clone());
    let row = access
        .files
        .ctx
        .db
        .read(caller.tenancy(), move |scope| {
            readable(&rooms, scope, &caller, id, attachment)
        })
        .await?;
    access.files.serve(&request, &row).await
}

/// Gives a file the id that a system outside has for it.
#[utoipa::path(patch, path = "/lang/api/applications/{id}/attachments/{attachment_id}",
    operation_id = "applications.attachment.patch", tag = "applications", summary = "Name a file's id in a system outside",
    description = "For systems that keep the file too and want to find it again.",
    params(("id" = ApplicationId, Path, description = "The application"),
        ("attachment_id" = FileId, Path, description = "The file")),
    request_body = AttachmentPatch,
    responses((status = 200, description = "Done", body = Vec<String>, example = json!(["Object Patched Successfully"])),
        (status = 403, description = "Needs the right to edit the application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such application or file", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`validation`", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn patch_attachment(
    path: web::Path<(String, ApplicationId, FileId)>,
    caller: Auth<AnyUser>,
    body: Body<AttachmentPatch>,
    access: web::Data<Access>,
) -> Result<HttpResponse, Problem> {
    let (_, id, attachment) = path.into_inner();
    let (caller, rooms) = (caller.into_caller(), access.get_ref().clone());
    access
        .files
        .ctx
        .db
        .write(caller.tenancy(), move |scope| {
            let row = readable(&rooms, scope, &caller, id, attachment)?;
            if !rooms
                .applications
                .viewed(scope, &caller, id)?
                .caller
                .is(Who::EDITOR)
            {
                return Err(Problem::forbidden(
                    "This is for the office that works the application.",
                ));
            }
            let Some(external_id) = body.value.read()?.external_id else {
                return Ok(());
            };
            short([("external_id", external_id.as_deref())])?;
            file::set_external_id(scope, row.id, external_id.as_deref())?;
            Ok(())
        })
        .await?;
    Ok(HttpResponse::Ok().json(["Object Patched Successfully"]))
}
