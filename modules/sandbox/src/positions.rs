//! Debt positions in the store: what they are, and each change that can happen to one.

use chrono::{DateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::notice_number::NoticeNumber;
use crate::notify;
use crate::schema::{payments, positions};
use crate::store::{Stored, from_json, next_value, now, to_json};

/// What a position is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Due,
    /// A digital stamp (*marca da bollo digitale*).
    Stamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PayerKind {
    #[default]
    Human,
    Legal,
}

/// Who owes the money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Payer {
    #[serde(default, rename = "type")]
    pub(crate) kind: PayerKind,
    pub(crate) tax_identification_number: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) family_name: Option<String>,
}

/// What a digital stamp is put on, and where its payer lives (GPD: all three are required there).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// `01`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// SHA-256 of the document, base64 of the raw digest.
    pub(crate) document_hash: String,
    /// Two capitals.
    pub(crate) province: String,
}

/// A request for a debt position. Its parts, the secret aside, are its content: a repetition must
/// have the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PositionIn {
    pub(crate) external_id: String,
    pub(crate) organization_tax_code: String,
    #[serde(default)]
    pub(crate) organization_name: Option<String>,
    /// Cents of euro.
    pub(crate) amount: i64,
    pub(crate) reason: String,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) payer: Payer,
    pub(crate) return_url: String,
    #[serde(default)]
    pub(crate) notify_url: Option<String>,
    #[serde(default, skip_serializing)]
    pub(crate) notify_secret: Option<String>,
    #[serde(default)]
    pub(crate) category: Option<String>,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) stamp: Option<Stamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Unpaid,
    Paid,
    Cancelled,
    Expired,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = positions)]
struct PositionRow {
    content: String,
    notify_secret: Option<String>,
    iuv: String,
    notice_number: String,
    cancelled_at: Option<DateTime<Utc>>,
}

/// Money received for a position.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = payments)]
pub(crate) struct Payment {
    pub(crate) transaction_id: String,
    pub(crate) paid_at: DateTime<Utc>,
}

/// A debt position as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Position {
    pub(crate) request: PositionIn,
    pub(crate) iuv: String,
    pub(crate) notice_number: String,
    pub(crate) status: Status,
    pub(crate) payment: Option<Payment>,
    notify_secret: Option<String>,
}

impl Position {
    fn from_rows((row, payment): (PositionRow, Option<Payment>)) -> Stored<Self> {
        let request: PositionIn = from_json(&row.content)?;
        let status = match (&payment, row.cancelled_at) {
            (Some(_), _) => Status::Paid,
            (None, Some(_)) => Status::Cancelled,
            (None, None) if request.expires_at <= Utc::now() => Status::Expired,
            (None, None) => Status::Unpaid,
        };
        Ok(Self {
            request,
            iuv: row.iuv,
            notice_number: row.notice_number,
            status,
            payment,
            notify_secret: row.notify_secret,
        })
    }

    /// Puts the outcome of a try among the notifications, in the caller's transaction.
    fn tell_outcome(
        &self,
        connection: &mut SqliteConnection,
        outcome: &str,
        payment: Option<&Payment>,
        copies: usize,
    ) -> Stored<()> {
        let Some(url) = &self.request.notify_url else {
            return Ok(());
        };
        let body = json!({ "outcomes": [{
            "external_id": self.request.external_id,
            "organization_tax_code": self.request.organization_tax_code,
            "iuv": self.iuv,
            "outcome": outcome,
            "paid_at": payment.map(|payment| instant(payment.paid_at)),
            "amount": self.request.amount,
            "transaction_id": payment.map(|payment| &payment.transaction_id),
        }]})
        .to_string();
        notify::enqueue(
            connection,
            url,
            self.notify_secret.as_deref(),
            &body,
            copies,
        )
    }
}

/// An instant as it goes on the wire: UTC, whole seconds.
pub(crate) fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// What became of a request to create something that an external id names.
pub(crate) enum Creation<T> {
    New(T),
    /// The same request had come before.
    Same(T),
    /// The external id belongs to something else.
    Different,
}

pub(crate) fn find(
    connection: &mut SqliteConnection,
    external_id: &str,
) -> Stored<Option<Position>> {
    positions::table
        .left_join(payments::table)
        .filter(positions::external_id.eq(external_id))
        .select((PositionRow::as_select(), Option::<Payment>::as_select()))
        .first(connection)
        .optional()?
        .map(Position::from_rows)
        .transpose()
}

