//! The body of an event on `payments`, version 2.0: what existing payment components write and check.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::application::first_attempt;
use crate::money::Cents;
use crate::payload::{passed_on, payload};
use crate::wire::{amount_or_empty, rome, rome_option, text_enum};

text_enum! {
    /// The state of a payment.
    #[derive(Default)]
    pub enum PaymentStatus {
        /// To be created at the intermediary.
        #[default]
        CreationPending => "CREATION_PENDING",
        /// Could not be created. Final.
        CreationFailed => "CREATION_FAILED",
        /// Created, waits for the citizen.
        PaymentPending => "PAYMENT_PENDING",
        /// The citizen has begun.
        PaymentStarted => "PAYMENT_STARTED",
        /// Written by others only: paid, still to be confirmed.
        PaymentConfirmed => "PAYMENT_CONFIRMED",
        /// Written by others only: failed because its time was over.
        PaymentFailed => "PAYMENT_FAILED",
        /// Written by others only: paid, still to be notified.
        NotificationPending => "NOTIFICATION_PENDING",
        /// Paid, confirmed by the intermediary. Final.
        Complete => "COMPLETE",
        /// Its time is over. Final, but for a late payment.
        Expired => "EXPIRED",
        /// Cancelled. Final.
        Canceled => "CANCELED",
    }
}

impl PaymentStatus {
    /// The states that follow. None leads to those that only others write, and none leaves them: a reader takes them as they come.
    #[must_use]
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::CreationPending => &[Self::CreationFailed, Self::PaymentPending, Self::Canceled],
            Self::PaymentPending => &[
                Self::PaymentStarted,
                Self::Canceled,
                Self::Complete,
                Self::Expired,
            ],
            Self::PaymentStarted => &[Self::Expired, Self::Complete, Self::Canceled],
            Self::Expired => &[Self::Complete],
            _ => &[],
        }
    }

    /// Whether there is an edge to `next`.
    #[must_use]
    pub fn can_become(self, next: Self) -> bool {
        self.next().contains(&next)
    }

    /// Whether nothing is expected any more (a late payment of an expired one is an anomaly).
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::CreationFailed | Self::Complete | Self::Expired | Self::Canceled
        )
    }

    /// Whether the citizen is shown the ways to pay.
    #[must_use]
    pub fn is_payable(self) -> bool {
        matches!(self, Self::PaymentPending | Self::PaymentStarted)
    }

    /// How far along the graph it is: of two events of the same second, the one of higher rank is the later.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::CreationPending => 0,
            Self::PaymentPending => 1,
            Self::PaymentStarted => 2,
            Self::PaymentConfirmed | Self::NotificationPending => 3,
            Self::CreationFailed | Self::PaymentFailed | Self::Expired | Self::Canceled => 4,
            Self::Complete => 5,
        }
    }
}

text_enum! {
    /// What is paid.
    pub enum PaymentType {
        /// An ordinary due.
        Pagopa => "PAGOPA",
        /// A digital stamp (*marca da bollo*).
        Stamp => "STAMP",
    }
}

text_enum! {
    /// How a link is called.
    #[derive(Default)]
    #[allow(missing_docs)]
    pub enum HttpMethod {
        #[default]
        Get => "GET",
        Post => "POST",
        Put => "PUT",
        Patch => "PATCH",
        Delete => "DELETE",
    }
}

text_enum! {
    /// A person or a company.
    #[derive(Default)]
    pub enum PersonType {
        /// A person.
        #[default]
        Human => "human",
        /// A company or a body.
        Legal => "legal",
    }
}

/// Which item of an attempt a payment is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PaymentItem {
    /// The ordinary amount: `amount`.
    #[default]
    Amount,
    /// A row of the stamps: `stamp:<n>`.
    Stamp(u32),
}

impl std::fmt::Display for PaymentItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Amount => f.write_str("amount"),
            Self::Stamp(row) => write!(f, "stamp:{row}"),
        }
    }
}

impl std::str::FromStr for PaymentItem {
    type Err = crate::wire::UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "amount" {
            return Ok(Self::Amount);
        }
        text.strip_prefix("stamp:")
            .and_then(|row| row.parse().ok())
            .map(Self::Stamp)
            .ok_or(crate::wire::UnknownWord {
                expected: "amount stamp:<n>",
            })
    }
}

