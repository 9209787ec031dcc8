//! `jobs`

use actix_web::{HttpRequest, HttpResponse, web};
use futures::StreamExt;
use opencity_contracts::job::Progress;
use opencity_contracts::{Job, JobStatus};
use opencity_kernel::auth::{Auth, Staff};
use opencity_kernel::clock;
use opencity_kernel::db::{DbError, WriteScope};
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_kernel::http::{Body, Collection, Created, IdempotencyKey, PageQuery, Scope};
use opencity_kernel::id::{FileId, JobId};
use opencity_kernel::instant::Instant;
use opencity_kernel::problem::{Problem, ProblemBody, ProblemKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::State;
use crate::attachment;
use crate::domain::JobKind;
use crate::store::{job, service};

/// A process to start.
#[derive(Debug, Deserialize, ToSchema)]
pub struct JobIn {
    /// Which process: `import_dovuti`.
    #[schema(example = "import_dovuti", max_length = 64)]
    r#type: String,
    /// The file that it works on.
    attachment: AttachmentIn,
    /// What the type asks for: `import_dovuti` takes `service_id`, a service of kind `dues`.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"service_id": "a5a9bf9f-7b5c-4aed-b020-5bf2d1ca75ab"}))]
    args: Map<String, Value>,
}

/// The file of a process.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AttachmentIn {
    /// Its name.
    #[schema(example = "dovuti.csv", max_length = 255)]
    name: String,
    /// Its type.
    #[schema(example = "text/csv", max_length = 100)]
    mime_type: String,
    /// Base64, the reference of an upload, or a URL.
    #[schema(value_type = String, max_length = 7_000_000)]
    file: Value,
}

/// A process.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobOut {
    id: JobId,
    #[schema(example = "import_dovuti", max_length = 64)]
    r#type: String,
    /// `pending`, `running`, `finished`, `failed`, `cancelled`.
    #[schema(example = "running", max_length = 16)]
    status: String,
    attachment: AttachmentOut,
    #[schema(value_type = Object)]
    args: Map<String, Value>,
    /// What came out, once it has ended.
    #[schema(value_type = Object, nullable)]
    output: Option<Value>,
    /// What it says while it runs.
    #[schema(max_length = 4000)]
    running_output: Option<String>,
    progress: ProgressOut,
    started_at: Option<Instant>,
    terminated_at: Option<Instant>,
    created_at: Instant,
    updated_at: Instant,
}

/// The file of a process, without its content.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttachmentOut {
    #[schema(max_length = 255)]
    name: String,
    #[schema(max_length = 100)]
    mime_type: String,
}

/// Rows done.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProgressOut {
    /// Done, refused ones included.
    #[schema(minimum = 0, format = Int64)]
    done: u64,
    /// In all; null until they are counted.
    #[schema(minimum = 0, format = Int64)]
    total: Option<u64>,
    /// Refused.
    #[schema(minimum = 0, format = Int64)]
    rejected: u64,
}

impl From<Job> for JobOut {
    fn from(job: Job) -> Self {
        let attachment = job.attachment.unwrap_or_default();
        let Progress {
            done,
            total,
            rejected,
        } = job.progress;
        Self {
            id: JobId::from_uuid(job.id),
            r#type: job.kind,
            status: job.status.as_str().to_owned(),
            attachment: AttachmentOut {
                name: attachment.name,
                mime_type: attachment.mime_type,
            },
            args: job.args,
            output: job.output,
            running_output: job.running_output,
            progress: ProgressOut {
                done,
                total,
                rejected,
            },
            started_at: job.started_at.map(Instant::from_utc),
            terminated_at: job.terminated_at.map(Instant::from_utc),
            created_at: Instant::from_utc(job.created_at),
            updated_at: Instant::from_utc(job.updated_at),
        }
    }
}

