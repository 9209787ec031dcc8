//! POST `documents`; PUT, PATCH, DELETE `documents/{id}`: what people put into the folders of citizens.

use std::convert::Infallible;

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use futures::stream;
use opencity_contracts::document::Side;
use opencity_kernel::auth::{AnyUser, Auth, Caller};
use opencity_kernel::db::TenantScope;
use opencity_kernel::files::FileKey;
use opencity_kernel::http::{Body, Created, IdempotencyKey, Scope, deleted, modified, patched};
use opencity_kernel::id::{DocumentId, FileId, UserId};
use opencity_kernel::json::{Json, merged};
use opencity_kernel::problem::ProblemBody;
use opencity_kernel::{Problem, clock};
use serde_json::{Map, Value};

use super::documents::DocumentView;
use super::{Found, State, linked, logged_in, of_path, services_known};
use crate::domain::access::{Standing, standing};
use crate::domain::deposit::{DepositIn, NewFile, Said};
use crate::maker::file_key;
use crate::store::deposit::{self, DepositRow};
use crate::store::personal_folder::{self, PersonalFolder};

#[utoipa::path(
    post, path = "/lang/api/documents", operation_id = "documents.document.create", tag = "documents",
    summary = "Puts a document into the folder of a citizen",
    description = "By the citizen, or by whoever works one of the folder's services. Either with its bytes (`file`), or with its `address`.",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255)),
    request_body = DepositIn,
    responses(
        (status = 201, body = DocumentView, description = "The document"),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The folder is not for this caller", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The folder was changed meanwhile", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`validation`, `unknown-reference`, `file-infected`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`virus-scan-unavailable`", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn create(
    caller: Auth<AnyUser>,
    scope: Scope,
    key: IdempotencyKey,
    body: Body<Map<String, Value>>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = caller.into_caller();
    logged_in(&caller)?;
    let input = DepositIn::read(body.value.read()?)?;
    let id = DocumentId::new();
    let location = scope.api(&format!("documents/{id}"));
    let (ready, stored) = prepared(&state, &caller, input, None).await?;
    let by = caller.clone();
    let done = key
        .once(&state.ctx.db, &caller, body.hash, move |rows| {
            let (folder, recipient) = ready.folder(rows, &by, None)?;
            let now = clock::now();
            let blank = DepositRow {
                tenant_id: rows.tenant_id(),
                id,
                version: 1,
                folder_id: folder.row.id,
                owner_id: folder.row.owner_id,
                recipient_type: String::new(),
                title: String::new(),
                file_id: None,
                filename: None,
                mime_type: None,
                size: None,
                md5: None,
                sha256: None,
                body: Json::default(),
                downloads: 0,
                last_read_at: None,
                created_at: now,
                updated_at: now,
            };
            let row = ready.written_on(blank, &folder, recipient)?;
            personal_folder::touch(rows, &folder.row)?;
            deposit::insert(rows, &row, &ready.input.said.readers_allowed)?;
            let view = DocumentView::of_deposit(row, folder.row.title, &scope)?;
            Created::new(location, &view)
        })
        .await;
    settled(&state, done, stored).await
}

#[utoipa::path(
    put, path = "/lang/api/documents/{id}", operation_id = "documents.document.replace", tag = "documents",
    summary = "Replaces what is written of a document in a folder",
    description = "What GET answers is accepted. Without `file` and `address` it keeps its bytes. The acts of applications do not change.",
    params(("id" = uuid::Uuid, Path, description = "The document")),
    request_body = DepositIn,
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Modified Successfully"])),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It is not for this caller to change, or the act of an application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such document", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else changed it at the same moment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`validation`, `unknown-reference`, `file-infected`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`virus-scan-unavailable`", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn replace(
    path: web::Path<(String, DocumentId)>,
    caller: Auth<AnyUser>,
    _scope: Scope,
    body: Body<Map<String, Value>>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = caller.into_caller();
    let before = own(&state, &caller, path.into_inner().1).await?;
    let input = DepositIn::read(body.value.read()?)?;
    change(&state, caller, before, input).await?;
    Ok(modified())
}