/// The positions of one payer, oldest first, at most a thousand.
pub(crate) fn of_payer(
    connection: &mut SqliteConnection,
    payer_tax_code: &str,
    organization_tax_code: Option<&str>,
) -> Stored<Vec<Position>> {
    let mut query = positions::table
        .left_join(payments::table)
        .filter(positions::payer_tax_code.eq(payer_tax_code.to_uppercase()))
        .into_boxed();
    if let Some(organization) = organization_tax_code {
        query = query.filter(positions::organization_tax_code.eq(organization));
    }
    query
        .order((positions::created_at, positions::external_id))
        .limit(1000)
        .select((PositionRow::as_select(), Option::<Payment>::as_select()))
        .load(connection)?
        .into_iter()
        .map(Position::from_rows)
        .collect()
}

/// The newest positions, at most a thousand.
pub(crate) fn newest(connection: &mut SqliteConnection) -> Stored<Vec<Position>> {
    positions::table
        .left_join(payments::table)
        .order((positions::created_at.desc(), positions::external_id))
        .limit(1000)
        .select((PositionRow::as_select(), Option::<Payment>::as_select()))
        .load(connection)?
        .into_iter()
        .map(Position::from_rows)
        .collect()
}

/// Makes the position, or finds the one that the same request made before.
pub(crate) fn create(
    connection: &mut SqliteConnection,
    request: &PositionIn,
) -> Stored<Creation<Position>> {
    let content = to_json(request)?;
    if let Some(known) = find(connection, &request.external_id)? {
        let same = to_json(&known.request)? == content;
        return Ok(if same {
            Creation::Same(known)
        } else {
            Creation::Different
        });
    }
    let base = next_value(
        connection,
        &format!("notice:{}", request.organization_tax_code),
    )?;
    // 10^13 numbers for each body: the counter never gets there.
    let number = NoticeNumber::with_base(base).ok_or(diesel::result::Error::RollbackTransaction)?;
    diesel::insert_into(positions::table)
        .values((
            positions::external_id.eq(&request.external_id),
            positions::organization_tax_code.eq(&request.organization_tax_code),
            positions::payer_tax_code.eq(request.payer.tax_identification_number.to_uppercase()),
            positions::content.eq(content),
            positions::notify_secret.eq(&request.notify_secret),
            positions::iuv.eq(number.iuv),
            positions::notice_number.eq(number.number),
            positions::created_at.eq(now()),
        ))
        .execute(connection)?;
    find(connection, &request.external_id)?
        .map(Creation::New)
        .ok_or(diesel::result::Error::NotFound)
}

/// What became of an attempt to change a position.
pub(crate) enum Change {
    Done(Position),
    /// Its state does not allow it; nothing changed.
    Refused(Position),
    Unknown,
}

/// Cancels what is not paid; cancelling again changes nothing.
pub(crate) fn cancel(connection: &mut SqliteConnection, external_id: &str) -> Stored<Change> {
    let Some(mut position) = find(connection, external_id)? else {
        return Ok(Change::Unknown);
    };
    match position.status {
        Status::Paid => Ok(Change::Refused(position)),
        Status::Cancelled => Ok(Change::Done(position)),
        Status::Unpaid | Status::Expired => {
            diesel::update(positions::table.find(external_id))
                .set(positions::cancelled_at.eq(now()))
                .execute(connection)?;
            position.status = Status::Cancelled;
            Ok(Change::Done(position))
        }
    }
}

/// Pays a position that can be paid, and puts its notifications beside it in one commit; how many
/// is asked only when it is really paid.
pub(crate) fn pay(
    connection: &mut SqliteConnection,
    external_id: &str,
    notifications: impl FnOnce() -> usize,
) -> Stored<Change> {
    let Some(mut position) = find(connection, external_id)? else {
        return Ok(Change::Unknown);
    };
    if position.status != Status::Unpaid {
        return Ok(Change::Refused(position));
    }
    let payment = Payment {
        transaction_id: Uuid::new_v4().simple().to_string(),
        paid_at: now(),
    };
    diesel::insert_into(payments::table)
        .values((
            payments::transaction_id.eq(&payment.transaction_id),
            payments::external_id.eq(external_id),
            payments::amount.eq(position.request.amount),
            payments::paid_at.eq(payment.paid_at),
        ))
        .execute(connection)?;
    position.tell_outcome(connection, "paid", Some(&payment), notifications())?;
    position.status = Status::Paid;
    position.payment = Some(payment);
    Ok(Change::Done(position))
}

/// A try that did not succeed: only told.
pub(crate) fn fail(connection: &mut SqliteConnection, external_id: &str) -> Stored<Change> {
    let Some(position) = find(connection, external_id)? else {
        return Ok(Change::Unknown);
    };
    if position.status != Status::Unpaid {
        return Ok(Change::Refused(position));
    }
    position.tell_outcome(connection, "failed", None, 1)?;
    Ok(Change::Done(position))
}
