//! The import of dues: some hundred rows at a time, each hundred in one transaction with its events.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use opencity_contracts::Job;
use opencity_contracts::job::{JobFile, JobStatus};
use opencity_kernel::clock;
use opencity_kernel::context::{FileSource, ModuleContext};
use opencity_kernel::crypto::citizen_id;
use opencity_kernel::db::{DbError, DbResult, Priority, Tenancy, WriteScope};
use opencity_kernel::files::{FileContent, FileError, FileKey};
use opencity_kernel::id::{FileId, JobId};
use opencity_kernel::json::Json;
use opencity_kernel::scheduler::{Task, TaskError};
use opencity_kernel::tax_code::TestBodies;
use serde_json::json;
use uuid::Uuid;

use crate::csv_stream::{self, Batch, Start};
use crate::domain::dues_csv::{Columns, RowReader};
use crate::store::import::{self, ImportRow, RejectRow};
use crate::store::{payment, replica};

/// The task's name.
pub const IMPORT_TASK: &str = "payments.import";
/// Rows of one transaction.
const ROWS: usize = 100;
/// Transactions of one turn, so that a stop of the process waits for no whole file.
const BATCHES: usize = 20;
/// The most bytes of the file of refused rows.
const REJECTS_LIMIT: u64 = 256 * 1024 * 1024;

/// Imports dues.
pub struct ImportTask {
    /// What it works with.
    pub ctx: ModuleContext,
    /// Whether codes of test bodies are taken.
    pub test_bodies: TestBodies,
}

#[async_trait]
impl Task for ImportTask {
    fn name(&self) -> &'static str {
        IMPORT_TASK
    }

    fn every(&self) -> Duration {
        Duration::from_secs(10)
    }

    async fn run(&self) -> Result<bool, TaskError> {
        let open = self
            .ctx
            .db
            .read_across("imports of all tenants", import::next_open)
            .await?;
        let Some(row) = open else { return Ok(false) };
        match self.turn(row).await {
            Err(Stop::Over | Stop::Database(DbError::Conflict)) | Ok(()) => Ok(true),
            Err(Stop::Database(error)) => Err(error.into()),
            Err(Stop::File(error)) => Err(TaskError::new(error)),
        }
    }
}

/// Why a turn ends early.
enum Stop {
    /// The import is over.
    Over,
    Database(DbError),
    File(FileError),
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

impl ImportTask {
    async fn turn(&self, row: ImportRow) -> Result<(), Stop> {
        let tenancy = Tenancy::from_row(row.tenant_id);
        let service = {
            let id = row.service_id;
            self.ctx
                .find_replica(tenancy, move |scope| replica::service(scope, id))
                .await?
        };
        if !service.is_some_and(|service| service.is_for_dues()) {
            return self
                .fail(tenancy, row, "args.service_id names no service for dues")
                .await;
        }
        let mut row = row;
        if row.status == JobStatus::Pending.as_str() {
            row = self
                .write(tenancy, move |scope| {
                    import::advance(scope, row, JobStatus::Running, |_| ())
                })
                .await?;
        }
        let content = match self.open(tenancy, &row).await {
            Ok(content) => content,
            Err(FileError::NotFound) => {
                return self
                    .fail(tenancy, row, "the file of the job is not there")
                    .await;
            }
            Err(error) => return Err(Stop::File(error)),
        };
        let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
        let start = Start {
            byte_offset: unsigned(row.byte_offset),
            line: unsigned(row.line),
            delimiter: row
                .header
                .as_ref()
                .and_then(|_| row.delimiter.bytes().next()),
        };
        let mut batches = csv_stream::read(content, start, ROWS);
        for _ in 0..BATCHES {
            let mut batch = match batches.recv().await {
                Some(batch) => batch.map_err(Stop::File)?,
                None => Batch::default(),
            };
            if row.header.is_none() {
                let header = if batch.rows.is_empty() {
                    None
                } else {
                    batch.rows.remove(0).1
                };
                let header = header.unwrap_or_default();
                if let Err(missing) = Columns::of(&header) {
                    return self.fail(tenancy, row, &missing.to_string()).await;
                }
                row.header = Some(Json::of(&header)?);
            } else if batch.rows.is_empty() {
                return self.finish(tenancy, row).await;
            }
            row = self.import(tenancy, row, batch).await?;
        }
        Ok(())
    }

    /// The file that `jobs` keeps: its id is the last one in its address.
    async fn open(&self, tenancy: Tenancy, row: &ImportRow) -> Result<FileContent, FileError> {
        let job: Job = row
            .job
            .read()
            .map_err(|error| FileError::Source(Box::new(error)))?;
        let file = job.attachment.ok_or(FileError::NotFound)?;
        let id = file
            .url
            .split(['/', '?', '#'])
            .rev()
            .find_map(|part| Uuid::parse_str(part).ok())
            .ok_or(FileError::NotFound)?;
        let sources = &self.ctx.platform.sources;
        let content = sources.open(tenancy, "jobs", FileId::from_uuid(id)).await?;
        Ok(content.checked(&file.sha256))
    }

