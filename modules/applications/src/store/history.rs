//! History of the applications: rows are added, never changed.

use diesel::prelude::*;
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ApplicationId, HistoryId, MessageId, OfficeId, TenantId, UserId};
use opencity_kernel::instant::Instant;

use super::schema::applications_history;
use crate::domain::Status;

/// Something that happened to an application.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = applications_history)]
pub struct HistoryRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The row: `change.history_id` of the event.
    pub id: HistoryId,
    /// The application.
    pub application_id: ApplicationId,
    /// The application's version at this change.
    pub version: i64,
    /// Code of the state entered, or kept.
    pub status: i32,
    /// What happened, where it has a name of its own: "Presa in carico".
    pub event: Option<String>,
    /// Who did it; none: the platform.
    pub actor_id: Option<UserId>,
    /// His name.
    pub actor_name: Option<String>,
    /// The operator that it was assigned to afterwards.
    pub operator_id: Option<UserId>,
    /// The office that it was assigned to afterwards.
    pub office_id: Option<OfficeId>,
    /// What he wrote.
    pub message: Option<String>,
    /// The message that tells it.
    pub message_id: Option<MessageId>,
    /// When.
    pub at: Instant,
}
opencity_kernel::tenant_rows!(HistoryRow);

/// Adds a row.
///
/// # Errors
/// If the database refuses.
pub fn add(scope: &mut WriteScope<'_>, row: &HistoryRow) -> DbResult<()> {
    scope.insert(applications_history::table, row)
}

/// The history of an application, oldest first.
///
/// # Errors
/// If the database refuses.
pub fn of(scope: &mut TenantScope<'_>, application: ApplicationId) -> DbResult<Vec<HistoryRow>> {
    scope.load(applications_history::table, |rows| {
        rows.filter(applications_history::application_id.eq(application))
            .order((applications_history::version, applications_history::id))
            .select(HistoryRow::columns())
    })
}

/// Whether the application was ever in this state.
///
/// # Errors
/// If the database refuses.
pub fn has_been(
    scope: &mut TenantScope<'_>,
    application: ApplicationId,
    status: Status,
) -> DbResult<bool> {
    let found: Option<HistoryId> = scope.find(applications_history::table, |rows| {
        rows.filter(applications_history::application_id.eq(application))
            .filter(applications_history::status.eq(status.code()))
            .select(applications_history::id)
            .limit(1)
    })?;
    Ok(found.is_some())
}
