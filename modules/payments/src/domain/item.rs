//! The first event of each payment of an application.

use chrono::{DateTime, Utc};
use opencity_contracts::Application;
use opencity_contracts::application::{PaymentData, Stamp};
use opencity_contracts::payment::{
    NotifyLink, Payer, PaymentDetails, PaymentEvent, PaymentItem, PaymentLinks, PaymentStatus,
    PaymentType, PersonType, Split, StampedDocument,
};
use opencity_kernel::id::PaymentId;
use opencity_kernel::tax_code::contains_fiscal_code;

/// What every payment of an application is served by: a proxy of pagoPA, stamps included.
pub const PAGOPA: &str = "PAGOPA";

/// The status of an application that waits for its payment.
const PENDING: &str = "status_payment_pending";

/// Why no payment can be made of an application. It names keys, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPayment {
    /// The applicant has no name, surname or fiscal code.
    #[error("the applicant has no {0}")]
    Applicant(&'static str),
    /// A rule of the payment event would be broken.
    #[error("the payment of the item {item} would not be valid: {rules}")]
    Invalid {
        /// The item.
        item: PaymentItem,
        /// The rules.
        rules: String,
    },
}

/// The payments that an application asks for, each in its first form: one for the amount, one for each stamp. None while it does
/// not wait for a payment, or does not say what is to be paid.
///
/// # Errors
/// [`NoPayment`].
pub fn payments_of(
    application: &Application,
    now: DateTime<Utc>,
) -> Result<Vec<PaymentEvent>, NoPayment> {
    let Some(data) = application
        .payment_data
        .as_ref()
        .filter(|_| application.status_name == PENDING)
    else {
        return Ok(Vec::new());
    };
    let payer = payer(application)?;
    let amount = (!data.amount.is_zero()).then_some(PaymentItem::Amount);
    let stamps = (0..)
        .zip(data.stamps.iter().flatten())
        .map(|(row, stamp)| (PaymentItem::Stamp(row), Some(stamp)));
    amount
        .map(|item| (item, None))
        .into_iter()
        .chain(stamps)
        .map(|(item, stamp)| payment(application, data, &payer, item, stamp, now))
        .collect()
}

fn payment(
    application: &Application,
    data: &PaymentData,
    payer: &Payer,
    item: PaymentItem,
    stamp: Option<&Stamp>,
    now: DateTime<Utc>,
) -> Result<PaymentEvent, NoPayment> {
    let id = PaymentId::random().uuid();
    let mut links = PaymentLinks::default();
    links.online_payment_landing.url = Some(data.landing.url.clone());
    links.online_payment_landing.method = Some(data.landing.method);
    links.notify = Some(vec![NotifyLink {
        url: Some(data.notify.url.clone()),
        method: Some(data.notify.method),
        sent_at: None,
    }]);
    let reason = stamp.map_or(&data.reason, |stamp| &stamp.reason);
    let payment = PaymentEvent {
        id,
        user_id: application.user,
        kind: PAGOPA.to_owned(),
        service_id: application.service_id,
        created_at: now,
        updated_at: now,
        status: PaymentStatus::CreationPending,
        reason: Some(without_person(reason, application)),
        remote_id: application.id,
        locale: application.locale.clone(),
        attempt: data.attempt,
        item,
        payment: PaymentDetails {
            expire_at: Some(data.expire_at),
            amount: Some(stamp.map_or(data.amount, |stamp| stamp.amount)),
            currency: "EUR".to_owned(),
            kind: Some(if stamp.is_some() {
                PaymentType::Stamp
            } else {
                PaymentType::Pagopa
            }),
            iud: PaymentEvent::iud_of(id),
            pagopa_category: stamp.and_then(|stamp| stamp.collection_data.clone()),
            document: stamp.and_then(|_| stamped_document(application)),
            split: if stamp.is_some() {
                Vec::new()
            } else {
                split(data)
            },
            ..PaymentDetails::default()
        },
        links,
        payer: payer.clone(),
        debtor: None,
        extra: serde_json::Map::new(),
    };
    payment
        .validate()
        .map_err(|violations| NoPayment::Invalid {
            item,
            rules: violations
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        })?;
    Ok(payment)
}

