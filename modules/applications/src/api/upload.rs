//! Uploads: announced, sent, confirmed; then the data of an application name them.

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures::StreamExt as _;
use opencity_kernel::auth::{AnyUser, Auth};
use opencity_kernel::crypto::{constant_time_eq, random_token, sha256_hex};
use opencity_kernel::db::{DbError, TenantScope};
use opencity_kernel::files::FileError;
use opencity_kernel::http::{Body, Created, IdempotencyKey, Public, Scope};
use opencity_kernel::id::{FileId, UserId};
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{FieldProblem, Problem, ProblemKind, clock};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::access::Access;
use crate::files::{content_matches, refusal};
use crate::store::file::{self, FileKind, FileRow, FileState};

/// Mounts the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    // Two letters, so that /{tenant}/api is nobody's locale.
    config
        .service(
            web::resource("/{tenant}/{locale:[a-z][a-z]}/upload")
                .route(web::post().to(begin_upload)),
        )
        .service(
            web::resource("/{tenant}/{locale:[a-z][a-z]}/upload/{id}")
                .route(web::put().to(finish_upload)),
        )
        .service(
            web::resource("/{tenant}/{locale:[a-z][a-z]}/upload/{id}/content")
                .route(web::put().to(put_content)),
        );
}

/// The API description.
#[derive(OpenApi)]
#[openapi(paths(begin_upload, put_content, finish_upload))]
pub struct Doc;

/// A file to be uploaded.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UploadIn {
    /// The name that the sender gives it, with an extension unless `original_filename` has one.
    #[schema(max_length = 255, example = "planimetria.pdf")]
    pub name: String,
    /// The name that a person gave it.
    #[serde(default)]
    #[schema(max_length = 255, example = "Planimetria piano terra.pdf")]
    pub original_filename: Option<String>,
    /// Bytes.
    #[schema(minimum = 1, example = 48213)]
    pub size: i64,
    /// Whether it is registered with the application; yes if nothing is said.
    #[serde(default)]
    pub protocol_required: Option<bool>,
    /// Its type; absent: that of the extension.
    #[serde(default)]
    #[schema(max_length = 100, example = "application/pdf")]
    pub mime_type: Option<String>,
    /// What it is; of a signed file (`.p7m`), if nothing is said, the name of what it holds.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub description: Option<String>,
}

/// An upload begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadOut {
    /// The file.
    pub id: FileId,
    /// Where its bytes go, by PUT; whoever has this address needs no token for it.
    #[schema(max_length = 2000)]
    pub uri: String,
}

/// The sender's word on what was received.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FinishIn {
    /// SHA-256 of the bytes, in hex.
    #[schema(
        min_length = 64,
        max_length = 64,
        example = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )]
    pub file_hash: String,
    /// Whether a digital signature is to be looked at. It is taken and changes nothing.
    #[serde(default)]
    pub check_signature: Option<bool>,
}

/// A finished upload.
#[derive(Debug, Serialize, ToSchema)]
pub struct FinishedOut {
    /// The file.
    pub id: FileId,
    /// The name that the sender gave it.
    #[schema(max_length = 255)]
    pub name: String,
    /// The name that a person gave it.
    #[serde(rename = "originalName")]
    #[schema(max_length = 255)]
    pub original_name: String,
    /// Bytes.
    #[schema(minimum = 1)]
    pub size: i64,
    /// Its type.
    #[schema(max_length = 100)]
    pub mime_type: String,
    /// SHA-256 of the bytes, in hex.
    #[schema(max_length = 64)]
    pub file_hash: String,
    /// Whether it is registered with the application.
    pub protocol_required: bool,
}

