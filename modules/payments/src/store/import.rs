//! Imports of dues: how far each is in its file, and the rows that it refused.

use diesel::prelude::*;
use opencity_contracts::Job;
use opencity_contracts::job::{JobStatus, Progress};
use opencity_kernel::clock;
use opencity_kernel::db::{Columns, DbError, DbResult, PlatformScope, TenantScope, WriteScope};
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_kernel::id::{JobId, ServiceId, TenantId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::schema::{payments_import, payments_import_reject};

/// An import. `version` is that of the job's newest event.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payments_import, treat_none_as_null = true)]
pub struct ImportRow {
    pub tenant_id: TenantId,
    pub id: JobId,
    pub service_id: ServiceId,
    pub status: String,
    pub version: i64,
    /// Where the first row that is not done begins.
    pub byte_offset: i64,
    /// The line of that row.
    pub line: i64,
    /// The names of the columns; none before the first row.
    pub header: Option<Json>,
    pub delimiter: String,
    pub done: i64,
    pub added: i64,
    pub rejected: i64,
    pub created_at: Instant,
    pub job: Json,
}

/// A row that was refused.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = payments_import_reject)]
pub struct RejectRow {
    pub tenant_id: TenantId,
    pub import_id: JobId,
    pub line: i64,
    pub reason: String,
    pub record: Json,
}
opencity_kernel::tenant_rows!(ImportRow, RejectRow);

impl ImportRow {
    /// Whether nothing more is done.
    pub fn is_over(&self) -> bool {
        self.status
            .parse::<JobStatus>()
            .is_ok_and(JobStatus::is_final)
    }
}

/// Takes an import up, once.
pub fn begin(
    scope: &mut WriteScope<'_>,
    job: &Job,
    service_id: ServiceId,
    version: i64,
) -> DbResult<bool> {
    let row = ImportRow {
        tenant_id: scope.tenant_id(),
        id: JobId::from_uuid(job.id),
        service_id,
        status: JobStatus::Pending.as_str().to_owned(),
        version,
        byte_offset: 0,
        line: 1,
        header: None,
        delimiter: ",".to_owned(),
        done: 0,
        added: 0,
        rejected: 0,
        created_at: job.created_at.into(),
        job: Json::of(job)?,
    };
    scope.insert_if_absent(payments_import::table, &row)
}

/// Calls an import off; what is in stays in. The event is `jobs`' own, unless progress was told meanwhile under the same or a later
/// version: then the end is told once more, so that it is the newest.
pub fn cancel(scope: &mut WriteScope<'_>, id: JobId, version: i64) -> DbResult<bool> {
    let Some(mut row) = find(scope, id)?.filter(|row| !row.is_over()) else {
        return Ok(false);
    };
    if row.version >= version {
        advance(scope, row, JobStatus::Cancelled, |_| ())?;
        return Ok(true);
    }
    row.status = JobStatus::Cancelled.as_str().to_owned();
    row.version = version;
    scope.execute_one(payments_import::table, |rows| {
        diesel::update(rows.filter(payments_import::id.eq(row.id))).set(&row)
    })?;
    Ok(true)
}

/// An import.
pub fn find(scope: &mut TenantScope<'_>, id: JobId) -> DbResult<Option<ImportRow>> {
    scope.find(payments_import::table, |rows| {
        rows.filter(payments_import::id.eq(id))
            .select(ImportRow::columns())
    })
}

/// The oldest import that is not over, of any tenant.
pub fn next_open(scope: &mut PlatformScope<'_>) -> DbResult<Option<ImportRow>> {
    scope.find(
        payments_import::table
            .filter(
                payments_import::status
                    .eq_any([JobStatus::Pending.as_str(), JobStatus::Running.as_str()]),
            )
            .order((payments_import::created_at, payments_import::id))
            .limit(1)
            .select(ImportRow::columns()),
    )
}

/// Keeps a refused row.
pub fn reject(scope: &mut WriteScope<'_>, row: &RejectRow) -> DbResult<()> {
    scope.insert(payments_import_reject::table, row)
}

/// Refused rows after a line, in the order of the file.
pub fn rejects_after(
    scope: &mut TenantScope<'_>,
    id: JobId,
    line: i64,
    limit: i64,
) -> DbResult<Vec<RejectRow>> {
    scope.load(payments_import_reject::table, |rows| {
        rows.filter(payments_import_reject::import_id.eq(id))
            .filter(payments_import_reject::line.gt(line))
            .order(payments_import_reject::line)
            .limit(limit)
            .select(RejectRow::columns())
    })
}

/// Moves an import on and tells it on `jobs`. `row` is as it was read, with the new counts; `change` sets what else the job says.
/// Refused with a conflict when the import was called off meanwhile.
pub fn advance(
    scope: &mut WriteScope<'_>,
    mut row: ImportRow,
    to: JobStatus,
    change: impl FnOnce(&mut Job),
) -> DbResult<ImportRow> {
    let from = row.status.clone();
    let read_version = row.version;
    let now = clock::now();
    let mut job: Job = row.job.read()?;
    job.status = to;
    job.updated_at = now.utc();
    job.started_at = job.started_at.or(Some(now.utc()));
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    job.progress = Progress {
        done: count(row.done),
        total: if to == JobStatus::Finished {
            Some(count(row.done))
        } else {
            None
        },
        rejected: count(row.rejected),
    };
    if to.is_final() {
        job.terminated_at = Some(now.utc());
    }
    change(&mut job);
    row.status = to.as_str().to_owned();
    row.version = read_version + 1;
    row.job = Json::of(&job)?;
    scope.execute_one(payments_import::table, |rows| {
        diesel::update(
            rows.filter(payments_import::id.eq(row.id))
                .filter(payments_import::version.eq(read_version)),
        )
        .set(&row)
    })?;
    let change = if from == row.status {
        Change::data()
    } else {
        Change::status(Some(&from), &row.status)
    };
    let body = serde_json::to_value(&job).map_err(DbError::json)?;
    scope.emit(NewEvent::new(
        Topic::Jobs,
        row.id,
        row.id,
        row.version,
        change,
        body,
    ))?;
    Ok(row)
}
