//! Payments: the newest form of each, and what keeps them from being made twice.

use diesel::prelude::*;
use opencity_contracts::PaymentEvent;
use opencity_kernel::db::{Boxed, Columns, DbError, DbResult, TenantScope, WriteScope};
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_kernel::id::{ApplicationId, PaymentId, ServiceId, TenantId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::schema::{payments_due, payments_item, payments_payment};

/// What a payment is for: an application, or itself when it is a due.
pub type RemoteId = ApplicationId;

/// A payment as its newest event tells it.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payments_payment)]
pub struct PaymentRow {
    pub tenant_id: TenantId,
    pub id: PaymentId,
    pub service_id: ServiceId,
    pub user_id: UserId,
    pub remote_id: RemoteId,
    pub status: String,
    pub version: i64,
    pub rank: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub body: Json,
}
opencity_kernel::tenant_rows!(PaymentRow);

impl PaymentRow {
    /// The row of a payment; `body` is its whole event.
    pub fn of(
        tenant_id: TenantId,
        payment: &PaymentEvent,
        version: i64,
        body: serde_json::Value,
    ) -> Self {
        Self {
            tenant_id,
            id: PaymentId::from_uuid(payment.id),
            service_id: ServiceId::from_uuid(payment.service_id),
            user_id: UserId::from_uuid(payment.user_id),
            remote_id: RemoteId::from_uuid(payment.remote_id),
            status: payment.status.as_str().to_owned(),
            version,
            rank: i64::from(payment.status.rank()),
            created_at: payment.created_at.into(),
            updated_at: payment.updated_at.into(),
            body: Json(body),
        }
    }

    /// Whether this is a later form than `known`. Events of other writers carry no version: then time and the place in the
    /// graph of states decide.
    fn is_newer_than(&self, known: &Self) -> bool {
        if self.version > 0 && known.version > 0 {
            return (self.version, self.rank) >= (known.version, known.rank);
        }
        (self.updated_at, self.rank) >= (known.updated_at, known.rank)
    }
}

#[derive(Insertable)]
#[diesel(table_name = payments_item)]
struct NewItem {
    tenant_id: TenantId,
    application_id: ApplicationId,
    attempt: i64,
    item: String,
    payment_id: PaymentId,
}

#[derive(Insertable)]
#[diesel(table_name = payments_due)]
struct NewDue<'a> {
    tenant_id: TenantId,
    service_id: ServiceId,
    notice_number: &'a str,
    payment_id: PaymentId,
}
opencity_kernel::tenant_rows!(NewItem, NewDue<'_>);

/// Makes the payment of an application's item with its first event, unless there is one; whether it was made.
pub fn create_for_item(scope: &mut WriteScope<'_>, payment: &PaymentEvent) -> DbResult<bool> {
    let item = NewItem {
        tenant_id: scope.tenant_id(),
        application_id: ApplicationId::from_uuid(payment.remote_id),
        attempt: i64::from(payment.attempt),
        item: payment.item.to_string(),
        payment_id: PaymentId::from_uuid(payment.id),
    };
    Ok(scope.insert_if_absent(payments_item::table, &item)?
        && create(scope, payment).map(|()| true)?)
}

/// Makes a payment without an application with its first event, unless its service has one with the same notice number;
/// whether it was made.
pub fn create_due(scope: &mut WriteScope<'_>, payment: &PaymentEvent) -> DbResult<bool> {
    Ok(claim_notice_number(scope, payment)? && create(scope, payment).map(|()| true)?)
}

/// Keeps the notice number of a due; false if another payment of the service has it.
fn claim_notice_number(scope: &mut WriteScope<'_>, payment: &PaymentEvent) -> DbResult<bool> {
    let Some(notice_number) = payment.payment.notice_code.as_deref() else {
        return Ok(true);
    };
    let due = NewDue {
        tenant_id: scope.tenant_id(),
        service_id: ServiceId::from_uuid(payment.service_id),
        notice_number,
        payment_id: PaymentId::from_uuid(payment.id),
    };
    scope.insert_if_absent(payments_due::table, &due)
}

fn create(scope: &mut WriteScope<'_>, payment: &PaymentEvent) -> DbResult<()> {
    let body = serde_json::to_value(payment).map_err(DbError::json)?;
    let mut shown = body.clone();
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("tenant_id".to_owned(), serde_json::json!(scope.tenant_id()));
    }
    let row = PaymentRow::of(scope.tenant_id(), payment, 1, shown);
    scope.insert(payments_payment::table, &row)?;
    let change = Change::status(None, payment.status.as_str());
    scope.emit(NewEvent::new(
        Topic::Payments,
        payment.service_id,
        payment.id,
        1,
        change,
        body,
    ))?;
    Ok(())
}