/// Begins an upload.
#[utoipa::path(post, path = "/lang/{locale}/upload", operation_id = "applications.upload.begin", tag = "upload",
    summary = "Announce a file",
    description = "Announces a file; its bytes then go by PUT to `uri`, and PUT `/lang/{locale}/upload/{id}` confirms them. \
        What nothing names after some days is removed.",
    params(("locale" = String, Path, description = "Language of the page: two letters", example = "it"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255)),
    request_body = UploadIn,
    responses((status = 201, description = "Begun", body = UploadOut),
        (status = 401, description = "No token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "`upload-too-large`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`file-refused`: name, type or size", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn begin_upload(
    path: web::Path<(String, String)>,
    scope: Scope,
    caller: Auth<AnyUser>,
    key: IdempotencyKey,
    body: Body<UploadIn>,
    access: web::Data<Access>,
) -> Result<HttpResponse, Problem> {
    let (_, locale) = path.into_inner();
    let upload = body.value.read()?;
    let settings = &access.files.settings;
    let accepted = settings
        .accept(
            "",
            &upload.name,
            upload.original_filename.as_deref(),
            upload.mime_type.as_deref(),
        )
        .map_err(|error| refusal(vec![error]))?;
    let description = upload.description.as_deref().unwrap_or_default();
    if description.chars().count() > 2000 {
        return Err(refusal(vec![FieldProblem::new(
            "description",
            "max_length",
            "Give at most 2000 characters.",
        )]));
    }
    let size = u64::try_from(upload.size).unwrap_or_default();
    if size == 0 {
        return Err(refusal(vec![FieldProblem::new(
            "size",
            "empty",
            "Send a file with content.",
        )]));
    }
    if size > settings.max_bytes {
        return Err(settings.too_large());
    }
    let secret = random_token(24).map_err(Problem::internal)?;
    let id = FileId::new();
    let row = FileRow {
        tenant_id: caller.tenant_id(),
        id,
        owner_id: caller.id,
        kind: FileKind::Upload.as_str().to_owned(),
        state: FileState::Begun.as_str().to_owned(),
        application_id: None,
        message_id: None,
        object_id: None,
        upload_key: Some(sha256_hex(secret.as_bytes())),
        name: accepted.name,
        original_name: accepted.original_name,
        description: upload.description.or(accepted.signed_name),
        mime_type: accepted.mime_type,
        announced_size: upload.size,
        size: None,
        sha256: None,
        md5: None,
        protocol_required: upload.protocol_required.unwrap_or(true),
        protocol_number: None,
        external_id: None,
        created_at: clock::now(),
        used_at: None,
    };
    let address = format!("{}/{locale}/upload/{id}", scope.base_url);
    let out = UploadOut {
        id,
        uri: format!("{address}/content?key={secret}"),
    };
    key.once(&access.files.ctx.db, &caller, body.hash, move |scope| {
        file::insert(scope, &row)?;
        Created::new(address, &out)
    })
    .await
}

#[derive(Debug, Deserialize)]
struct UploadKey {
    #[serde(default)]
    key: Option<String>,
}

/// Takes the bytes of an upload.
#[utoipa::path(put, path = "/lang/{locale}/upload/{id}/content", operation_id = "applications.upload.send", tag = "upload",
    summary = "Send the bytes of a file",
    description = "The `uri` of an upload. The body is the file itself, whatever its Content-Type says. Bytes that are not as many as \
        announced, or not of the announced type, are not kept; they can be sent again.",
    params(("locale" = String, Path, description = "Language of the page", example = "it"),
        ("id" = FileId, Path, description = "The upload"),
        ("key" = Option<String>, Query, description = "As in `uri`; not needed with the token of who began the upload")),
    request_body(content = String, content_type = "application/octet-stream", description = "The bytes", example = "%PDF-1.7 …"),
    responses((status = 200, description = "Received; to be confirmed", body = UploadOut),
        (status = 401, description = "Neither key nor token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not who began it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such upload", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The bytes have come already", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`upload-mismatch`", body = ProblemBody, content_type = "application/problem+json")),
    security((), ("bearer" = [])))]
async fn put_content(
    path: web::Path<(String, String, FileId)>,
    scope: Scope,
    caller: Result<Public, Problem>,
    query: web::Query<UploadKey>,
    payload: web::Payload,
    request: actix_web::HttpRequest,
    access: web::Data<Access>,
) -> Result<HttpResponse, Problem> {
    let (_, locale, id) = path.into_inner();
    let files = &access.files;
    // A key needs no token: a bad one beside it does not matter.
    let caller = match query.key {
        Some(_) => caller,
        None => Ok(caller?),
    };
    let (tenancy, db) = (scope.tenancy(), &files.ctx.db);
    let row = db
        .read::<_, DbError>(tenancy, move |scope| file::find(scope, id))
        .await?;
    let row = row
        .filter(|row| !row.is(FileState::Expired))
        .ok_or_else(|| Problem::not_found("upload"))?;
    check_sender(&row, caller, query.key.as_deref())?;
    if !row.is(FileState::Begun) {
        return Err(Problem::new(
            ProblemKind::Conflict,
            "The bytes of this upload have come already. Confirm it, or begin another one.",
        ));
    }
    let announced = u64::try_from(row.announced_size).unwrap_or_default();
    let mismatch = || {
        Problem::new(
            ProblemKind::UploadMismatch,
            format!(
                "{announced} bytes of type {} were announced, and something else came. Send the file again.",
                row.mime_type
            ),
        )
    };
    // What says beforehand that it is too long is not read at all.
    let length = request
        .headers()
        .get("content-length")
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length != announced) {
        return Err(mismatch());
    }

    // Each try has an object of its own, noted before it is written: two at once do not mix, and what a crash leaves is found.
    let object = FileId::new();
    if !db
        .write::<_, DbError>(tenancy, move |scope| file::expect_object(scope, id, object))
        .await?
    {
        return Err(DbError::Conflict.into());
    }
    files.discard(&row).await;
    let row = FileRow {
        object_id: Some(object),
        ..row.clone()
    };
    let Some(key) = row.key() else {
        return Err(Problem::internal("an upload without an object"));
    };
    let mut head = Vec::new();
    let bytes = payload.map(|piece: Result<Bytes, _>| {
        if let Ok(piece) = &piece {
            crate::files::take_head(&mut head, piece);
        }
        piece.map_err(|_| "the sender went away")
    });
    let stored = match files.ctx.platform.files.put(key, bytes, announced).await {
        Ok(stored) => stored,
        Err(FileError::TooLarge(_)) => return Err(mismatch()),
        Err(FileError::Source(_)) => {
            return Err(Problem::new(
                ProblemKind::UploadMismatch,
                "The file broke off before its end. Send it again.",
            ));
        }
        Err(error) => return Err(Problem::internal(error)),
    };
    if stored.size != announced || !content_matches(&row.mime_type, &head) {
        files.discard(&row).await;
        return Err(mismatch());
    }
    let received = db
        .write::<_, DbError>(tenancy, move |scope| {
            file::receive(scope, id, object, &stored, FileState::Received)
        })
        .await?;
    if !received {
        files.discard(&row).await;
        return Err(DbError::Conflict.into());
    }
    let uri = format!("{}/{locale}/upload/{id}", scope.base_url);
    Ok(HttpResponse::Ok().json(UploadOut { id, uri }))
}

