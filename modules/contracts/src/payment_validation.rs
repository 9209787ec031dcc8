//! The rules of a payment event that its types cannot hold. Existing proxies drop an event that breaks one, so nobody writes such an event.

use crate::money::Cents;
use crate::payment::{Payer, PaymentDetails, PaymentEvent, Receiver, Split};

/// A rule that an event breaks. It never quotes the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {rule}")]
pub struct Violation {
    /// The field, e.g. `payment.iud`.
    pub field: String,
    /// What it must do.
    pub rule: String,
}

/// One euro: the sum of rows that are weights.
const WEIGHTS: i64 = 100;

impl PaymentEvent {
    /// Checks lengths (in characters), currency, required identifiers, stamp hash and the sum of the split.
    ///
    /// The form of `pagopa_category` is not checked, because older values are accepted; check digits of notice number and IUV and
    /// the payment type are the proxy's to check; the envelope has its own reader.
    ///
    /// # Errors
    /// Every rule that is broken.
    pub fn validate(&self) -> Result<(), Vec<Violation>> {
        let mut found = Violations::default();
        found.length("type", &self.kind, 1, 50);
        found.optional_length("reason", self.reason.as_deref(), 140);
        found.unless(self.attempt >= 1, "attempt", "must be 1 or more");
        found.details(&self.payment);
        found.payer("payer", &self.payer);
        if let Some(debtor) = &self.debtor {
            found.payer("debtor", debtor);
        }
        if found.0.is_empty() {
            Ok(())
        } else {
            Err(found.0)
        }
    }
}

#[derive(Default)]
struct Violations(Vec<Violation>);

impl Violations {
    fn unless(&mut self, holds: bool, field: &str, rule: impl Into<String>) {
        if !holds {
            self.0.push(Violation {
                field: field.to_owned(),
                rule: rule.into(),
            });
        }
    }

    fn length(&mut self, field: &str, text: &str, least: usize, most: usize) {
        let length = text.chars().count();
        self.unless(
            (least..=most).contains(&length),
            field,
            format!("must have {least} to {most} characters"),
        );
    }

    fn optional_length(&mut self, field: &str, text: Option<&str>, most: usize) {
        self.length(field, text.unwrap_or_default(), 0, most);
    }

    fn details(&mut self, payment: &PaymentDetails) {
        self.optional_length(
            "payment.transaction_id",
            payment.transaction_id.as_deref(),
            255,
        );
        self.unless(payment.currency == "EUR", "payment.currency", "must be EUR");
        self.length("payment.iud", &payment.iud, 1, 50);
        self.optional_length("payment.notice_code", payment.notice_code.as_deref(), 50);
        self.optional_length("payment.iuv", payment.iuv.as_deref(), 50);
        if let Some(receiver) = &payment.receiver {
            self.receiver(receiver);
        }
        if let Some(document) = &payment.document {
            self.unless(
                is_sha256(&document.hash),
                "payment.document.hash",
                "must be sha256: and 64 hex digits",
            );
        }
        self.split(payment.amount, &payment.split);
    }

    fn receiver(&mut self, receiver: &Receiver) {
        let code = &receiver.tax_identification_number;
        let is_code = code.len() == 11 && code.bytes().all(|byte| byte.is_ascii_digit());
        self.unless(
            is_code,
            "payment.receiver.tax_identification_number",
            "must have 11 digits",
        );
        self.unless(
            !receiver.name.is_empty(),
            "payment.receiver.name",
            "must not be empty",
        );
    }

    fn split(&mut self, amount: Option<Cents>, rows: &[Split]) {
        let Some(amount) = amount else { return };
        if rows.is_empty() {
            return;
        }
        if rows.iter().any(|row| row.amount.is_none()) {
            return self.unless(
                false,
                "payment.split",
                "must give an amount in every row, because the payment has one",
            );
        }
        let sum = Cents::checked_sum(rows.iter().filter_map(|row| row.amount));
        let holds = sum.is_some_and(|sum| sum == amount || sum.get() == WEIGHTS);
        self.unless(
            holds,
            "payment.split",
            "must sum up to the payment's amount, or to 1.00",
        );
    }

    fn payer(&mut self, field: &str, payer: &Payer) {
        self.length(
            &format!("{field}.tax_identification_number"),
            &payer.tax_identification_number,
            1,
            255,
        );
        self.length(&format!("{field}.name"), &payer.name, 1, 255);
    }
}

