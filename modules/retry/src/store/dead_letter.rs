//! Dead letters and the decisions on them.

use diesel::prelude::*;
use opencity_kernel::db::{
    Boxed, Columns, DbResult, MultiBackend, PlatformScope, TenantScope, WriteScope,
};
use opencity_kernel::id::{DeadLetterId, EventId, HistoryId, TenantId};
use opencity_kernel::instant::Instant;

use super::EntityId;
use super::schema::{retry_dead_letter, retry_decision};
use crate::domain::State;

/// A dead letter.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = retry_dead_letter)]
pub(crate) struct DeadLetterRow {
    pub tenant_id: TenantId,
    pub id: DeadLetterId,
    pub version: i64,
    pub state: String,
    pub consumer: String,
    pub topic: String,
    pub original_event_id: EventId,
    pub entity_id: EntityId,
    pub attempts: i64,
    pub redelivery: i64,
    pub permanent: bool,
    /// Whether it can go back: its topic exists and it is an event.
    pub redeliverable: bool,
    pub first_failed_at: Instant,
    pub error_type: String,
    pub error_detail: String,
    pub payload: String,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// A decision on a dead letter.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = retry_decision)]
pub(crate) struct DecisionRow {
    pub tenant_id: TenantId,
    pub id: HistoryId,
    pub dead_letter_id: DeadLetterId,
    pub action: String,
    pub reason: Option<String>,
    pub decided_by: String,
    pub decided_at: Instant,
}
opencity_kernel::tenant_rows!(DeadLetterRow, DecisionRow);

/// Which dead letters to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// From this topic.
    pub topic: Option<String>,
    /// Failed at this consumer.
    pub consumer: Option<String>,
    /// In this state.
    pub state: Option<State>,
}

/// Which part of a list.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// After this id.
    pub after: Option<uuid::Uuid>,
    /// Rows to pass over.
    pub offset: i64,
    /// The most rows.
    pub limit: i64,
    /// The last ones first.
    pub newest_first: bool,
}

/// Keeps a dead letter. The same event that dies again at the same consumer is the same letter.
pub(crate) fn keep(scope: &mut WriteScope<'_>, row: &DeadLetterRow) -> DbResult<()> {
    if scope.insert_if_absent(retry_dead_letter::table, row)? {
        return Ok(());
    }
    scope.execute(retry_dead_letter::table, |rows| {
        diesel::update(
            rows.filter(retry_dead_letter::consumer.eq(&row.consumer))
                .filter(retry_dead_letter::original_event_id.eq(row.original_event_id))
                // A queue that is read again from its beginning must not undo a decision.
                .filter(retry_dead_letter::redelivery.le(row.redelivery)),
        )
        .set((
            retry_dead_letter::version.eq(retry_dead_letter::version + 1_i64),
            retry_dead_letter::state.eq(&row.state),
            retry_dead_letter::attempts.eq(row.attempts),
            retry_dead_letter::redelivery.eq(row.redelivery),
            retry_dead_letter::permanent.eq(row.permanent),
            retry_dead_letter::redeliverable.eq(row.redeliverable),
            retry_dead_letter::error_type.eq(&row.error_type),
            retry_dead_letter::error_detail.eq(&row.error_detail),
            retry_dead_letter::payload.eq(&row.payload),
            retry_dead_letter::updated_at.eq(row.updated_at),
        ))
    })?;
    Ok(())
}

/// Moves a letter on, if nobody else has meanwhile, and records who decided it.
pub(crate) fn decide(
    scope: &mut WriteScope<'_>,
    letter: &DeadLetterRow,
    state: State,
    redelivery: i64,
    decision: &DecisionRow,
) -> DbResult<()> {
    scope.execute_one(retry_dead_letter::table, |rows| {
        diesel::update(
            rows.filter(retry_dead_letter::id.eq(letter.id))
                .filter(retry_dead_letter::version.eq(letter.version)),
        )
        .set((
            retry_dead_letter::version.eq(letter.version + 1),
            retry_dead_letter::state.eq(state.as_str()),
            retry_dead_letter::redelivery.eq(redelivery),
            retry_dead_letter::updated_at.eq(decision.decided_at),
        ))
    })?;
    scope.insert(retry_decision::table, decision)
}

/// A letter of any tenant.
pub(crate) fn of_any_tenant(
    scope: &mut PlatformScope<'_>,
    id: DeadLetterId,
) -> DbResult<Option<DeadLetterRow>> {
    scope.find(
        retry_dead_letter::table
            .filter(retry_dead_letter::id.eq(id))
            .select(DeadLetterRow::columns()),
    )
}

/// A letter of this tenant.
pub(crate) fn find(
    scope: &mut TenantScope<'_>,
    id: DeadLetterId,
) -> DbResult<Option<DeadLetterRow>> {
    scope.find(retry_dead_letter::table, |rows| {
        rows.filter(retry_dead_letter::id.eq(id))
            .select(DeadLetterRow::columns())
    })
}

/// The decisions on a letter, the first one first.
pub(crate) fn decisions(
    scope: &mut TenantScope<'_>,
    id: DeadLetterId,
) -> DbResult<Vec<DecisionRow>> {
    scope.load(retry_decision::table, |rows| {
        rows.filter(retry_decision::dead_letter_id.eq(id))
            .order(retry_decision::id)
            .select(DecisionRow::columns())
    })
}

fn filtered(filter: &Filter) -> retry_dead_letter::BoxedQuery<'static, MultiBackend> {
    let mut query = retry_dead_letter::table.into_boxed();
    if let Some(tenant) = filter.tenant {
        query = query.filter(retry_dead_letter::tenant_id.eq(tenant));
    }
    if let Some(topic) = filter.topic.clone() {
        query = query.filter(retry_dead_letter::topic.eq(topic));
    }
    if let Some(consumer) = filter.consumer.clone() {
        query = query.filter(retry_dead_letter::consumer.eq(consumer));
    }
    if let Some(state) = filter.state {
        query = query.filter(retry_dead_letter::state.eq(state.as_str()));
    }
    query
}

pub(crate) fn count(scope: &mut PlatformScope<'_>, filter: &Filter) -> DbResult<i64> {
    Ok(scope.find(Boxed(filtered(filter).count()))?.unwrap_or(0))
}

/// A page, in the order of the ids, which is that of time.
pub(crate) fn page(
    scope: &mut PlatformScope<'_>,
    filter: &Filter,
    window: &Window,
) -> DbResult<Vec<DeadLetterRow>> {
    let mut query = filtered(filter).limit(window.limit).offset(window.offset);
    if let Some(after) = window.after {
        let after = DeadLetterId::from_uuid(after);
        query = if window.newest_first {
            query.filter(retry_dead_letter::id.lt(after))
        } else {
            query.filter(retry_dead_letter::id.gt(after))
        };
    }
    let query = if window.newest_first {
        query.order(retry_dead_letter::id.desc())
    } else {
        query.order(retry_dead_letter::id.asc())
    };
    scope.load(Boxed(query.select(DeadLetterRow::columns())))
}
