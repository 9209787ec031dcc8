//! Debts: the last state of each payment that a connector keeps.

use diesel::prelude::*;
use opencity_contracts::PaymentEvent;
use opencity_contracts::payment::PaymentStatus;
use opencity_kernel::clock;
use opencity_kernel::db::{Columns, DbError, DbResult, PlatformScope, TenantScope, WriteScope};
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_kernel::id::{ApplicationId, PaymentId, ServiceId, TenantId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::schema::payment_proxy_debt as t;

/// A debt. `version` is that of the payment's newest event; `body` is the payment as that event tells it.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = t, treat_none_as_null = true)]
pub struct DebtRow {
    pub tenant_id: TenantId,
    pub id: PaymentId,
    pub connector: String,
    pub service_id: ServiceId,
    pub remote_id: ApplicationId,
    pub attempt: i64,
    pub status: String,
    pub version: i64,
    pub iuv: Option<String>,
    /// The intermediary's payment page.
    pub page_url: Option<String>,
    pub expire_at: Option<Instant>,
    /// When the intermediary is asked next.
    pub next_check_at: Option<Instant>,
    /// Since when it is to be cancelled at the intermediary.
    pub cancel_at: Option<Instant>,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub body: Json,
}
opencity_kernel::tenant_rows!(DebtRow);

/// A debt with its payment read.
#[derive(Debug, Clone)]
pub struct Debt {
    /// The row.
    pub row: DebtRow,
    /// The payment.
    pub payment: PaymentEvent,
}

impl DebtRow {
    /// With its payment.
    pub fn read(self) -> DbResult<Debt> {
        let payment = self.body.read()?;
        Ok(Debt { row: self, payment })
    }
}

/// A payment that a connector takes over, as the event that it took tells it.
pub fn taken(tenant_id: TenantId, connector: &str, payment: PaymentEvent, version: i64) -> Debt {
    let row = DebtRow {
        tenant_id,
        id: PaymentId::from_uuid(payment.id),
        connector: connector.to_owned(),
        service_id: ServiceId::from_uuid(payment.service_id),
        remote_id: ApplicationId::from_uuid(payment.remote_id),
        attempt: i64::from(payment.attempt),
        status: payment.status.as_str().to_owned(),
        version,
        iuv: None,
        page_url: None,
        expire_at: payment.payment.expire_at.map(Instant::from),
        next_check_at: None,
        cancel_at: None,
        created_at: payment.created_at.into(),
        updated_at: payment.updated_at.into(),
        body: Json::default(),
    };
    Debt { row, payment }
}

impl Debt {
    /// What the payment says goes into the row; the version grows.
    fn changed(&mut self) -> DbResult<PaymentStatus> {
        let before = self
            .row
            .status
            .parse()
            .map_err(|_| DbError::malformed("the status of a debt"))?;
        self.payment.updated_at = clock::now().utc();
        self.row.updated_at = self.payment.updated_at.into();
        self.row.version += 1;
        self.mirror()?;
        Ok(before)
    }

    fn mirror(&mut self) -> DbResult<()> {
        let update = &mut self.payment.links.update;
        update.next_check_at = self.row.next_check_at.map(Instant::utc);
        self.row.status = self.payment.status.as_str().to_owned();
        self.row.iuv.clone_from(&self.payment.payment.iuv);
        self.row.body = Json::of(&self.payment)?;
        Ok(())
    }

    fn emit(&self, scope: &mut WriteScope<'_>, before: PaymentStatus) -> DbResult<()> {
        let change = if before == self.payment.status {
            Change::data()
        } else {
            Change::status(Some(before.as_str()), self.payment.status.as_str())
        };
        let body = serde_json::to_value(&self.payment).map_err(DbError::json)?;
        scope
            .emit(NewEvent::new(
                Topic::Payments,
                self.row.service_id,
                self.row.id,
                self.row.version,
                change,
                body,
            ))
            .map(|_| ())
    }

    /// Writes a debt that is new here, with the event that tells what became of the one that was taken.
    pub fn add(mut self, scope: &mut WriteScope<'_>) -> DbResult<()> {
        let before = self.changed()?;
        scope.insert(t::table, &self.row)?;
        self.emit(scope, before)
    }

    /// Writes a debt that is new here and needs no event.
    pub fn add_quietly(mut self, scope: &mut WriteScope<'_>) -> DbResult<()> {
        self.mirror()?;
        scope.insert(t::table, &self.row)
    }

    /// Writes a debt that was read before, with the event that tells the change. A conflict if somebody else was faster.
    pub fn change(mut self, scope: &mut WriteScope<'_>) -> DbResult<()> {
        let read = self.row.version;
        let before = self.changed()?;
        self.write(scope, read)?;
        self.emit(scope, before)
    }

    /// Writes what nobody else has to know at once: when it was opened, when it was and will be checked.
    pub fn change_quietly(mut self, scope: &mut WriteScope<'_>) -> DbResult<()> {
        self.mirror()?;
        let read = self.row.version;
        self.write(scope, read)
    }

    fn write(&self, scope: &mut WriteScope<'_>, read: i64) -> DbResult<()> {
        let id = self.row.id;
        scope.execute_one(t::table, |rows| {
            diesel::update(rows.filter(t::id.eq(id)).filter(t::version.eq(read))).set(&self.row)
        })
    }
}

/// A debt.
pub fn find(scope: &mut TenantScope<'_>, id: PaymentId) -> DbResult<Option<Debt>> {
    scope
        .find(t::table, |rows| {
            rows.filter(t::id.eq(id)).select(DebtRow::columns())
        })?
        .map(DebtRow::read)
        .transpose()
}

/// The debt that a public link names.
pub fn by_link(
    scope: &mut PlatformScope<'_>,
    connector: &str,
    id: PaymentId,
) -> DbResult<Option<Debt>> {
    scope
        .find(
            t::table
                .filter(t::id.eq(id))
                .filter(t::connector.eq(connector))
                .select(DebtRow::columns()),
        )?
        .map(DebtRow::read)
        .transpose()
}

/// The debt of an IUV.
pub fn by_iuv(
    scope: &mut TenantScope<'_>,
    connector: &str,
    iuv: &str,
) -> DbResult<Option<PaymentId>> {
    let (connector, iuv) = (connector.to_owned(), iuv.to_owned());
    scope.find(t::table, |rows| {
        rows.filter(t::connector.eq(connector))
            .filter(t::iuv.eq(iuv))
            .select(t::id)
    })
}

/// Debts of an application that can still be paid and that it no longer waits for, to be cancelled.
pub fn cancel_unwanted(
    scope: &mut WriteScope<'_>,
    application: &super::application::ApplicationRow,
) -> DbResult<usize> {
    let id = application.id;
    let open: Vec<(PaymentId, i64)> = scope.load(t::table, |rows| {
        rows.filter(t::remote_id.eq(id))
            .filter(t::status.eq_any(payable()))
            .filter(t::cancel_at.is_null())
            .select((t::id, t::attempt))
    })?;
    let unwanted: Vec<PaymentId> = open
        .into_iter()
        .filter(|(_, attempt)| !application.awaits(*attempt))
        .map(|(id, _)| id)
        .collect();
    if unwanted.is_empty() {
        return Ok(0);
    }
    scope.execute(t::table, |rows| {
        diesel::update(rows.filter(t::id.eq_any(unwanted))).set(t::cancel_at.eq(Some(clock::now())))
    })
}

fn payable() -> [&'static str; 2] {
    [
        PaymentStatus::PaymentPending.as_str(),
        PaymentStatus::PaymentStarted.as_str(),
    ]
}

/// What is due now, of all tenants: checks and cancellations.
pub fn due(scope: &mut PlatformScope<'_>, now: Instant, limit: i64) -> DbResult<Vec<Debt>> {
    scope
        .load(
            t::table
                .filter(t::next_check_at.le(now).or(t::cancel_at.le(now)))
                .order(t::next_check_at)
                .limit(limit)
                .select(DebtRow::columns()),
        )?
        .into_iter()
        .map(DebtRow::read)
        .collect()
}