fn is_sha256(hash: &str) -> bool {
    hash.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
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
    use crate::payment::StampedDocument;

    fn payment() -> PaymentEvent {
        let mut payment = PaymentEvent {
            kind: "PAGOPA".into(),
            attempt: 1,
            ..PaymentEvent::default()
        };
        payment.payment.currency = "EUR".into();
        payment.payment.iud = PaymentEvent::iud_of(payment.id);
        payment.payer.name = "Mario".into();
        payment.payer.tax_identification_number = "RSSMRA80A01H501U".into();
        payment
    }

    fn broken(change: impl Fn(&mut PaymentEvent)) -> Vec<String> {
        let mut payment = payment();
        change(&mut payment);
        payment
            .validate()
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|violation| violation.field)
            .collect()
    }

    fn row(amount: Option<i64>) -> Split {
        Split {
            amount: amount.map(|cents| Cents::new(cents).unwrap()),
            ..Split::default()
        }
    }

    fn split(amount: i64, rows: &[Option<i64>]) -> Vec<String> {
        broken(|payment| {
            payment.payment.amount = Some(Cents::new(amount).unwrap());
            payment.payment.split = rows.iter().copied().map(row).collect();
        })
    }

    #[test]
    fn an_ordinary_payment_breaks_no_rule() {
        assert_eq!(payment().validate(), Ok(()));
    }

    #[test]
    fn the_split_sums_up_to_the_amount_or_is_made_of_weights() {
        assert!(split(1650, &[]).is_empty());
        assert!(split(1650, &[Some(900), Some(750)]).is_empty());
        assert!(split(1650, &[Some(60), Some(40)]).is_empty());
        assert_eq!(split(1650, &[Some(900), Some(749)]), ["payment.split"]);
        assert_eq!(split(1650, &[Some(1650), None]), ["payment.split"]);
        assert_eq!(
            split(1650, &[Some(99_999_999_999), Some(1)]),
            ["payment.split"]
        );
    }

    #[test]
    fn each_limit_is_told_by_its_field() {
        assert_eq!(broken(|payment| payment.kind = "P".repeat(51)), ["type"]);
        assert_eq!(broken(|payment| payment.kind.clear()), ["type"]);
        assert_eq!(
            broken(|payment| payment.reason = Some("à".repeat(141))),
            ["reason"]
        );
        assert_eq!(
            broken(|payment| payment.reason = Some("à".repeat(140))),
            [""; 0]
        );
        assert_eq!(
            broken(|payment| payment.payment.currency = "USD".into()),
            ["payment.currency"]
        );
        assert_eq!(
            broken(|payment| payment.payment.iud.clear()),
            ["payment.iud"]
        );
        assert_eq!(
            broken(|payment| payment.payment.iuv = Some("0".repeat(51))),
            ["payment.iuv"]
        );
        assert_eq!(broken(|payment| payment.payer.name.clear()), ["payer.name"]);
        assert_eq!(
            broken(|payment| payment.debtor = Some(Payer::default())),
            ["debtor.tax_identification_number", "debtor.name"]
        );
        assert_eq!(
            broken(|payment| {
                payment.payment.receiver = Some(Receiver {
                    tax_identification_number: "123".into(),
                    name: "Comune di Bugliano".into(),
                    ..Receiver::default()
                });
            }),
            ["payment.receiver.tax_identification_number"]
        );
    }

    #[test]
    fn a_stamp_names_the_hash_of_its_document_in_hex() {
        let hash = |hash: String| {
            broken(|payment| {
                payment.payment.document = Some(StampedDocument {
                    hash: hash.clone(),
                    ..StampedDocument::default()
                });
            })
        };
        assert!(hash(format!("sha256:{}", "0a".repeat(32))).is_empty());
        assert_eq!(hash("0a".repeat(32)), ["payment.document.hash"]);
        assert_eq!(
            hash(format!("sha256:{}", "zz".repeat(32))),
            ["payment.document.hash"]
        );
    }

    #[test]
    fn a_violation_does_not_quote_the_value() {
        let mut payment = payment();
        payment.payer.name = "Mario".repeat(60);
        assert!(!format!("{:?}", payment.validate()).contains("Mario"));
    }
}
