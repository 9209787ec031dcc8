//! `documents/{id}/download`.

use actix_web::{HttpResponse, web};
use opencity_kernel::Problem;
use opencity_kernel::auth::{Auth, Caller, Permission};
use opencity_kernel::db::DbError;
use opencity_kernel::files::FileError;
use opencity_kernel::http::{Scope, download as file};
use opencity_kernel::id::DocumentId;
use opencity_kernel::problem::ProblemBody;

use super::{Found, State, of_path};
use crate::consumers::body_of;
use crate::maker::file_key;
use crate::store::{deposit, document};

/// People, and the other modules of the installation, which fetch files with a service token.
#[derive(Debug)]
pub(crate) enum AnyCaller {}

impl Permission for AnyCaller {
    const NEEDS: &'static str = "a token";
    fn allows(_caller: &Caller) -> bool {
        true
    }
}

#[utoipa::path(
    get, path = "/lang/api/documents/{id}/download", operation_id = "documents.document.download", tag = "documents",
    summary = "The file of a document",
    description = "Of an act, the PDF/A as it was registered; of what somebody put into a folder, the file as it came. The hash in the document's description is that of these bytes.",
    params(("id" = uuid::Uuid, Path, description = "The document")),
    responses(
        (status = 200, description = "The file", content((Vec<u8> = "application/pdf"), (Vec<u8> = "application/octet-stream"))),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The caller may not see the application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such document, or its file lies elsewhere", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn download(
    path: web::Path<(String, DocumentId)>,
    caller: Auth<AnyCaller>,
    _scope: Scope,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = caller.into_caller();
    let (tenancy, by_owner, by_person) =
        (caller.tenancy(), caller.is_citizen(), !caller.is_service());
    let reader = caller.id;
    let found = of_path(&state, caller, path.into_inner().1).await?;
    let (key, name, mime_type) = match &found {
        Found::Act(row) => {
            let main = body_of(row)?.main_document;
            let file = row.main_file_id.uuid();
            let key = file_key(row.tenant_id.uuid(), row.owner_id.uuid(), file);
            (key, main.filename, main.mime_type)
        }
        Found::Deposit(row, _) => {
            // One that lies elsewhere is at its address.
            let file = row.file_id.ok_or_else(|| Problem::not_found("file"))?;
            let key = file_key(row.tenant_id.uuid(), row.owner_id.uuid(), file.uuid());
            let name = row.filename.clone().unwrap_or_default();
            (key, name, row.mime_type.clone().unwrap_or_default())
        }
    };
    let content = state
        .ctx
        .platform
        .files
        .get(key, None)
        .await
        .map_err(|error| match error {
            FileError::NotFound => Problem::internal("the file of a document is not in the store"),
            other => Problem::unavailable(other),
        })?;
    if by_person {
        state
            .ctx
            .db
            .write::<_, DbError>(tenancy, move |rows| match found {
                Found::Act(row) => document::count_download(rows, row.id, by_owner),
                Found::Deposit(row, _) => {
                    let by_owner = by_owner && reader == row.owner_id;
                    deposit::count_download(rows, row.id, by_owner)
                }
            })
            .await?;
    }
    Ok(file(&name, &mime_type, "private, no-store", content))
}