/// A reason that names a person becomes one that names only the application: it is read by strangers (decisions §7).
fn without_person(reason: &str, application: &Application) -> String {
    if contains_fiscal_code(reason) {
        format!("Pagamento - {}", application.id)
    } else {
        reason.to_owned()
    }
}

fn split(data: &PaymentData) -> Vec<Split> {
    data.split
        .iter()
        .flatten()
        .map(|row| Split {
            code: row.code.clone(),
            amount: Some(row.amount),
            meta: row.meta.clone(),
        })
        .collect()
}

/// The document that a stamp is for: the request itself, once its file is there.
fn stamped_document(application: &Application) -> Option<StampedDocument> {
    let file = application.compiled_modules.first()?;
    Some(StampedDocument {
        id: Some(file.id.to_string()),
        reference: file.url.clone(),
        hash: format!("sha256:{}", file.sha256.as_deref()?),
    })
}

fn payer(application: &Application) -> Result<Payer, NoPayment> {
    let value = |key: &str| {
        let value = application
            .data
            .get(&format!("applicant.data.{key}"))?
            .as_str()?
            .trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    let required = |key: &'static str| value(key).ok_or(NoPayment::Applicant(key));
    Ok(Payer {
        kind: PersonType::Human,
        tax_identification_number: required("fiscal_code.data.fiscal_code")?.to_uppercase(),
        name: required("completename.data.name")?,
        family_name: Some(required("completename.data.surname")?),
        street_name: value("address.data.address"),
        building_number: value("address.data.house_number"),
        postal_code: value("address.data.postal_code"),
        town_name: value("address.data.municipality"),
        country_subdivision: value("address.data.county"),
        country: Some("IT".to_owned()),
        email: value("email_address"),
    })
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
    use serde_json::{Value, json};

    fn application(change: impl Fn(&mut Value)) -> Application {
        let mut event = json!({
            "id": "01957f1f-2370-770e-9132-1729a8e91419", "user": "5b00796e-ef10-8c98-b9f5-b0f7ffd7a17d",
            "service_id": "b21c4429-95e4-45d5-930f-44eb74136625", "tenant": "01943ffe-0680-7438-ae6b-a7bca9d37914",
            "status": "1500", "status_name": "status_payment_pending", "updated_at": "2025-03-10T09:20:11+01:00", "locale": "it",
            "data": {
                "applicant.data.completename.data.name": "Mario", "applicant.data.completename.data.surname": "Rossi",
                "applicant.data.fiscal_code.data.fiscal_code": "rssmra80a01h501u", "applicant.data.address.data.county": "PI",
                "applicant.data.address.data.house_number": "1", "applicant.data.email_address": "mario.rossi@example.org",
            },
            "payment_data": {
                "reason": "Occupazione di suolo pubblico - 01957f1f", "amount": "16.50", "expire_at": "2025-06-08T10:20:11+02:00",
                "split": [{"code": "c_1", "amount": "9.00", "meta": {"codUfficio": "12"}}, {"code": "c_2", "amount": "7.50", "meta": {}}],
                "stamps": [{"amount": "16.00", "collection_data": "9/0101002IM/", "reason": "Marca da bollo - 01957f1f"}],
                "notify": {"url": "https://e.it/notify", "method": "POST"}, "landing": {"url": "https://e.it/landing", "method": "GET"},
                "config_id": "cf9ece67-1956-49c9-af89-a19120485fef"
            }
        });
        change(&mut event);
        serde_json::from_value(event).unwrap()
    }

    fn payments(change: impl Fn(&mut Value)) -> Result<Vec<PaymentEvent>, NoPayment> {
        payments_of(
            &application(change),
            "2025-03-10T08:20:11Z".parse().unwrap(),
        )
    }

    #[test]
    fn the_amount_and_each_stamp_are_a_payment_of_their_own() {
        let made = payments(|_| ()).unwrap();
        let items: Vec<_> = made
            .iter()
            .map(|payment| {
                (
                    payment.item.to_string(),
                    payment.payment.kind,
                    payment.payment.amount.unwrap().get(),
                )
            })
            .collect();
        assert_eq!(
            items,
            [
                ("amount".to_owned(), Some(PaymentType::Pagopa), 1650),
                ("stamp:0".to_owned(), Some(PaymentType::Stamp), 1600)
            ]
        );
        assert!(
            made.iter()
                .all(|payment| payment.id.get_version_num() == 4 && payment.attempt == 1)
        );
    }

    #[test]
    fn the_first_form_waits_for_the_proxy_and_has_no_link_but_where_it_returns_and_whom_it_tells() {
        let first = payments(|_| ()).unwrap().remove(0);
        assert_eq!(first.status, PaymentStatus::CreationPending);
        assert_eq!(first.payment.iud, first.id.simple().to_string());
        assert_eq!(
            (
                &first.payment.iuv,
                &first.payment.notice_code,
                &first.payment.transaction_id
            ),
            (&None, &None, &None)
        );
        assert_eq!(first.payment.split.len(), 2);
        let links = serde_json::to_value(&first.links).unwrap();
        assert_eq!(
            links["online_payment_landing"]["url"],
            "https://e.it/landing"
        );
        assert_eq!(
            links["notify"],
            json!([{"url": "https://e.it/notify", "method": "POST", "sent_at": null}])
        );
        assert_eq!(
            links["cancel"],
            json!({"url": null, "last_opened_at": null, "method": "PATCH"})
        );
        assert_eq!(links["update"]["next_check_at"], Value::Null);
    }

    #[test]
    fn the_payer_is_the_applicant() {
        let payer = payments(|_| ()).unwrap().remove(0).payer;
        assert_eq!(payer.tax_identification_number, "RSSMRA80A01H501U");
        assert_eq!(
            (payer.name.as_str(), payer.family_name.as_deref()),
            ("Mario", Some("Rossi"))
        );
        assert_eq!(
            (payer.country_subdivision.as_deref(), payer.street_name),
            (Some("PI"), None)
        );
    }

    #[test]
    fn an_application_that_waits_for_no_payment_makes_none() {
        assert_eq!(
            payments(|event| event["status_name"] = json!("status_submitted")),
            Ok(Vec::new())
        );
        assert_eq!(
            payments(|event| event["payment_data"] = Value::Null),
            Ok(Vec::new())
        );
    }

    #[test]
    fn stamps_alone_are_paid_without_an_amount() {
        let made = payments(|event| {
            event["payment_data"]["amount"] = json!("0.00");
            event["payment_data"]["split"] = Value::Null;
        });
        assert_eq!(
            made.unwrap()
                .iter()
                .map(|payment| payment.item)
                .collect::<Vec<_>>(),
            [PaymentItem::Stamp(0)]
        );
    }

    #[test]
    fn a_reason_that_names_a_person_is_replaced() {
        let made = payments(|event| {
            event["payment_data"]["reason"] = json!("Suolo pubblico di RSSMRA80A01H501U")
        })
        .unwrap();
        assert_eq!(
            made[0].reason.as_deref(),
            Some("Pagamento - 01957f1f-2370-770e-9132-1729a8e91419")
        );
    }

    #[test]
    fn an_applicant_without_a_fiscal_code_is_refused_without_a_word_about_him() {
        let refused = payments(|event| {
            event["data"]
                .as_object_mut()
                .unwrap()
                .remove("applicant.data.fiscal_code.data.fiscal_code");
        });
        assert_eq!(
            refused,
            Err(NoPayment::Applicant("fiscal_code.data.fiscal_code"))
        );
    }

    #[test]
    fn a_split_that_does_not_sum_up_is_refused() {
        let refused = payments(|event| event["payment_data"]["amount"] = json!("20.00"));
        assert!(matches!(
            refused,
            Err(NoPayment::Invalid {
                item: PaymentItem::Amount,
                ..
            })
        ));
    }
}