/// Whoever began it, by the key of the address, whatever token comes with it, or by his token.
fn check_sender(
    row: &FileRow,
    caller: Result<Public, Problem>,
    key: Option<&str>,
) -> Result<(), Problem> {
    let by_key = key
        .zip(row.upload_key.as_ref())
        .is_some_and(|(given, kept)| {
            constant_time_eq(sha256_hex(given.as_bytes()).as_bytes(), kept.as_bytes())
        });
    if by_key {
        return Ok(());
    }
    match caller?.0 {
        Some(caller) if caller.id == row.owner_id && !caller.is_service() => Ok(()),
        Some(_) => Err(not_yours()),
        None => Err(Problem::new(
            ProblemKind::Unauthenticated,
            "Send the bytes to the uri as it was given, or with the token of who began the upload.",
        )),
    }
}

fn not_yours() -> Problem {
    Problem::forbidden("Only who began an upload goes on with it.")
}

/// Confirms an upload.
#[utoipa::path(put, path = "/lang/{locale}/upload/{id}", operation_id = "applications.upload.finish", tag = "upload",
    summary = "Confirm a file",
    description = "Compares the sender's hash with that of the bytes received, and has the virus scanner look at them where the \
        installation has one; from then on an application can name the file. After 503 the same call is repeated.",
    params(("locale" = String, Path, description = "Language of the page", example = "it"),
        ("id" = FileId, Path, description = "The upload")),
    request_body = FinishIn,
    responses((status = 200, description = "Finished", body = FinishedOut),
        (status = 403, description = "Not who began it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such upload", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`upload-mismatch`: another hash, or no bytes yet; `file-infected`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`virus-scan-unavailable`", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
async fn finish_upload(
    path: web::Path<(String, String, FileId)>,
    caller: Auth<AnyUser>,
    body: Body<FinishIn>,
    access: web::Data<Access>,
) -> Result<HttpResponse, Problem> {
    let (_, _, id) = path.into_inner();
    let (files, tenancy, sender) = (&access.files, caller.tenancy(), caller.id);
    let own = files
        .ctx
        .db
        .read(tenancy, move |scope| begun(scope, id, sender));
    let told = body.value.read_after(own).await?;
    let hash = told.file_hash.trim().to_lowercase();
    let row = files
        .ctx
        .db
        .read::<_, Problem>(tenancy, move |scope| {
            let row = begun(scope, id, sender)?;
            match &row.sha256 {
                None => Err(Problem::new(
                    ProblemKind::UploadMismatch,
                    "The bytes have not come yet. Send them to the uri of the upload first.",
                )),
                Some(sha256) if *sha256 != hash => Err(Problem::new(
                    ProblemKind::UploadMismatch,
                    "The SHA-256 of the bytes received is another one than file_hash. Begin the upload again.",
                )),
                Some(_) => Ok(row),
            }
        })
        .await?;
    if !row.is(FileState::Finished) {
        files.scan(tenancy, &row).await?;
        files
            .ctx
            .db
            .write::<_, Problem>(tenancy, move |scope| {
                // Said twice, it is finished all the same.
                if !begun(scope, id, sender)?.is(FileState::Finished) {
                    file::finish(scope, id)?;
                }
                Ok(())
            })
            .await?;
    }
    Ok(HttpResponse::Ok().json(FinishedOut {
        id,
        name: row.name,
        original_name: row.original_name,
        size: row.size.unwrap_or(row.announced_size),
        mime_type: row.mime_type,
        file_hash: row.sha256.unwrap_or_default(),
        protocol_required: row.protocol_required,
    }))
}

/// The upload that the sender has begun.
fn begun(scope: &mut TenantScope<'_>, id: FileId, sender: UserId) -> Result<FileRow, Problem> {
    let row = file::find(scope, id)?
        .filter(|row| !row.is(FileState::Expired) && row.kind == FileKind::Upload.as_str())
        .ok_or_else(|| Problem::not_found("upload"))?;
    if row.owner_id == sender {
        Ok(row)
    } else {
        Err(not_yours())
    }
}
