//! Deliveries.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use diesel::prelude::*;
use opencity_kernel::db::{
    Boxed, Columns, DbResult, PlatformScope, Tenancy, TenantScope, WriteScope,
};
use opencity_kernel::events::lease::InstanceId;
use opencity_kernel::id::{DeliveryId, EventId, Id, TenantId, WebhookId};
use opencity_kernel::instant::Instant;

use super::schema::webhooks_delivery;
use super::webhook::{self, WebhookRow};
use crate::domain::DeliveryState;

/// Whatever a delivery is about.
#[derive(Debug)]
pub enum Entity {}
/// The entity that a delivery is about.
pub(crate) type EntityId = Id<Entity>;

/// A delivery.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhooks_delivery)]
pub(crate) struct DeliveryRow {
    pub tenant_id: TenantId,
    pub id: DeliveryId,
    pub webhook_id: WebhookId,
    pub event_id: EventId,
    pub entity_id: EntityId,
    pub trigger_name: String,
    pub state: String,
    /// The bytes that are signed and sent.
    pub body: String,
    pub attempts: i64,
    pub next_attempt_at: Option<Instant>,
    pub lease_holder: Option<InstanceId>,
    pub lease_until: Option<Instant>,
    pub response_status: Option<i64>,
    pub error: Option<String>,
    pub last_attempt_at: Option<Instant>,
    pub created_at: Instant,
    pub updated_at: Instant,
}
opencity_kernel::tenant_rows!(DeliveryRow);

/// Inserts a delivery unless the webhook has one for the event; whether it did.
pub(crate) fn insert(scope: &mut WriteScope<'_>, row: &DeliveryRow) -> DbResult<bool> {
    scope.insert_if_absent(webhooks_delivery::table, row)
}

pub(crate) fn find(scope: &mut TenantScope<'_>, id: DeliveryId) -> DbResult<Option<DeliveryRow>> {
    scope.find(webhooks_delivery::table, |rows| {
        rows.filter(webhooks_delivery::id.eq(id))
            .select(DeliveryRow::columns())
    })
}

pub(crate) fn count(
    scope: &mut TenantScope<'_>,
    webhook: WebhookId,
    state: Option<DeliveryState>,
) -> DbResult<i64> {
    let count = scope.find(webhooks_delivery::table, |rows| {
        let mut query = rows
            .filter(webhooks_delivery::webhook_id.eq(webhook))
            .into_boxed();
        if let Some(state) = state {
            query = query.filter(webhooks_delivery::state.eq(state.as_str()));
        }
        Boxed(query.count())
    })?;
    Ok(count.unwrap_or(0))
}

/// Which part of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub after: Option<(Instant, DeliveryId)>,
    pub offset: i64,
    pub limit: i64,
    pub newest_first: bool,
}

/// A page in the order of creation.
pub(crate) fn page(
    scope: &mut TenantScope<'_>,
    webhook: WebhookId,
    state: Option<DeliveryState>,
    window: &Window,
) -> DbResult<Vec<DeliveryRow>> {
    use webhooks_delivery::{created_at, id};
    scope.load(webhooks_delivery::table, |rows| {
        let mut query = rows
            .filter(webhooks_delivery::webhook_id.eq(webhook))
            .into_boxed()
            .limit(window.limit)
            .offset(window.offset);
        if let Some(state) = state {
            query = query.filter(webhooks_delivery::state.eq(state.as_str()));
        }
        if let Some((at, last)) = window.after {
            query = if window.newest_first {
                query.filter(created_at.lt(at).or(created_at.eq(at).and(id.lt(last))))
            } else {
                query.filter(created_at.gt(at).or(created_at.eq(at).and(id.gt(last))))
            };
        }
        let query = if window.newest_first {
            query.order((created_at.desc(), id.desc()))
        } else {
            query.order((created_at.asc(), id.asc()))
        };
        Boxed(query.select(DeliveryRow::columns()))
    })
}