/// Start a process.
#[utoipa::path(post, path = "/lang/api/jobs", operation_id = "jobs.job.create", tag = "jobs",
    summary = "Start a process",
    description = "The process runs in the module that knows its type; `GET jobs/{id}` tells its progress.", request_body = JobIn,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating the request safe", max_length = 255)),
    responses(
        (status = 201, description = "The process, pending", body = JobOut),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither operator nor administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The file is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Unknown type or service, or a file that is refused", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
pub async fn create_job(
    state: web::Data<State>,
    caller: Auth<Staff>,
    scope: Scope,
    idempotency: IdempotencyKey,
    body: Body<JobIn>,
) -> Result<HttpResponse, Problem> {
    let Body { value, hash } = body;
    let given = value.read()?;
    let kind = JobKind::parse(&given.r#type).ok_or_else(|| {
        Problem::field(
            "type",
            "value",
            "The only type of process is import_dovuti.",
        )
    })?;
    let service_id = kind
        .service(&given.args)
        .map_err(|error| Problem::validation(vec![error]))?;
    let context = &state.context;
    match context
        .find_replica(caller.tenancy(), move |scope| {
            service::kind(scope, service_id)
        })
        .await?
        .as_deref()
    {
        Some("dues") => {}
        Some(_) => {
            return Err(Problem::field(
                "args.service_id",
                "kind",
                "Name a service of kind dues (Servizio di pagamento dovuti).",
            ));
        }
        None => return Err(Problem::unknown_reference("args.service_id", "service")),
    }
    let (id, file) = (JobId::new(), FileId::new());
    let limit = state.settings.attachment_max_bytes;
    let mut stored = attachment::store(
        context,
        caller.tenancy(),
        id,
        file,
        &given.attachment.file,
        limit,
    )
    .await?;
    stored.name = given.attachment.name;
    stored.mime_type = given.attachment.mime_type;
    stored.url = scope.api(&format!("jobs/{id}/attachment/{file}"));
    let now = clock::now().utc();
    let job = Job {
        id: id.uuid(),
        kind: kind.as_str().to_owned(),
        status: JobStatus::Pending,
        requested_by: Some(caller.id.uuid()),
        attachment: Some(stored),
        args: given.args,
        created_at: now,
        updated_at: now,
        ..Job::default()
    };
    let location = scope.api(&format!("jobs/{id}"));
    idempotency
        .once(&context.db, &caller, hash, move |scope| {
            job::insert(scope, &job, file)?;
            emit(
                scope,
                &job,
                1,
                Change::status(None, JobStatus::Pending.as_str()),
            )?;
            Created::new(Some(location), &JobOut::from(job))
        })
        .await
}

fn emit(
    scope: &mut WriteScope<'_>,
    job: &Job,
    version: i64,
    change: Change,
) -> Result<(), DbError> {
    let body = serde_json::to_value(job).map_err(DbError::json)?;
    scope.emit(NewEvent::new(
        Topic::Jobs,
        job.id,
        job.id,
        version,
        change,
        body,
    ))?;
    Ok(())
}

