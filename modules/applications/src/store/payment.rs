//! What the attempts to pay an application ask for, and what is known of their payments.

use std::collections::HashMap;

use diesel::prelude::*;
use opencity_kernel::db::{Columns, DbError, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ApplicationId, PaymentId, TenantId};
use opencity_kernel::instant::Instant;

use super::application::grouped;
use super::schema::applications_payment_item;
use crate::domain::{ItemPayment, PaymentItem, PaymentStatus};

/// Something to pay of one attempt, and what is known of its payment.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = applications_payment_item, treat_none_as_null = true,
    primary_key(tenant_id, application_id, attempt, item))]
pub struct PaymentRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The application.
    pub application_id: ApplicationId,
    /// Number of the attempt, from 1.
    pub attempt: i32,
    /// `amount`, or `stamp:<n>`.
    pub item: String,
    /// Cents.
    pub amount: i64,
    /// The payment, once there is one.
    pub payment_id: Option<PaymentId>,
    /// Its reason.
    pub reason: Option<String>,
    /// Its state.
    pub status: String,
    /// Recorded as paid by other ways.
    pub settled_by_hand: bool,
    /// We asked for its cancellation.
    pub cancelled_by_us: bool,
    /// What can be called: JSON of the contract's links.
    pub links: Option<String>,
    /// Version of the payment that is known here.
    pub payment_version: i64,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}
opencity_kernel::tenant_rows!(PaymentRow);

impl PaymentRow {
    /// What is paid.
    ///
    /// # Errors
    /// If the stored name is none.
    pub fn payment_item(&self) -> DbResult<PaymentItem> {
        item_of(&self.item).ok_or_else(|| DbError::malformed("the item of a payment is unknown"))
    }

    /// As the state table sees it: what was paid by other ways is paid.
    ///
    /// # Errors
    /// If a stored name is unknown.
    pub fn known(&self) -> DbResult<ItemPayment> {
        let status = if self.settled_by_hand {
            PaymentStatus::Complete
        } else {
            self.reported()?
        };
        Ok(ItemPayment {
            attempt: u32::try_from(self.attempt).unwrap_or_default(),
            item: self.payment_item()?,
            status,
            cancelled_by_us: self.cancelled_by_us,
        })
    }

    /// What the payment's own events said.
    ///
    /// # Errors
    /// If the stored name is unknown.
    pub fn reported(&self) -> DbResult<PaymentStatus> {
        self.status
            .parse()
            .map_err(|_| DbError::malformed("the state of a payment is unknown"))
    }
}

/// The stored name of an item: as in payment events.
#[must_use]
pub fn item_name(item: PaymentItem) -> String {
    match item {
        PaymentItem::Amount => "amount".to_owned(),
        PaymentItem::Stamp(row) => format!("stamp:{row}"),
    }
}

fn item_of(name: &str) -> Option<PaymentItem> {
    if name == "amount" {
        return Some(PaymentItem::Amount);
    }
    name.strip_prefix("stamp:")?
        .parse()
        .ok()
        .map(PaymentItem::Stamp)
}

/// What the attempts of an application ask for, in order.
///
/// # Errors
/// If the database refuses.
pub fn of(scope: &mut TenantScope<'_>, id: ApplicationId) -> DbResult<Vec<PaymentRow>> {
    scope.load(applications_payment_item::table, |rows| {
        rows.filter(applications_payment_item::application_id.eq(id))
            .order((
                applications_payment_item::attempt,
                applications_payment_item::item,
            ))
            .select(PaymentRow::columns())
    })
}

/// What the attempts of several applications ask for.
///
/// # Errors
/// If the database refuses.
pub fn of_all(
    scope: &mut TenantScope<'_>,
    ids: &[ApplicationId],
) -> DbResult<HashMap<ApplicationId, Vec<PaymentRow>>> {
    let all: Vec<PaymentRow> = scope.load(applications_payment_item::table, |rows| {
        rows.filter(applications_payment_item::application_id.eq_any(ids.to_vec()))
            .order((
                applications_payment_item::attempt,
                applications_payment_item::item,
            ))
            .select(PaymentRow::columns())
    })?;
    Ok(grouped(all, |row| row.application_id))
}

/// A new item of an attempt.
///
/// # Errors
/// If the database refuses.
pub fn insert(scope: &mut WriteScope<'_>, row: &PaymentRow) -> DbResult<()> {
    scope.insert(applications_payment_item::table, row)
}

/// Writes an item back.
///
/// # Errors
/// [`DbError::Conflict`] if it is gone.
pub fn update(scope: &mut WriteScope<'_>, row: &PaymentRow) -> DbResult<()> {
    scope.execute_one(applications_payment_item::table, |rows| {
        diesel::update(
            rows.filter(applications_payment_item::application_id.eq(row.application_id))
                .filter(applications_payment_item::attempt.eq(row.attempt))
                .filter(applications_payment_item::item.eq(&row.item)),
        )
        .set(row)
    })
}