    /// Takes a batch in one transaction with the place that it ends at: after a crash the import goes on behind it.
    async fn import(
        &self,
        tenancy: Tenancy,
        mut row: ImportRow,
        batch: Batch,
    ) -> Result<ImportRow, Stop> {
        let header: Vec<String> = row.header.clone().unwrap_or_default().read()?;
        let columns =
            Columns::of(&header).map_err(|_| DbError::malformed("the header of an import"))?;
        let (test_bodies, key) = (self.test_bodies, self.ctx.platform.citizen_ids.clone());
        let row = self
            .write(tenancy, move |scope| {
                let reader = RowReader {
                    columns: &columns,
                    service_id: row.service_id,
                    test_bodies,
                };
                for (line, cells) in batch.rows {
                    row.done += 1;
                    let due = match &cells {
                        None => Err("the row is not UTF-8".to_owned()),
                        Some(cells) if cells.len() > header.len() => {
                            Err("the row has more cells than the first line".to_owned())
                        }
                        Some(cells) => reader.due(cells),
                    };
                    let due = match due {
                        Ok(due) => due,
                        Err(reason) => {
                            row.rejected += 1;
                            let reject = RejectRow {
                                tenant_id: row.tenant_id,
                                import_id: row.id,
                                line: signed(line),
                                reason,
                                record: Json::of(&cells.unwrap_or_default())?,
                            };
                            import::reject(scope, &reject)?;
                            continue;
                        }
                    };
                    let user = citizen_id(
                        &key,
                        row.tenant_id.uuid(),
                        &due.payer.tax_identification_number,
                    );
                    if payment::create_due(scope, &due.into_payment(user, clock::now().utc()))? {
                        row.added += 1;
                    }
                }
                row.byte_offset = signed(batch.byte_offset);
                row.line = signed(batch.line);
                row.delimiter = char::from(batch.delimiter).to_string();
                import::advance(scope, row, JobStatus::Running, |_| ())
            })
            .await?;
        Ok(row)
    }

    async fn finish(&self, tenancy: Tenancy, row: ImportRow) -> Result<(), Stop> {
        let rejects = if row.rejected > 0 {
            Some(self.keep_rejects(tenancy, &row).await?)
        } else {
            None
        };
        let output = json!({"added": row.added, "known": row.done - row.rejected - row.added, "rejected": row.rejected});
        self.write(tenancy, move |scope| {
            import::advance(scope, row, JobStatus::Finished, |job| {
                job.output = Some(output);
                job.rejects = rejects;
            })
        })
        .await?;
        Err(Stop::Over)
    }

    async fn fail(&self, tenancy: Tenancy, row: ImportRow, why: &str) -> Result<(), Stop> {
        let output = json!({"error": why});
        self.write(tenancy, move |scope| {
            import::advance(scope, row, JobStatus::Failed, |job| {
                job.output = Some(output)
            })
        })
        .await?;
        Err(Stop::Over)
    }

    /// Stores the refused rows as a file, under the id of the job.
    async fn keep_rejects(&self, tenancy: Tenancy, row: &ImportRow) -> Result<JobFile, Stop> {
        let header: Vec<String> = row.header.clone().unwrap_or_default().read()?;
        let first = csv_line(
            ["line".to_owned(), "reason".to_owned()]
                .into_iter()
                .chain(header),
        );
        let (db, id) = (self.ctx.db.clone(), row.id);
        let pages = stream::try_unfold(0_i64, move |after| {
            let db = db.clone();
            async move {
                let rows = db
                    .read::<_, DbError>(tenancy, move |scope| {
                        import::rejects_after(scope, id, after, 1000)
                    })
                    .await?;
                let Some(last) = rows.last().map(|row| row.line) else {
                    return Ok::<_, DbError>(None);
                };
                let mut text = Vec::new();
                for row in rows {
                    let cells: Vec<String> = row.record.read()?;
                    text.extend(csv_line(
                        [row.line.to_string(), row.reason].into_iter().chain(cells),
                    ));
                }
                Ok(Some((Bytes::from(text), last)))
            }
        });
        let content = stream::iter([Ok(Bytes::from(first))]).chain(pages);
        let stored = self
            .ctx
            .platform
            .files
            .put(rejects_key(tenancy, id), Box::pin(content), REJECTS_LIMIT)
            .await
            .map_err(Stop::File)?;
        let base = self
            .ctx
            .platform
            .public_url(&self.ctx.tenant(tenancy).await?);
        Ok(JobFile {
            name: "rejects.csv".to_owned(),
            mime_type: "text/csv".to_owned(),
            url: format!("{base}/lang/api/jobs/{id}/rejects"),
            size: stored.size,
            md5: stored.md5,
            sha256: stored.sha256,
        })
    }

    async fn write<T: Send + 'static>(
        &self,
        tenancy: Tenancy,
        work: impl FnOnce(&mut WriteScope<'_>) -> DbResult<T> + Send + 'static,
    ) -> DbResult<T> {
        self.ctx
            .db
            .write_as(Priority::Background, tenancy, work)
            .await
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn csv_line(cells: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(cells);
    writer.into_inner().unwrap_or_default()
}

fn rejects_key(tenancy: Tenancy, job: JobId) -> FileKey {
    FileKey {
        module: "payments",
        tenant: tenancy.tenant_id().uuid(),
        owner: job.uuid(),
        file: job.uuid(),
    }
}

/// Serves the refused rows of an import to `jobs`; the id of the file is that of the job.
pub struct RejectsSource(pub ModuleContext);

impl RejectsSource {
    /// Makes them readable for the other modules.
    pub fn register(ctx: &ModuleContext) {
        ctx.platform
            .sources
            .register(ctx.info.name, Arc::new(Self(ctx.clone())));
    }
}

#[async_trait]
impl FileSource for RejectsSource {
    async fn open(&self, tenancy: Tenancy, file: FileId) -> Result<FileContent, FileError> {
        self.0
            .platform
            .files
            .get(rejects_key(tenancy, JobId::from_uuid(file.uuid())), None)
            .await
    }
}