impl Serialize for PaymentItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PaymentItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// A payment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PaymentEvent {
    /// The payment.
    pub id: Uuid,
    /// The citizen.
    pub user_id: Uuid,
    /// The type that a proxy serves.
    #[serde(rename = "type")]
    pub kind: String,
    /// The service: the key of the event and of the proxy's configuration.
    pub service_id: Uuid,
    /// When it was made.
    #[serde(with = "rome")]
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    #[serde(with = "rome")]
    pub updated_at: DateTime<Utc>,
    /// Its state.
    pub status: PaymentStatus,
    /// No personal datum.
    #[serde(default)]
    pub reason: Option<String>,
    /// The application; for a due the payment itself.
    pub remote_id: Uuid,
    /// The citizen's language.
    #[serde(default)]
    pub locale: Option<String>,
    /// Number of the application's attempt; 1 where it is not said.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
    /// Which item of the attempt; the amount where it is not said.
    #[serde(default)]
    pub item: PaymentItem,
    /// What is to be paid.
    pub payment: PaymentDetails,
    /// What can be called.
    pub links: PaymentLinks,
    /// Who pays.
    pub payer: Payer,
    /// Who owes, if another.
    #[serde(default)]
    pub debtor: Option<Payer>,
    /// Keys of other writers, passed on.
    #[serde(flatten, deserialize_with = "passed_on")]
    pub extra: Map<String, Value>,
}

payload!(PaymentEvent, Payments, |payment, _tenant| payment
    .service_id);

impl PaymentEvent {
    /// The `iud` of a payment born here: its id without dashes.
    #[must_use]
    pub fn iud_of(id: Uuid) -> String {
        id.simple().to_string()
    }
}

/// What is to be paid. `amount` and `expire_at` are set before the proxy, which never changes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PaymentDetails {
    /// Given by the intermediary.
    #[serde(default)]
    pub transaction_id: Option<String>,
    /// When it was paid.
    #[serde(default, with = "rome_option")]
    pub paid_at: Option<DateTime<Utc>>,
    /// Until when it may be paid.
    #[serde(default, with = "rome_option")]
    pub expire_at: Option<DateTime<Utc>>,
    /// The whole amount.
    #[serde(default, deserialize_with = "amount_or_empty")]
    pub amount: Option<Cents>,
    /// `EUR`.
    pub currency: String,
    /// What is paid.
    #[serde(rename = "type", default)]
    pub kind: Option<PaymentType>,
    /// Notice number (*codice avviso*).
    #[serde(default)]
    pub notice_code: Option<String>,
    /// The body's own id of the due (*identificativo univoco dovuto*): see [`PaymentEvent::iud_of`].
    pub iud: String,
    /// pagoPA's id of the payment (*identificativo univoco versamento*).
    #[serde(default)]
    pub iuv: Option<String>,
    /// Who gets it.
    #[serde(default)]
    pub receiver: Option<Receiver>,
    /// The intermediary's type of due.
    #[serde(default)]
    pub due_type: Option<String>,
    /// pagoPA category (*tassonomia*): `9/0101002IM/`.
    #[serde(default)]
    pub pagopa_category: Option<String>,
    /// The document that a stamp is for.
    #[serde(default)]
    pub document: Option<StampedDocument>,
    /// How the amount is divided: `[]` when it is not.
    pub split: Vec<Split>,
    /// Keys of other writers, passed on.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Who gets the money.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// Tax code of the body, 11 digits.
    pub tax_identification_number: String,
    /// Its name.
    pub name: String,
    /// Its account.
    #[serde(default)]
    pub iban: Option<String>,
    /// Street.
    #[serde(default)]
    pub address: Option<String>,
    /// House number.
    #[serde(default)]
    pub building_number: Option<String>,
    /// Postal code.
    #[serde(default)]
    pub postal_code: Option<String>,
    /// Town.
    #[serde(default)]
    pub town_name: Option<String>,
    /// Province code.
    #[serde(default)]
    pub country_subdivision: Option<String>,
    /// `IT`.
    #[serde(default)]
    pub country: Option<String>,
}

/// The document that a stamp is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StampedDocument {
    /// Its id.
    #[serde(default)]
    pub id: Option<String>,
    /// Its URL.
    #[serde(rename = "ref", default)]
    pub reference: Option<String>,
    /// `sha256:<hex>`; pagoPA wants base64 of the raw bytes.
    pub hash: String,
}

/// A part of the amount.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// The chapter of the budget.
    pub code: String,
    /// The part, or a weight.
    #[serde(default, deserialize_with = "amount_or_empty")]
    pub amount: Option<Cents>,
    /// Whatever the intermediary wants to know of it.
    #[serde(default)]
    pub meta: Map<String, Value>,
}

