//! Deliveries.

use std::time::Duration;

use diesel::prelude::*;
use opencity_kernel::clock;
use opencity_kernel::db::{Boxed, Columns, DbResult, PlatformScope, TenantScope, WriteScope};
use opencity_kernel::http::{PageQuery, Sort};
use opencity_kernel::id::{ApplicationId, DeliveryId, EventId, MessageId, TenantId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::schema::notifications_delivery as deliveries;
use crate::domain::{Mail, State};

/// A delivery to make.
pub struct NewDelivery {
    /// The event that asks for it.
    pub event: EventId,
    /// For whom: `applicant`, `operator`.
    pub recipient: &'static str,
    /// Which user, if one.
    pub recipient_id: Option<UserId>,
    /// On which application.
    pub application: ApplicationId,
    /// Which message, if it is one.
    pub message: Option<MessageId>,
    /// What is sent.
    pub mail: Mail,
}

#[derive(Insertable)]
#[diesel(table_name = deliveries)]
struct NewRow {
    tenant_id: TenantId,
    id: DeliveryId,
    event_id: EventId,
    recipient: &'static str,
    recipient_id: Option<UserId>,
    application_id: ApplicationId,
    message_id: Option<MessageId>,
    mail: Json,
    state: &'static str,
    attempts: i64,
    next_at: Instant,
    created_at: Instant,
    updated_at: Instant,
    version: i64,
}
opencity_kernel::tenant_rows!(NewRow);

/// Keeps a delivery to make; a second one for the same event and recipient is not kept.
pub fn insert(scope: &mut WriteScope<'_>, delivery: NewDelivery) -> DbResult<bool> {
    let now = clock::now();
    let row = NewRow {
        tenant_id: scope.tenant_id(),
        id: DeliveryId::new(),
        event_id: delivery.event,
        recipient: delivery.recipient,
        recipient_id: delivery.recipient_id,
        application_id: delivery.application,
        message_id: delivery.message,
        mail: Json::of(&delivery.mail)?,
        state: State::Pending.as_str(),
        attempts: 0,
        next_at: now,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    scope.insert_if_absent(deliveries::table, row)
}

/// A delivery as it stands.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub struct Delivery {
    /// Whose.
    pub tenant_id: TenantId,
    /// Its id.
    pub id: DeliveryId,
    /// For whom.
    pub recipient: String,
    /// Which user.
    pub recipient_id: Option<UserId>,
    /// On which application.
    pub application_id: ApplicationId,
    /// Which message.
    pub message_id: Option<MessageId>,
    /// What is sent.
    pub mail: Json,
    /// `pending`, `sent`, `failed`.
    pub state: String,
    /// Attempts made.
    pub attempts: i64,
    /// When it is tried next.
    pub next_at: Instant,
    /// When it was handed over.
    pub sent_at: Option<Instant>,
    /// Why not.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// Counter of changes.
    pub version: i64,
}

/// Takes due deliveries for a while: nobody else takes them until the lease is over.
pub fn claim(scope: &mut PlatformScope<'_>, most: i64, lease: Duration) -> DbResult<Vec<Delivery>> {
    let now = clock::now();
    let free = || {
        deliveries::lease_until
            .is_null()
            .or(deliveries::lease_until.assume_not_null().le(now))
    };
    let due: Vec<Delivery> = scope.load(
        deliveries::table
            .filter(deliveries::state.eq(State::Pending.as_str()))
            .filter(deliveries::next_at.le(now))
            .filter(free())
            .order(deliveries::next_at)
            .limit(most)
            .select(Delivery::columns()),
    )?;
    let mut claimed = Vec::with_capacity(due.len());
    for delivery in due {
        let taken = scope.execute(
            diesel::update(
                deliveries::table
                    .filter(deliveries::tenant_id.eq(delivery.tenant_id))
                    .filter(deliveries::id.eq(delivery.id))
                    .filter(free()),
            )
            .set(deliveries::lease_until.eq(now.plus(lease))),
        )?;
        if taken == 1 {
            claimed.push(delivery);
        }
    }
    Ok(claimed)
}

/// What an attempt has led to.
pub struct Attempt {
    /// Where the delivery is now.
    pub state: State,
    /// When it is tried next.
    pub next_at: Instant,
    /// Why it failed: a code.
    pub error: Option<String>,
}

/// Records an attempt.
pub fn record(scope: &mut WriteScope<'_>, delivery: &Delivery, attempt: Attempt) -> DbResult<()> {
    let now = clock::now();
    let sent_at = (attempt.state == State::Sent).then_some(now);
    scope.execute_one(deliveries::table, |rows| {
        diesel::update(
            rows.filter(deliveries::id.eq(delivery.id))
                .filter(deliveries::version.eq(delivery.version)),
        )
        .set((
            deliveries::state.eq(attempt.state.as_str()),
            deliveries::attempts.eq(delivery.attempts + 1),
            deliveries::next_at.eq(attempt.next_at),
            deliveries::lease_until.eq(None::<Instant>),
            deliveries::sent_at.eq(sent_at),
            deliveries::error.eq(attempt.error),
            deliveries::updated_at.eq(now),
            deliveries::version.eq(delivery.version + 1),
        ))
    })
}

/// Which deliveries to list.
#[derive(Default)]
pub struct Filter {
    /// Only on this application.
    pub application: Option<ApplicationId>,
    /// Only in this state.
    pub state: Option<State>,
}

/// A page of deliveries, and how many there are.
pub fn list(
    scope: &mut TenantScope<'_>,
    filter: &Filter,
    page: &PageQuery,
) -> DbResult<(Vec<Delivery>, i64)> {
    let narrow = |rows: <deliveries::table as opencity_kernel::db::TenantTable>::Scoped| {
        let mut rows = rows.into_boxed::<opencity_kernel::db::MultiBackend>();
        if let Some(application) = filter.application {
            rows = rows.filter(deliveries::application_id.eq(application));
        }
        if let Some(state) = filter.state {
            rows = rows.filter(deliveries::state.eq(state.as_str()));
        }
        rows
    };
    let count: i64 = scope.get(deliveries::table, |rows| Boxed(narrow(rows).count()))?;
    let rows = scope.load(deliveries::table, |rows| {
        let rows = narrow(rows);
        let rows = match page.sort {
            Sort::Ascending => rows.order((deliveries::created_at.asc(), deliveries::id.asc())),
            Sort::Descending => rows.order((deliveries::created_at.desc(), deliveries::id.desc())),
        };
        Boxed(
            rows.offset(page.offset)
                .limit(page.limit)
                .select(Delivery::columns()),
        )
    })?;
    Ok((rows, count))
}

/// Whether a delivery is due.
pub fn is_due(scope: &mut PlatformScope<'_>) -> DbResult<bool> {
    let now = clock::now();
    let first: Option<DeliveryId> = scope.find(
        deliveries::table
            .filter(deliveries::state.eq(State::Pending.as_str()))
            .filter(deliveries::next_at.le(now))
            .filter(
                deliveries::lease_until
                    .is_null()
                    .or(deliveries::lease_until.assume_not_null().le(now)),
            )
            .select(deliveries::id)
            .limit(1),
    )?;
    Ok(first.is_some())
}
