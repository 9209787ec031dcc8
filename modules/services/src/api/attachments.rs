//! `attachments/{costs|conditions}/{filename}` of services and their groups.

use std::convert::Infallible;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures::stream;
use opencity_kernel::db::{Tenancy, TenantScope};
use opencity_kernel::files::{FileError, FileKey};
use opencity_kernel::http::download;
use opencity_kernel::id::FileId;
use opencity_kernel::{Problem, clock};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Api;
use crate::INFO;
use crate::domain::attachment::{Attachment, AttachmentKind, HasAttachments, NewFile, unpack};

fn key(tenancy: Tenancy, owner: Uuid, file: FileId) -> FileKey {
    FileKey {
        module: INFO.name,
        tenant: tenancy.tenant_id().uuid(),
        owner,
        file: file.uuid(),
    }
}

/// Who names the files of an owner: what [`with_files`] asks before and after the change.
pub(super) type Named = fn(&mut TenantScope<'_>, Uuid) -> Result<Vec<Attachment>, Problem>;

/// Does a change of a service or group whose body may carry files: they are stored before it, and those that nobody names after it are
/// removed, whether it went well or not.
pub(super) async fn with_files<T>(
    api: &Api,
    tenancy: Tenancy,
    owner: Uuid,
    mut body: Map<String, Value>,
    named: Named,
    change: impl AsyncFnOnce(Map<String, Value>, Vec<FileId>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let db = &api.ctx.db;
    let before = db.read(tenancy, move |scope| named(scope, owner)).await?;
    let files = unpack(&mut body, clock::now())?;
    let new: Vec<FileId> = files.iter().map(|file| file.id).collect();
    let mut known: Vec<FileId> = before.iter().filter_map(|kept| kept.id).collect();
    known.extend(&new);
    let done = match store(api, tenancy, owner, files).await {
        Ok(()) => change(body, new).await,
        Err(problem) => Err(problem),
    };
    if !known.is_empty() {
        match db.read(tenancy, move |scope| named(scope, owner)).await {
            Ok(after) => sweep(api, tenancy, owner, &known, &after).await,
            Err(problem) => {
                tracing::warn!(
                    problem = problem.kind().id(),
                    "attached files were not swept"
                );
            }
        }
    }
    done
}

async fn store(
    api: &Api,
    tenancy: Tenancy,
    owner: Uuid,
    files: Vec<NewFile>,
) -> Result<(), Problem> {
    for file in files {
        let bytes = stream::iter([Ok::<_, Infallible>(Bytes::from(file.bytes))]);
        api.ctx
            .platform
            .files
            .put(key(tenancy, owner, file.id), bytes, u64::MAX)
            .await
            .map_err(Problem::unavailable)?;
    }
    Ok(())
}

/// A file that cannot be removed stays where nobody finds it.
async fn sweep(api: &Api, tenancy: Tenancy, owner: Uuid, known: &[FileId], named: &[Attachment]) {
    let unnamed = |file: &&FileId| named.iter().all(|kept| kept.id != Some(**file));
    for file in known.iter().filter(unnamed) {
        let key = key(tenancy, owner, *file);
        if let Err(error) = api.ctx.platform.files.delete(key).await {
            tracing::warn!(%error, %key, "an attached file could not be removed");
        }
    }
}

/// Answers with a file of a service or group, named by the list that it is in and the last part of its address.
pub(super) async fn serve(
    api: &Api,
    tenancy: Tenancy,
    owner: Uuid,
    of: &impl HasAttachments,
    (list, name): (&str, &str),
) -> Result<HttpResponse, Problem> {
    let kind = AttachmentKind::ALL
        .into_iter()
        .find(|kind| kind.word() == list);
    let found = kind.and_then(|kind| {
        let mut list = of.attachments(kind).iter();
        list.find_map(|kept| Some((kept.id.filter(|_| kept.name == name)?, kept)))
    });
    let (id, attachment) = found.ok_or_else(|| Problem::not_found("attachment"))?;
    let content = api
        .ctx
        .platform
        .files
        .get(key(tenancy, owner, id), None)
        .await
        .map_err(|error| match error {
            FileError::NotFound => Problem::internal("an attached file is not in the store"),
            other => Problem::unavailable(other),
        })?;
    Ok(download(
        attachment.original_name.as_deref().unwrap_or(name),
        attachment.mime_type.as_deref().unwrap_or_default(),
        "no-cache",
        content,
    ))
}