/// Who pays or owes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payer {
    /// A person or a company.
    #[serde(rename = "type")]
    pub kind: PersonType,
    /// Fiscal code.
    pub tax_identification_number: String,
    /// First name, or the company's.
    pub name: String,
    /// Family name.
    #[serde(default)]
    pub family_name: Option<String>,
    /// Street.
    #[serde(default)]
    pub street_name: Option<String>,
    /// House number.
    #[serde(default)]
    pub building_number: Option<String>,
    /// Postal code.
    #[serde(default)]
    pub postal_code: Option<String>,
    /// Town.
    #[serde(default)]
    pub town_name: Option<String>,
    /// Province code.
    #[serde(default)]
    pub country_subdivision: Option<String>,
    /// `IT`.
    #[serde(default)]
    pub country: Option<String>,
    /// E-mail.
    #[serde(default)]
    pub email: Option<String>,
}

/// What can be called. The default has no URL yet, but every method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaymentLinks {
    /// Leads to the intermediary's page.
    pub online_payment_begin: OpenedLink,
    /// Where the citizen comes back to.
    pub online_payment_landing: OpenedLink,
    /// The notice (*avviso*).
    pub offline_payment: OpenedLink,
    /// The receipt.
    pub receipt: OpenedLink,
    /// Who is told the outcome by an external proxy.
    #[serde(default)]
    pub notify: Option<Vec<NotifyLink>>,
    /// Asks the intermediary for the outcome.
    pub update: UpdateLink,
    /// An operator says that it is paid.
    #[serde(default)]
    pub confirm: OpenedLink,
    /// An operator cancels it.
    #[serde(default)]
    pub cancel: OpenedLink,
    /// Keys of other writers, passed on.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Default for PaymentLinks {
    fn default() -> Self {
        let link = |method| OpenedLink {
            method: Some(method),
            ..OpenedLink::default()
        };
        Self {
            online_payment_begin: link(HttpMethod::Get),
            online_payment_landing: link(HttpMethod::Get),
            offline_payment: link(HttpMethod::Get),
            receipt: link(HttpMethod::Get),
            notify: Some(Vec::new()),
            update: UpdateLink {
                method: Some(HttpMethod::Get),
                ..UpdateLink::default()
            },
            confirm: link(HttpMethod::Patch),
            cancel: link(HttpMethod::Patch),
            extra: Map::new(),
        }
    }
}

/// A link that somebody opens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenedLink {
    /// Where.
    pub url: Option<String>,
    /// When last.
    #[serde(with = "rome_option")]
    pub last_opened_at: Option<DateTime<Utc>>,
    /// How.
    pub method: Option<HttpMethod>,
}

/// A link that is called with the outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NotifyLink {
    /// Where.
    pub url: Option<String>,
    /// How.
    pub method: Option<HttpMethod>,
    /// When it was called.
    #[serde(with = "rome_option")]
    pub sent_at: Option<DateTime<Utc>>,
}

/// The link of the check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateLink {
    /// Where.
    pub url: Option<String>,
    /// When the intermediary was asked last.
    #[serde(with = "rome_option")]
    pub last_check_at: Option<DateTime<Utc>>,
    /// When it is asked next.
    #[serde(with = "rome_option")]
    pub next_check_at: Option<DateTime<Utc>>,
    /// How.
    pub method: Option<HttpMethod>,
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_graph_has_these_edges_and_no_other() {
        use PaymentStatus::*;
        let edges = [
            (CreationPending, CreationFailed),
            (CreationPending, PaymentPending),
            (CreationPending, Canceled),
            (PaymentPending, PaymentStarted),
            (PaymentPending, Canceled),
            (PaymentPending, Complete),
            (PaymentPending, Expired),
            (PaymentStarted, Expired),
            (PaymentStarted, Complete),
            (PaymentStarted, Canceled),
            (Expired, Complete),
        ];
        for from in PaymentStatus::ALL {
            for to in PaymentStatus::ALL {
                assert_eq!(
                    from.can_become(*to),
                    edges.contains(&(*from, *to)),
                    "{from} -> {to}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn every_walk_climbs_in_rank_and_ends(choices in proptest::collection::vec(0_usize..8, 10)) {
            let mut status = PaymentStatus::CreationPending;
            for choice in choices {
                let next = status.next();
                if next.is_empty() {
                    break;
                }
                let later = next[choice % next.len()];
                prop_assert!(later.rank() > status.rank(), "{} -> {}", status, later);
                status = later;
            }
            prop_assert!(status.is_final(), "{}", status);
        }
    }

    #[test]
    fn an_item_is_read_as_it_was_written() {
        for (text, item) in [
            ("amount", PaymentItem::Amount),
            ("stamp:0", PaymentItem::Stamp(0)),
            ("stamp:12", PaymentItem::Stamp(12)),
        ] {
            assert_eq!(text.parse(), Ok(item));
            assert_eq!(item.to_string(), text);
        }
        for text in ["", "stamp", "stamp:", "stamp:x", "Amount"] {
            assert!(text.parse::<PaymentItem>().is_err(), "{text}");
        }
    }
}
