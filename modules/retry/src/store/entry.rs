//! Events that wait for their next attempt.

use diesel::prelude::*;
use opencity_kernel::db::{Boxed, Columns, DbResult, MultiBackend, PlatformScope, WriteScope};
use opencity_kernel::id::{EventId, TenantId};
use opencity_kernel::instant::Instant;

use super::EntityId;
use super::schema::retry_entry;

/// An event that waits.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = retry_entry)]
pub(crate) struct EntryRow {
    pub tenant_id: TenantId,
    /// The queue entry's own event id.
    pub id: EventId,
    pub consumer: String,
    pub topic: String,
    pub original_event_id: EventId,
    pub entity_id: EntityId,
    /// The attempt that it waits for, from 1.
    pub attempt: i64,
    pub max_attempts: i64,
    /// The number of that delivery over all redrives.
    pub redelivery: i64,
    pub first_failed_at: Instant,
    pub next_attempt_at: Instant,
    pub error_type: String,
    pub error_detail: String,
    pub payload: String,
    pub created_at: Instant,
}
opencity_kernel::tenant_rows!(EntryRow);

/// Which waiting events to list.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// From this topic.
    pub topic: Option<String>,
    /// Failed at this consumer.
    pub consumer: Option<String>,
}

pub(crate) fn insert(scope: &mut WriteScope<'_>, row: &EntryRow) -> DbResult<bool> {
    scope.insert_if_absent(retry_entry::table, row)
}

/// Removes an entry that is delivered again; false if another process did.
pub(crate) fn remove(scope: &mut WriteScope<'_>, id: EventId) -> DbResult<bool> {
    let removed = scope.execute(retry_entry::table, |rows| {
        diesel::delete(rows.filter(retry_entry::id.eq(id)))
    })?;
    Ok(removed > 0)
}

/// The entries whose time has come, the longest due first.
pub(crate) fn due(
    scope: &mut PlatformScope<'_>,
    now: Instant,
    most: i64,
) -> DbResult<Vec<EntryRow>> {
    scope.load(
        retry_entry::table
            .filter(retry_entry::next_attempt_at.le(now))
            .order((retry_entry::next_attempt_at, retry_entry::id))
            .limit(most)
            .select(EntryRow::columns()),
    )
}

fn filtered(filter: &EntryFilter) -> retry_entry::BoxedQuery<'static, MultiBackend> {
    let mut query = retry_entry::table.into_boxed();
    if let Some(tenant) = filter.tenant {
        query = query.filter(retry_entry::tenant_id.eq(tenant));
    }
    if let Some(topic) = filter.topic.clone() {
        query = query.filter(retry_entry::topic.eq(topic));
    }
    if let Some(consumer) = filter.consumer.clone() {
        query = query.filter(retry_entry::consumer.eq(consumer));
    }
    query
}

pub(crate) fn count(scope: &mut PlatformScope<'_>, filter: &EntryFilter) -> DbResult<i64> {
    Ok(scope.find(Boxed(filtered(filter).count()))?.unwrap_or(0))
}

/// A page, in the order of the ids, which is that of time.
pub(crate) fn page(
    scope: &mut PlatformScope<'_>,
    filter: &EntryFilter,
    window: &super::dead_letter::Window,
) -> DbResult<Vec<EntryRow>> {
    let mut query = filtered(filter).limit(window.limit).offset(window.offset);
    if let Some(after) = window.after {
        let after = EventId::from_uuid(after);
        query = if window.newest_first {
            query.filter(retry_entry::id.lt(after))
        } else {
            query.filter(retry_entry::id.gt(after))
        };
    }
    let query = if window.newest_first {
        query.order(retry_entry::id.desc())
    } else {
        query.order(retry_entry::id.asc())
    };
    scope.load(Boxed(query.select(EntryRow::columns())))
}
