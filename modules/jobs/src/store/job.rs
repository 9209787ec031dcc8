//! Processes.

use diesel::prelude::*;
use opencity_contracts::{Job, JobStatus};
use opencity_kernel::db::{Boxed, DbResult, TenantScope, WriteScope};
use opencity_kernel::http::{PageQuery, Sort};
use opencity_kernel::id::{FileId, JobId, TenantId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::schema::jobs_job;

#[derive(Insertable)]
#[diesel(table_name = jobs_job)]
struct NewJob {
    tenant_id: TenantId,
    id: JobId,
    kind: String,
    status: &'static str,
    file_id: FileId,
    body: Json,
    created_at: Instant,
    version: i64,
}
opencity_kernel::tenant_rows!(NewJob);

/// Keeps a new process.
pub fn insert(scope: &mut WriteScope<'_>, job: &Job, file_id: FileId) -> DbResult<()> {
    let row = NewJob {
        tenant_id: scope.tenant_id(),
        id: JobId::from_uuid(job.id),
        kind: job.kind.clone(),
        status: job.status.as_str(),
        file_id,
        body: Json::of(job)?,
        created_at: Instant::from_utc(job.created_at),
        version: 1,
    };
    scope.insert(jobs_job::table, row)
}

/// A process and the version that was read.
pub fn find(scope: &mut TenantScope<'_>, id: JobId) -> DbResult<Option<(Job, i64)>> {
    let row: Option<(Json, i64)> = scope.find(jobs_job::table, |rows| {
        rows.filter(jobs_job::id.eq(id))
            .select((jobs_job::body, jobs_job::version))
    })?;
    row.map(|(body, version)| Ok((body.read()?, version)))
        .transpose()
}

/// The process that a file was given for.
pub fn of_file(scope: &mut TenantScope<'_>, file: FileId) -> DbResult<Option<JobId>> {
    scope.find(jobs_job::table, |rows| {
        rows.filter(jobs_job::file_id.eq(file)).select(jobs_job::id)
    })
}

/// Which processes to list.
pub struct Filter {
    /// Only of this type.
    pub kind: Option<String>,
    /// Only in this state.
    pub status: Option<JobStatus>,
}

/// A page of processes, and how many there are.
pub fn list(
    scope: &mut TenantScope<'_>,
    filter: &Filter,
    page: &PageQuery,
) -> DbResult<(Vec<Job>, i64)> {
    let narrow = |rows: <jobs_job::table as opencity_kernel::db::TenantTable>::Scoped| {
        let mut rows = rows.into_boxed::<opencity_kernel::db::MultiBackend>();
        if let Some(kind) = filter.kind.clone() {
            rows = rows.filter(jobs_job::kind.eq(kind));
        }
        if let Some(status) = filter.status {
            rows = rows.filter(jobs_job::status.eq(status.as_str()));
        }
        rows
    };
    let count: i64 = scope.get(jobs_job::table, |rows| Boxed(narrow(rows).count()))?;
    let bodies: Vec<Json> = scope.load(jobs_job::table, |rows| {
        let rows = narrow(rows);
        let rows = match page.sort {
            Sort::Ascending => rows.order((jobs_job::created_at.asc(), jobs_job::id.asc())),
            Sort::Descending => rows.order((jobs_job::created_at.desc(), jobs_job::id.desc())),
        };
        Boxed(
            rows.offset(page.offset)
                .limit(page.limit)
                .select(jobs_job::body),
        )
    })?;
    Ok((
        bodies.iter().map(Json::read).collect::<DbResult<_>>()?,
        count,
    ))
}

/// Takes a newer state of a process over. An older one changes nothing.
pub fn update(scope: &mut WriteScope<'_>, job: &Job, version: i64) -> DbResult<bool> {
    let body = Json::of(job)?;
    let changed = scope.execute(jobs_job::table, |rows| {
        diesel::update(
            rows.filter(jobs_job::id.eq(JobId::from_uuid(job.id)))
                .filter(jobs_job::version.lt(version)),
        )
        .set((
            jobs_job::status.eq(job.status.as_str()),
            jobs_job::body.eq(body),
            jobs_job::version.eq(version),
        ))
    })?;
    Ok(changed == 1)
}