/// Keeps the newest form of a payment, ours or another writer's; whether something changed.
pub fn keep(
    scope: &mut WriteScope<'_>,
    payment: &PaymentEvent,
    version: i64,
    body: serde_json::Value,
) -> DbResult<bool> {
    let row = PaymentRow::of(scope.tenant_id(), payment, version, body);
    let known: Option<PaymentRow> = find(scope, row.id)?;
    match known {
        Some(known) if row.is_newer_than(&known) => scope
            .execute(payments_payment::table, |rows| {
                diesel::update(rows.filter(payments_payment::id.eq(row.id))).set(&row)
            })
            .map(|touched| touched > 0),
        Some(_) => Ok(false),
        None => {
            // A due that a proxy found at its intermediary: an import must not add it again.
            if payment.remote_id == payment.id {
                claim_notice_number(scope, payment)?;
            }
            scope.insert(payments_payment::table, &row).map(|()| true)
        }
    }
}

/// A payment.
pub fn find(scope: &mut TenantScope<'_>, id: PaymentId) -> DbResult<Option<PaymentRow>> {
    scope.find(payments_payment::table, |rows| {
        rows.filter(payments_payment::id.eq(id))
            .select(PaymentRow::columns())
    })
}

/// The payments of an application, oldest first.
pub fn of_remote(scope: &mut TenantScope<'_>, remote: RemoteId) -> DbResult<Vec<PaymentRow>> {
    scope.load(payments_payment::table, |rows| {
        rows.filter(payments_payment::remote_id.eq(remote))
            .order((payments_payment::created_at, payments_payment::id))
            .select(PaymentRow::columns())
    })
}

/// Some payments after this one, by tenant and id: for telling them all again.
pub fn page_after(
    scope: &mut opencity_kernel::db::PlatformScope<'_>,
    after: Option<(TenantId, PaymentId)>,
    limit: i64,
) -> DbResult<Vec<PaymentRow>> {
    let mut query = payments_payment::table
        .order((payments_payment::tenant_id, payments_payment::id))
        .limit(limit)
        .select(PaymentRow::columns())
        .into_boxed::<opencity_kernel::db::MultiBackend>();
    if let Some((tenant, id)) = after {
        query = query.filter(
            payments_payment::tenant_id
                .gt(tenant)
                .or(payments_payment::tenant_id
                    .eq(tenant)
                    .and(payments_payment::id.gt(id))),
        );
    }
    scope.load(Boxed(query))
}

/// Tells a payment's present form again.
pub fn republish(scope: &mut WriteScope<'_>, row: &PaymentRow) -> DbResult<()> {
    let mut body = row.body.0.clone();
    if let Some(body) = body.as_object_mut() {
        body.retain(|key, _| !opencity_contracts::ENVELOPE_KEYS.contains(&key.as_str()));
    }
    let event = NewEvent::new(
        Topic::Payments,
        row.service_id,
        row.id,
        row.version,
        Change::republished(),
        body,
    );
    scope.emit(event).map(|_| ())
}