#[utoipa::path(
    patch, path = "/lang/api/documents/{id}", operation_id = "documents.document.patch", tag = "documents",
    summary = "Changes some of what is written of a document in a folder",
    description = "Keys that are absent stay as they are, null takes them away. The acts of applications do not change.",
    params(("id" = uuid::Uuid, Path, description = "The document")),
    request_body(content = Object, example = json!({"title": "Planimetria aggiornata"})),
    responses(
        (status = 200, description = "Done", body = Vec<String>, example = json!(["Object Patched Successfully"])),
        (status = 400, description = "The body is not valid JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It is not for this caller to change, or the act of an application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such document", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else changed it at the same moment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`validation`, `unknown-reference`, `file-infected`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`virus-scan-unavailable`", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn patch(
    path: web::Path<(String, DocumentId)>,
    caller: Auth<AnyUser>,
    _scope: Scope,
    body: Body<Map<String, Value>>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = caller.into_caller();
    let before = own(&state, &caller, path.into_inner().1).await?;
    let patch = body.value.read()?;
    let mut kept = written(&before)?;
    if patch.get("file").is_some_and(|file| !file.is_null()) {
        // The new bytes take the place of the old ones, wherever these are.
        (kept.md5, kept.mime_type, kept.said.address) = (None, None, None);
    }
    let input = DepositIn::read(merged(&kept, patch)?)?;
    change(&state, caller, before, input).await?;
    Ok(patched())
}

#[utoipa::path(
    delete, path = "/lang/api/documents/{id}", operation_id = "documents.document.delete", tag = "documents",
    summary = "Removes a document from a folder",
    description = "With its bytes. The acts of applications are not removed.",
    params(("id" = uuid::Uuid, Path, description = "The document")),
    responses(
        (status = 204, description = "Done"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It is not for this caller to remove, or the act of an application", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such document", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else changed it at the same moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(crate) async fn delete(
    path: web::Path<(String, DocumentId)>,
    caller: Auth<AnyUser>,
    _scope: Scope,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let caller = caller.into_caller();
    let before = own(&state, &caller, path.into_inner().1).await?;
    let file = key_of(&before);
    state
        .ctx
        .db
        .write::<_, Problem>(caller.tenancy(), move |rows| {
            Ok(deposit::delete(rows, before.id, before.version)?)
        })
        .await?;
    forget(&state, file).await;
    Ok(deleted())
}

/// The document of the path, if the caller may change it: 404, then 403.
async fn own(state: &State, caller: &Caller, id: DocumentId) -> Result<DepositRow, Problem> {
    let (row, folder) = match of_path(state, caller.clone(), id).await? {
        Found::Act(_) => {
            return Err(Problem::forbidden(
                "This is the act of an application. It does not change, and is not removed.",
            ));
        }
        Found::Deposit(row, folder) => (row, folder),
    };
    let by = caller.clone();
    let linked = state
        .ctx
        .db
        .read(caller.tenancy(), move |rows| linked(rows, &by))
        .await?;
    let given_to_the_body = row.recipient_type == Side::Tenant.as_str();
    match standing(caller, row.owner_id, &folder.services, &linked) {
        Standing::Office => Ok(row),
        Standing::Owner if given_to_the_body => Ok(row),
        _ => Err(Problem::forbidden(
            "A citizen changes what he has put there himself; the rest is for the office.",
        )),
    }
}

/// What is written of a document now, as it would be sent.
fn written(row: &DepositRow) -> Result<DepositIn, Problem> {
    Ok(DepositIn {
        folder: Some(row.folder_id),
        title: row.title.clone(),
        recipient_type: Some(side(row)),
        original_filename: row.filename.clone(),
        mime_type: row.mime_type.clone(),
        md5: row.md5.clone(),
        file: None,
        said: row.body.read::<Said>()?,
    })
}

fn side(row: &DepositRow) -> Side {
    if row.recipient_type == Side::Tenant.as_str() {
        Side::Tenant
    } else {
        Side::User
    }
}

async fn change(
    state: &State,
    caller: Caller,
    before: DepositRow,
    input: DepositIn,
) -> Result<(), Problem> {
    let (ready, stored) = prepared(state, &caller, input, Some(&before)).await?;
    let old = key_of(&before);
    let written = state
        .ctx
        .db
        .write::<_, Problem>(caller.tenancy(), move |rows| {
            let (folder, recipient) = ready.folder(rows, &caller, Some(&before))?;
            let row = ready.written_on(before.clone(), &folder, recipient)?;
            if row == before {
                return Ok(key_of(&row));
            }
            let row = DepositRow {
                version: before.version + 1,
                updated_at: clock::now(),
                ..row
            };
            if before.folder_id != folder.row.id {
                personal_folder::touch(rows, &folder.row)?;
            }
            let readers = &ready.input.said.readers_allowed;
            deposit::update(rows, &row, readers, before.version)?;
            Ok(key_of(&row))
        })
        .await;
    let now = settled(state, written, stored).await?;
    if now != old {
        forget(state, old).await;
    }
    Ok(())
}

/// A document that may be written: its bytes are stored.
struct Ready {
    input: DepositIn,
    file: Option<StoredFile>,
}

struct StoredFile {
    id: FileId,
    name: String,
    mime_type: &'static str,
    size: u64,
    md5: String,
    sha256: String,
}

/// Checks what can be checked before a transaction, and stores the bytes once it is known that they are of use.
async fn prepared(
    state: &State,
    caller: &Caller,
    mut input: DepositIn,
    before: Option<&DepositRow>,
) -> Result<(Ready, Option<FileKey>), Problem> {
    services_known(state, caller, &input.said.correlated_services).await?;
    let file = input.take_file(state.files.max_bytes)?;
    let mut ready = Ready { input, file: None };
    let (by, was) = (caller.clone(), before.cloned());
    let (ready_again, owner) = state
        .ctx
        .db
        .read::<_, Problem>(caller.tenancy(), move |rows| {
            let (folder, _) = ready.folder(rows, &by, was.as_ref())?;
            Ok((ready, folder.row.owner_id))
        })
        .await?;
    ready = ready_again;
    let Some(file) = file else {
        return Ok((ready, None));
    };
    let (key, stored) = store(state, caller, owner, file).await?;
    let told = ready.input.md5.as_ref();
    if told.is_some_and(|md5| !md5.eq_ignore_ascii_case(&stored.md5)) {
        forget(state, Some(key)).await;
        return Err(other_bytes());
    }
    ready.file = Some(stored);
    Ok((ready, Some(key)))
}

fn other_bytes() -> Problem {
    Problem::field(
        "md5",
        "value",
        "The bytes have another MD5. Send them again, or leave it out.",
    )
}

async fn store(
    state: &State,
    caller: &Caller,
    owner: UserId,
    file: NewFile,
) -> Result<(FileKey, StoredFile), Problem> {
    let bytes = Bytes::from(file.bytes);
    let pieces = || stream::iter([Ok::<_, Infallible>(bytes.clone())]);
    state.files.clamd.check("file", pieces()).await?;
    let id = FileId::new();
    let key = file_key(caller.tenant_id().uuid(), owner.uuid(), id.uuid());
    let kept = state
        .ctx
        .platform
        .files
        .put(key, pieces(), u64::MAX)
        .await
        .map_err(Problem::unavailable)?;
    let stored = StoredFile {
        id,
        name: file.name,
        mime_type: file.mime_type,
        size: kept.size,
        md5: kept.md5,
        sha256: kept.sha256,
    };
    Ok((key, stored))
}

/// What was done; if it was refused, the bytes that were stored for it go. After a failure they stay: the commit may have come
/// through though its answer was lost.
async fn settled<T>(
    state: &State,
    done: Result<T, Problem>,
    stored: Option<FileKey>,
) -> Result<T, Problem> {
    if let Err(problem) = &done
        && !problem.kind().status().is_server_error()
    {
        forget(state, stored).await;
    }
    done
}

fn key_of(row: &DepositRow) -> Option<FileKey> {
    row.file_id
        .map(|file| file_key(row.tenant_id.uuid(), row.owner_id.uuid(), file.uuid()))
}

/// Removes bytes that no document has any more. What is not removed is not found either.
async fn forget(state: &State, file: Option<FileKey>) {
    if let Some(file) = file
        && let Err(error) = state.ctx.platform.files.delete(file).await
    {
        tracing::warn!(%error, %file, "the bytes of a document were not removed");
    }
}

impl Ready {
    /// The folder that the document is to lie in, and whom it is for, if the caller may put it there.
    fn folder(
        &self,
        rows: &mut TenantScope<'_>,
        caller: &Caller,
        before: Option<&DepositRow>,
    ) -> Result<(PersonalFolder, Side), Problem> {
        let unknown = || Problem::unknown_reference("folder", "folder of a citizen");
        let id = self.input.folder.ok_or_else(unknown)?;
        let folder = personal_folder::find(rows, id)?.ok_or_else(unknown)?;
        let owner = folder.row.owner_id;
        let asked = self.input.recipient_type.or(before.map(side));
        let linked = linked(rows, caller)?;
        let recipient = match standing(caller, owner, &folder.services, &linked) {
            Standing::Stranger => {
                return Err(Problem::forbidden(
                    "The folder is for its citizen, and for whoever works one of its services.",
                ));
            }
            Standing::Office => asked.unwrap_or(Side::User),
            Standing::Owner if asked == Some(Side::User) => {
                return Err(Problem::field(
                    "recipient_type",
                    "value",
                    "What a citizen gives is for the body (tenant): leave it out.",
                ));
            }
            Standing::Owner => Side::Tenant,
        };
        if before.is_some_and(|before| before.owner_id != owner) {
            return Err(Problem::field(
                "folder",
                "owner",
                "Name a folder of the same citizen.",
            ));
        }
        Ok((folder, recipient))
    }

    /// The row with what was sent.
    fn written_on(
        &self,
        row: DepositRow,
        folder: &PersonalFolder,
        recipient: Side,
    ) -> Result<DepositRow, Problem> {
        let input = &self.input;
        let row = DepositRow {
            folder_id: folder.row.id,
            recipient_type: recipient.as_str().to_owned(),
            title: input.title.clone(),
            body: Json::of(&input.said)?,
            ..row
        };
        if let Some(file) = &self.file {
            return Ok(DepositRow {
                file_id: Some(file.id),
                filename: Some(file.name.clone()),
                mime_type: Some(file.mime_type.to_owned()),
                size: i64::try_from(file.size).ok(),
                md5: Some(file.md5.clone()),
                sha256: Some(file.sha256.clone()),
                ..row
            });
        }
        let name = input.named()?;
        if input.said.address.is_some() {
            let (filename, mime_type) = name.unzip();
            return Ok(DepositRow {
                file_id: None,
                filename,
                mime_type: mime_type.map(str::to_owned),
                size: None,
                md5: input.md5.clone(),
                sha256: None,
                ..row
            });
        }
        if row.file_id.is_none() {
            return Err(Problem::field(
                "file",
                "required",
                "Give the bytes of the file (file), or where it is (address).",
            ));
        }
        let same = |md5: &String| Some(md5.to_ascii_lowercase()) == row.md5;
        if !input.md5.as_ref().is_none_or(same) {
            return Err(other_bytes());
        }
        match name {
            Some((_, mime_type)) if row.mime_type.as_deref() != Some(mime_type) => {
                Err(Problem::field(
                    "original_filename",
                    "file-type",
                    "Keep the extension of the file, or send another file.",
                ))
            }
            Some((name, _)) => Ok(DepositRow {
                filename: Some(name),
                ..row
            }),
            None => Ok(row),
        }
    }
}