/// Who claims, until when, and whether no other process can be at work (SQLite): then the claims of an
/// earlier process are void at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub holder: InstanceId,
    pub alone: bool,
    pub now: Instant,
    pub lease: Duration,
}

/// Rows that one look at what is due takes in, so that a target with many of them does not hide the others.
const LOOK: i64 = 256;

/// A delivery that is due, with its tenant and its webhook.
pub(crate) type DueRow = (TenantId, DeliveryId, WebhookId);

macro_rules! free {
    ($claim:expr) => {
        webhooks_delivery::lease_until
            .is_null()
            .or(webhooks_delivery::lease_until.lt($claim.now))
            .or(webhooks_delivery::lease_holder
                .ne($claim.holder)
                .and($claim.alone.into_sql::<diesel::sql_types::Bool>()))
            .assume_not_null()
    };
}

/// The deliveries that are due.
pub(crate) fn due(scope: &mut PlatformScope<'_>, claim: &Claim) -> DbResult<Vec<DueRow>> {
    scope.load(
        webhooks_delivery::table
            .filter(webhooks_delivery::state.eq(DeliveryState::Pending.as_str()))
            .filter(webhooks_delivery::next_attempt_at.le(claim.now))
            .filter(free!(claim))
            .order((webhooks_delivery::next_attempt_at, webhooks_delivery::id))
            .limit(LOOK)
            .select((
                webhooks_delivery::tenant_id,
                webhooks_delivery::id,
                webhooks_delivery::webhook_id,
            )),
    )
}

/// Claims those of the due deliveries that are still free, the webhooks in turn; each comes with its webhook.
pub(crate) fn claim(
    scope: &mut PlatformScope<'_>,
    claim: &Claim,
    due: Vec<DueRow>,
    most: usize,
) -> DbResult<Vec<(DeliveryRow, WebhookRow)>> {
    let mut claimed = Vec::new();
    for (tenant, id, webhook_id) in in_turn(due, most) {
        let pair = scope.within(Tenancy::from_row(tenant), |scope| {
            let rows = scope.execute(webhooks_delivery::table, |rows| {
                diesel::update(
                    rows.filter(webhooks_delivery::id.eq(id))
                        .filter(webhooks_delivery::state.eq(DeliveryState::Pending.as_str()))
                        .filter(free!(claim)),
                )
                .set((
                    webhooks_delivery::lease_holder.eq(Some(claim.holder)),
                    webhooks_delivery::lease_until.eq(Some(claim.now.plus(claim.lease))),
                ))
            })?;
            if rows == 0 {
                return Ok(None);
            }
            DbResult::Ok(find(scope, id)?.zip(webhook::find(scope, webhook_id)?))
        })?;
        claimed.extend(pair);
    }
    Ok(claimed)
}

/// One of each webhook, then the second of each, and so on.
fn in_turn(due: Vec<DueRow>, most: usize) -> Vec<DueRow> {
    let mut order = Vec::new();
    let mut queues: HashMap<WebhookId, VecDeque<DueRow>> = HashMap::new();
    for row in due {
        let queue = queues.entry(row.2).or_default();
        if queue.is_empty() {
            order.push(row.2);
        }
        queue.push_back(row);
    }
    let mut chosen = Vec::new();
    while chosen.len() < most {
        let round: Vec<DueRow> = order
            .iter()
            .filter_map(|webhook| queues.get_mut(webhook).and_then(VecDeque::pop_front))
            .collect();
        if round.is_empty() {
            break;
        }
        chosen.extend(round);
    }
    chosen.truncate(most);
    chosen
}

/// What came of an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub state: DeliveryState,
    pub next_attempt_at: Option<Instant>,
    pub response_status: Option<i64>,
    pub error: Option<String>,
    pub now: Instant,
}