/// List processes.
#[utoipa::path(get, path = "/lang/api/jobs", operation_id = "jobs.job.list", tag = "jobs",
    summary = "List processes",
    description = "Those of the body, by the time of their request.",
    params(
        ("type" = Option<String>, Query, description = "Only of this type"),
        ("status" = Option<String>, Query, description = "Only in this state", max_length = 16),
        ("offset" = Option<i64>, Query, description = "Entries to pass over", minimum = 0, maximum = 100000),
        ("limit" = Option<i64>, Query, description = "Entries of a page", minimum = 1, maximum = 100),
        ("sort" = Option<String>, Query, description = "ASC or DESC by creation", max_length = 4)),
    responses(
        (status = 200, description = "A page", body = Collection<JobOut>),
        (status = 400, description = "A parameter is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither operator nor administrator", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
pub async fn list_jobs(
    state: web::Data<State>,
    caller: Auth<Staff>,
    scope: Scope,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let page = PageQuery::of(&request)?;
    let status = page
        .parameter("status")
        .map(|name| {
            name.parse::<JobStatus>().map_err(|_| {
                Problem::bad_parameter("status", "pending, running, finished, failed or cancelled")
            })
        })
        .transpose()?;
    let filter = job::Filter {
        kind: page.parameter("type").map(str::to_owned),
        status,
    };
    let query = page.clone();
    let (jobs, count) = state
        .context
        .db
        .read::<_, DbError>(caller.tenancy(), move |scope| {
            job::list(scope, &filter, &query)
        })
        .await?;
    let data: Vec<JobOut> = jobs.into_iter().map(JobOut::from).collect();
    Ok(HttpResponse::Ok().json(Collection::new(
        &page,
        &scope.api("jobs"),
        count,
        data,
        None,
    )))
}

async fn found(state: &State, caller: &Auth<Staff>, id: JobId) -> Result<(Job, i64), Problem> {
    state
        .context
        .db
        .read::<_, DbError>(caller.tenancy(), move |scope| job::find(scope, id))
        .await?
        .ok_or_else(|| Problem::not_found("process"))
}

/// Read a process.
#[utoipa::path(get, path = "/lang/api/jobs/{id}", operation_id = "jobs.job.read", tag = "jobs",
    summary = "Read how a process stands",
    description = "With progress, and the outcome once it has ended.", params(("id" = JobId, Path, description = "The process")),
    responses(
        (status = 200, description = "The process", body = JobOut),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither operator nor administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown process", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
pub async fn get_job(
    state: web::Data<State>,
    caller: Auth<Staff>,
    _scope: Scope,
    path: web::Path<(String, JobId)>,
) -> Result<HttpResponse, Problem> {
    let (job, _) = found(&state, &caller, path.1).await?;
    Ok(HttpResponse::Ok().json(JobOut::from(job)))
}

/// Call a process off.
#[utoipa::path(delete, path = "/lang/api/jobs/{id}", operation_id = "jobs.job.cancel", tag = "jobs",
    summary = "Call a process off",
    description = "What it did until then stays.", params(("id" = JobId, Path, description = "The process")),
    responses(
        (status = 204, description = "It is called off; rows that went in stay"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither operator nor administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown process", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It has ended, or went on meanwhile", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
pub async fn cancel_job(
    state: web::Data<State>,
    caller: Auth<Staff>,
    _scope: Scope,
    path: web::Path<(String, JobId)>,
) -> Result<HttpResponse, Problem> {
    let (mut job, version) = found(&state, &caller, path.1).await?;
    if !job.status.can_become(JobStatus::Cancelled) {
        return Err(Problem::new(
            ProblemKind::Conflict,
            "The process has ended already.",
        ));
    }
    let before = job.status;
    job.status = JobStatus::Cancelled;
    job.updated_at = clock::now().utc();
    job.terminated_at = Some(job.updated_at);
    state
        .context
        .db
        .write::<_, Problem>(caller.tenancy(), move |scope| {
            if !job::update(scope, &job, version + 1)? {
                return Err(DbError::Conflict.into());
            }
            emit(
                scope,
                &job,
                version + 1,
                Change::status(Some(before.as_str()), JobStatus::Cancelled.as_str()),
            )?;
            Ok(())
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Read the refused rows.
#[utoipa::path(get, path = "/lang/api/jobs/{id}/rejects", operation_id = "jobs.job.rejects", tag = "jobs",
    summary = "Read the refused rows as CSV, with line and reason",
    description = "One line for each row that was refused, to be corrected and sent again.", params(("id" = JobId, Path, description = "The process")),
    responses(
        (status = 200, description = "The rows", body = String, content_type = "text/csv"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither operator nor administrator", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown process, or no row was refused", body = ProblemBody, content_type = "application/problem+json")),
    security(("bearer" = [])))]
pub async fn get_rejects(
    state: web::Data<State>,
    caller: Auth<Staff>,
    _scope: Scope,
    path: web::Path<(String, JobId)>,
) -> Result<HttpResponse, Problem> {
    let (job, _) = found(&state, &caller, path.1).await?;
    let none = || Problem::new(ProblemKind::NotFound, "No row of this process was refused.");
    let kind = JobKind::parse(&job.kind).ok_or_else(none)?;
    let file = job.rejects.ok_or_else(none)?;
    let id = file
        .url
        .rsplit('/')
        .find_map(|part| part.parse().ok())
        .ok_or_else(none)?;
    let content = state
        .context
        .platform
        .sources
        .open(caller.tenancy(), kind.executor(), id)
        .await
        .map_err(Problem::internal)?
        .checked(&file.sha256);
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            "Content-Disposition",
            "attachment; filename=\"rejects.csv\"",
        ))
        .streaming(
            content
                .body
                .map(|piece| piece.map_err(actix_web::error::ErrorInternalServerError)),
        ))
}
