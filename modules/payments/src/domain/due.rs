//! Payments without an application: a due (*dovuto*), which has a notice number already, or one that a proxy still has to create.

use chrono::{DateTime, Utc};
use opencity_contracts::money::Cents;
use opencity_contracts::payment::{
    Payer, PaymentDetails, PaymentEvent, PaymentItem, PaymentLinks, PaymentStatus, PaymentType,
    Receiver,
};
use opencity_kernel::id::{PaymentId, ServiceId};
use uuid::Uuid;

use super::item::PAGOPA;

/// What is known of it.
#[derive(Debug, Clone)]
pub struct Due {
    /// The service that it belongs to.
    pub service_id: ServiceId,
    /// Who owes it.
    pub payer: Payer,
    /// What for.
    pub reason: String,
    /// How much.
    pub amount: Cents,
    /// Until when.
    pub expire_at: DateTime<Utc>,
    /// When it was made, if another system made it.
    pub created_at: Option<DateTime<Utc>>,
    /// Its notice number, if it exists at the intermediary.
    pub notice_code: Option<String>,
    /// Its IUV.
    pub iuv: Option<String>,
    /// The body's own id of it, if another system gave one.
    pub iud: Option<String>,
    /// Who gets the money.
    pub receiver: Option<Receiver>,
    /// The intermediary's type.
    pub due_type: Option<String>,
    /// pagoPA category.
    pub pagopa_category: Option<String>,
    /// Where it can be paid, if the body knows a page.
    pub online_payment_url: Option<String>,
    /// The payer's language.
    pub locale: Option<String>,
}

impl Due {
    /// Its first form: `PAYMENT_PENDING` with a notice number (the links are the proxy's to write), else `CREATION_PENDING`.
    #[must_use]
    pub fn into_payment(self, user_id: Uuid, now: DateTime<Utc>) -> PaymentEvent {
        let id = PaymentId::random().uuid();
        let mut links = PaymentLinks::default();
        links.online_payment_begin.url = self.online_payment_url;
        PaymentEvent {
            id,
            user_id,
            kind: PAGOPA.to_owned(),
            service_id: self.service_id.uuid(),
            created_at: self.created_at.unwrap_or(now),
            updated_at: now,
            status: if self.notice_code.is_some() {
                PaymentStatus::PaymentPending
            } else {
                PaymentStatus::CreationPending
            },
            reason: Some(self.reason),
            remote_id: id,
            locale: self.locale,
            attempt: 1,
            item: PaymentItem::Amount,
            payment: PaymentDetails {
                expire_at: Some(self.expire_at),
                amount: Some(self.amount),
                currency: "EUR".to_owned(),
                kind: Some(PaymentType::Pagopa),
                notice_code: self.notice_code,
                iud: self.iud.unwrap_or_else(|| PaymentEvent::iud_of(id)),
                iuv: self.iuv,
                receiver: self.receiver,
                due_type: self.due_type,
                pagopa_category: self.pagopa_category,
                ..PaymentDetails::default()
            },
            links,
            payer: self.payer,
            debtor: None,
            extra: serde_json::Map::new(),
        }
    }
}
