//! The file that a process works on: it comes as base64, as a reference to an upload, or as a URL.

use async_trait::async_trait;
use base64::Engine as _;
use bytes::Bytes;
use futures::{StreamExt, stream};
use opencity_contracts::job::JobFile;
use opencity_kernel::context::{FileSource, ModuleContext};
use opencity_kernel::db::{DbError, Tenancy};
use opencity_kernel::files::{FileContent, FileError, FileKey};
use opencity_kernel::http_client::{OutgoingRequest, TargetPolicy};
use opencity_kernel::id::{FileId, JobId};
use opencity_kernel::problem::{Problem, ProblemKind};
use serde_json::Value;

use crate::INFO;
use crate::store::job;

type Content =
    futures::stream::BoxStream<'static, Result<Bytes, Box<dyn std::error::Error + Send + Sync>>>;

/// Stores the file of a new process, before the transaction that makes it.
///
/// # Errors
/// If the file is empty, too large, or not to be had.
pub async fn store(
    context: &ModuleContext,
    tenancy: Tenancy,
    job: JobId,
    file: FileId,
    given: &Value,
    limit: u64,
) -> Result<JobFile, Problem> {
    let content = content(context, tenancy, given).await?;
    let key = key(tenancy, job, file);
    let stored = context
        .platform
        .files
        .put(key, content, limit)
        .await
        .map_err(|error| match error {
            FileError::TooLarge(_) => Problem::new(
                ProblemKind::UploadTooLarge,
                format!("The file has more than {limit} bytes. Split it into several processes."),
            ),
            other => Problem::internal(other),
        })?;
    if stored.size == 0 {
        return Err(refused("The file is empty. Send one with at least a row."));
    }
    Ok(JobFile {
        size: stored.size,
        md5: stored.md5,
        sha256: stored.sha256,
        ..JobFile::default()
    })
}

async fn content(
    context: &ModuleContext,
    tenancy: Tenancy,
    given: &Value,
) -> Result<Content, Problem> {
    match given {
        Value::String(text) if text.starts_with("https://") || text.starts_with("http://") => {
            let url = text
                .parse()
                .map_err(|_| refused("The address of the file is not a URL."))?;
            let request = OutgoingRequest::new(Default::default(), url, TargetPolicy::Vetted);
            let answer = context
                .platform
                .http
                .get_stream(request)
                .await
                .map_err(|_| {
                    refused("The address of the file does not give it. Send the file as base64.")
                })?;
            if !answer.status.is_success() {
                return Err(refused(
                    "The address of the file does not give it. Send the file as base64.",
                ));
            }
            Ok(answer.body.map(|piece| piece.map_err(Into::into)).boxed())
        }
        Value::String(text) => {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(text.trim())
                .map_err(|_| refused("The file is not base64."))?;
            Ok(stream::iter([Ok(Bytes::from(bytes))]).boxed())
        }
        Value::Object(reference) => {
            let id = reference
                .get("data")
                .and_then(|data| data.get("id"))
                .or_else(|| reference.get("id"))
                .and_then(Value::as_str)
                .and_then(|id| id.parse().ok())
                .ok_or_else(|| refused("The reference names no upload."))?;
            let upload = context
                .platform
                .sources
                .open(tenancy, "applications", id)
                .await
                .map_err(|_| refused("The reference names no finished upload."))?;
            Ok(upload.body.map(|piece| piece.map_err(Into::into)).boxed())
        }
        _ => Err(refused(
            "Give the file as base64, as the reference of an upload, or as a URL.",
        )),
    }
}

fn refused(detail: &str) -> Problem {
    Problem::new(ProblemKind::FileRefused, detail).with_errors(vec![
        opencity_kernel::FieldProblem {
            field: "attachment.file".to_owned(),
            code: "file".to_owned(),
            message: detail.to_owned(),
        },
    ])
}

fn key(tenancy: Tenancy, job: JobId, file: FileId) -> FileKey {
    FileKey {
        module: INFO.name,
        tenant: tenancy.tenant_id().uuid(),
        owner: job.uuid(),
        file: file.uuid(),
    }
}

/// The files of processes, for the modules that execute them.
pub struct Attachments {
    context: ModuleContext,
}

impl Attachments {
    /// Over this context.
    #[must_use]
    pub fn new(context: ModuleContext) -> Self {
        Self { context }
    }
}

#[async_trait]
impl FileSource for Attachments {
    async fn open(&self, tenancy: Tenancy, file: FileId) -> Result<FileContent, FileError> {
        let job = self
            .context
            .db
            .read::<_, DbError>(tenancy, move |scope| job::of_file(scope, file))
            .await
            .map_err(|error| FileError::Source(Box::new(error)))?
            .ok_or(FileError::NotFound)?;
        self.context
            .platform
            .files
            .get(key(tenancy, job, file), None)
            .await
    }
}