/// Writes what came of an attempt, unless another process has taken the delivery over; whether it did.
pub(crate) fn settle(
    scope: &mut WriteScope<'_>,
    row: &DeliveryRow,
    holder: InstanceId,
    settled: &Settled,
) -> DbResult<bool> {
    let written = scope.execute(webhooks_delivery::table, |rows| {
        diesel::update(
            rows.filter(webhooks_delivery::id.eq(row.id))
                .filter(webhooks_delivery::lease_holder.eq(holder))
                .filter(webhooks_delivery::attempts.eq(row.attempts)),
        )
        .set((
            webhooks_delivery::state.eq(settled.state.as_str()),
            webhooks_delivery::attempts.eq(row.attempts + 1),
            webhooks_delivery::next_attempt_at.eq(settled.next_attempt_at),
            webhooks_delivery::lease_holder.eq(None::<InstanceId>),
            webhooks_delivery::lease_until.eq(None::<Instant>),
            webhooks_delivery::response_status.eq(settled.response_status),
            webhooks_delivery::error.eq(&settled.error),
            webhooks_delivery::last_attempt_at.eq(Some(settled.now)),
            webhooks_delivery::updated_at.eq(settled.now),
        ))
    })?;
    Ok(written > 0)
}

/// Puts what waits aside while the webhook is off.
pub(crate) fn hold(scope: &mut WriteScope<'_>, webhook: WebhookId, now: Instant) -> DbResult<()> {
    scope.execute(webhooks_delivery::table, |rows| {
        diesel::update(
            rows.filter(webhooks_delivery::webhook_id.eq(webhook))
                .filter(webhooks_delivery::state.eq(DeliveryState::Pending.as_str())),
        )
        .set((
            webhooks_delivery::state.eq(DeliveryState::Held.as_str()),
            webhooks_delivery::updated_at.eq(now),
        ))
    })?;
    Ok(())
}

/// Goes on with what was put aside: the webhook is on again.
pub(crate) fn resume(scope: &mut WriteScope<'_>, webhook: WebhookId, now: Instant) -> DbResult<()> {
    scope.execute(webhooks_delivery::table, |rows| {
        diesel::update(
            rows.filter(webhooks_delivery::webhook_id.eq(webhook))
                .filter(webhooks_delivery::state.eq(DeliveryState::Held.as_str())),
        )
        .set((
            webhooks_delivery::state.eq(DeliveryState::Pending.as_str()),
            webhooks_delivery::next_attempt_at.eq(Some(now)),
            webhooks_delivery::updated_at.eq(now),
        ))
    })?;
    Ok(())
}

/// Sends a delivery again from the beginning, unless it is being sent at this moment; whether it will be.
pub(crate) fn restart(scope: &mut WriteScope<'_>, id: DeliveryId, now: Instant) -> DbResult<bool> {
    let restarted = scope.execute(webhooks_delivery::table, |rows| {
        diesel::update(
            rows.filter(webhooks_delivery::id.eq(id)).filter(
                webhooks_delivery::lease_until
                    .is_null()
                    .or(webhooks_delivery::lease_until.lt(now))
                    .assume_not_null(),
            ),
        )
        .set((
            webhooks_delivery::state.eq(DeliveryState::Pending.as_str()),
            webhooks_delivery::attempts.eq(0_i64),
            webhooks_delivery::next_attempt_at.eq(Some(now)),
            webhooks_delivery::updated_at.eq(now),
        ))
    })?;
    Ok(restarted > 0)
}

/// Deletes a webhook's deliveries with it.
pub(crate) fn delete_of(scope: &mut WriteScope<'_>, webhook: WebhookId) -> DbResult<()> {
    scope.execute(webhooks_delivery::table, |rows| {
        diesel::delete(rows.filter(webhooks_delivery::webhook_id.eq(webhook)))
    })?;
    Ok(())
}

/// Deletes what was delivered before a moment, of all tenants; the number.
pub(crate) fn sweep(scope: &mut PlatformScope<'_>, before: Instant) -> DbResult<usize> {
    scope.execute(diesel::delete(
        webhooks_delivery::table
            .filter(webhooks_delivery::state.eq(DeliveryState::Delivered.as_str()))
            .filter(webhooks_delivery::updated_at.lt(before)),
    ))
}
