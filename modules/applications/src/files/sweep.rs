//! Removes uploads that nothing names.

use std::time::Duration;

use async_trait::async_trait;
use diesel::prelude::*;
use opencity_kernel::clock;
use opencity_kernel::db::{Columns, DbError};
use opencity_kernel::id::FileId;
use opencity_kernel::scheduler::{Task, TaskError};

use super::Files;
use crate::store::file::{FileRow, FileState};
use crate::store::schema_messages::applications_file;

/// Files looked at in one turn.
const BATCH: i64 = 100;
const WHY: &str = "uploads that nothing names are swept, whoever's they are";

/// Sweeps uploads and files of failed requests that nothing has used for `unused_days`: row and bytes.
pub struct SweepUploads(pub Files);

#[async_trait]
impl Task for SweepUploads {
    fn name(&self) -> &'static str {
        "applications.sweep-uploads"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn run(&self) -> Result<bool, TaskError> {
        let Files { ctx, settings } = &self.0;
        let days = Duration::from_secs(settings.unused_days.saturating_mul(86_400));
        let before = clock::now().minus(days);
        // An expired file cannot be claimed any more, so its bytes can go outside of a transaction; its row goes last, so that a
        // crash leaves nothing that is not found again.
        let rows: Vec<FileRow> = ctx
            .db
            .write_across::<_, DbError>(WHY, move |scope| {
                let ids: Vec<FileId> = scope.load(
                    applications_file::table
                        .filter(applications_file::used_at.is_null())
                        .filter(applications_file::created_at.lt(before))
                        .order(applications_file::created_at)
                        .limit(BATCH)
                        .select(applications_file::id),
                )?;
                scope.execute(
                    diesel::update(
                        applications_file::table
                            .filter(applications_file::id.eq_any(ids.clone()))
                            .filter(applications_file::used_at.is_null()),
                    )
                    .set(applications_file::state.eq(FileState::Expired.as_str())),
                )?;
                // Not those that somebody has claimed since the first query.
                scope.load(
                    applications_file::table
                        .filter(applications_file::id.eq_any(ids))
                        .filter(applications_file::state.eq(FileState::Expired.as_str()))
                        .select(FileRow::columns()),
                )
            })
            .await?;
        let more = i64::try_from(rows.len()).unwrap_or(BATCH) >= BATCH;
        let mut swept = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(key) = row.key() {
                ctx.platform
                    .files
                    .delete(key)
                    .await
                    .map_err(TaskError::new)?;
            }
            swept.push(row.id);
        }
        if !swept.is_empty() {
            ctx.db
                .write_across::<_, DbError>(WHY, move |scope| {
                    scope.execute(diesel::delete(
                        applications_file::table
                            .filter(applications_file::id.eq_any(swept))
                            .filter(applications_file::state.eq(FileState::Expired.as_str())),
                    ))
                })
                .await?;
        }
        Ok(more)
    }
}
