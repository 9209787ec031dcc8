//! What an application has to pay: from its data and from its service.

use std::time::Duration;

use opencity_contracts::application::{Endpoint, PaymentData, PaymentDataSplit, Stamp};
use opencity_contracts::payment::HttpMethod;
use opencity_contracts::service::{Gateway, PaymentRequired, Service};
use opencity_formio::{Applicant, Form, PaymentFields};
use opencity_kernel::id::ApplicationId;
use opencity_kernel::instant::Instant;
use opencity_kernel::money::Cents;
use opencity_kernel::{FieldProblem, Problem, ProblemKind};
use serde_json::{Map, Value, json};

use crate::domain::payment::next_attempt_items;
use crate::domain::{ItemPayment, PaymentItem, PaymentKind};

/// How long an attempt may be paid, from the entry into 1500 (decisions §5).
const TIME_TO_PAY: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The most characters of a payment's reason (pagoPA).
const REASON_MAX: usize = 140;

/// What is to be paid in all, whatever was paid already.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terms {
    /// Without the stamps.
    pub amount: Cents,
    /// Reason proposed by the form.
    description: Option<String>,
    split: Option<Vec<PaymentDataSplit>>,
    stamps: Vec<(Cents, Option<String>)>,
}

/// When the service is paid.
#[must_use]
pub fn payment_kind(service: &Service) -> PaymentKind {
    match service.payment_required {
        PaymentRequired::None => PaymentKind::None,
        PaymentRequired::Immediate => PaymentKind::Immediate,
        PaymentRequired::Deferred => PaymentKind::Deferred,
    }
}

impl Terms {
    /// What these data have to pay. Payment fields that are not valid count as absent: they are
    /// refused when the data come in, by [`check`].
    #[must_use]
    pub fn of(service: &Service, data: &Value) -> Self {
        let fields = PaymentFields::read(data).unwrap_or_default();
        let set = service.payment_parameters.total_amounts;
        let amount = match fields.amount_cents {
            Some(cents) => Cents::new(cents.max(0)).ok(),
            None => set,
        }
        .unwrap_or(Cents::ZERO);
        let split: Vec<PaymentDataSplit> = fields
            .financial_report
            .iter()
            .filter_map(|row| {
                let mut meta = Map::new();
                if let Some(office) = &row.office {
                    meta.insert("codUfficio".to_owned(), json!(office));
                }
                if let Some(assessment) = &row.assessment {
                    meta.insert("codAccertamento".to_owned(), json!(assessment));
                }
                Some(PaymentDataSplit {
                    code: row.chapter.clone(),
                    amount: Cents::new(row.amount_cents).ok()?,
                    meta,
                })
            })
            .collect();
        Self {
            amount,
            description: fields.description,
            split: (!split.is_empty()).then_some(split),
            stamps: service
                .payment_parameters
                .gateways
                .first()
                .map(stamps_of)
                .unwrap_or_default(),
        }
    }

    /// The items, in order.
    #[must_use]
    pub fn items(&self) -> Vec<(PaymentItem, Cents)> {
        let amount = (!self.amount.is_zero()).then_some((PaymentItem::Amount, self.amount));
        let stamps = (0_u32..).zip(&self.stamps);
        amount
            .into_iter()
            .chain(stamps.map(|(row, (amount, _))| (PaymentItem::Stamp(row), *amount)))
            .collect()
    }

    /// The items that no attempt has paid.
    #[must_use]
    pub fn unpaid(&self, payments: &[ItemPayment]) -> Vec<(PaymentItem, Cents)> {
        let items = self.items();
        let names: Vec<PaymentItem> = items.iter().map(|(item, _)| *item).collect();
        let due = next_attempt_items(&names, payments);
        items
            .into_iter()
            .filter(|(item, _)| due.contains(item))
            .collect()
    }

    /// Whether something is still to be paid.
    #[must_use]
    pub fn is_due(&self, payments: &[ItemPayment]) -> bool {
        self.unpaid(payments)
            .iter()
            .any(|(_, amount)| !amount.is_zero())
    }
}

fn stamps_of(gateway: &Gateway) -> Vec<(Cents, Option<String>)> {
    let rows = gateway
        .parameters
        .extra
        .get("stamps")
        .and_then(Value::as_array);
    rows.into_iter()
        .flatten()
        .filter_map(|row| {
            let amount = serde_json::from_value(row.get("amount")?.clone()).ok()?;
            let category = row.get("collection_data").and_then(Value::as_str);
            Some((amount, category.map(str::to_owned)))
        })
        .collect()
}

/// The connector of a payment: the one chosen, or the service's first.
#[must_use]
pub fn gateway<'s>(service: &'s Service, chosen: Option<&str>) -> Option<&'s Gateway> {
    let gateways = &service.payment_parameters.gateways;
    chosen
        .and_then(|name| gateways.iter().find(|gateway| gateway.identifier == name))
        .or_else(|| gateways.first())
}

/// For whom and where `payment_data` is made.
pub struct Attempt<'a> {
    /// The application.
    pub application: ApplicationId,
    /// The language of the citizen.
    pub locale: &'a str,
    /// How links to the tenant begin: `https://host/lang`.
    pub site: &'a str,
    /// The connector chosen.
    pub payment_type: Option<&'a str>,
    /// Number of the attempt.
    pub number: u32,
    /// When it is opened.
    pub now: Instant,
}

/// `payment_data` of an attempt that asks for these items.
///
/// # Errors
/// If the service has no connector that is configured.
pub fn payment_data(
    terms: &Terms,
    items: &[(PaymentItem, Cents)],
    service: &Service,
    applicant: &Applicant,
    attempt: &Attempt<'_>,
) -> Result<PaymentData, Problem> {
    let config_id = gateway(service, attempt.payment_type)
        .and_then(|gateway| gateway.parameters.config_id)
        .ok_or_else(|| {
            Problem::new(
                ProblemKind::Validation,
                "The service has no payment connector, so nothing can be paid; tell the office.",
            )
        })?;
    let id = attempt.application;
    let asks_amount = items.iter().any(|(item, _)| *item == PaymentItem::Amount);
    let stamps: Vec<Stamp> = (0_u32..)
        .zip(&terms.stamps)
        .filter(|(row, _)| {
            items
                .iter()
                .any(|(item, _)| *item == PaymentItem::Stamp(*row))
        })
        .map(|(_, (amount, category))| Stamp {
            amount: *amount,
            collection_data: category.clone(),
            reason: format!("Marca da bollo - {id}"),
        })
        .collect();
    Ok(PaymentData {
        reason: reason(terms.description.as_deref(), &service.name, id, applicant),
        amount: if asks_amount {
            terms.amount
        } else {
            Cents::ZERO
        },
        expire_at: attempt.now.plus(TIME_TO_PAY).utc(),
        split: if asks_amount {
            terms.split.clone()
        } else {
            None
        },
        stamps: (!stamps.is_empty()).then_some(stamps),
        notify: Endpoint {
            url: format!("{}/api/applications/{id}/payment", attempt.site),
            method: HttpMethod::Post,
        },
        landing: Endpoint {
            url: format!("{}/{}/pratiche/{id}/detail", attempt.site, attempt.locale),
            method: HttpMethod::Get,
        },
        config_id,
        attempt: attempt.number,
    })
}

/// The reason of a payment: what the form proposes unless it names a person, else the service's
/// name, cut so that the whole fits.
fn reason(
    proposed: Option<&str>,
    service: &str,
    id: ApplicationId,
    applicant: &Applicant,
) -> String {
    if let Some(text) = proposed.filter(|text| !names_a_person(text, applicant)) {
        return text.chars().take(REASON_MAX).collect();
    }
    let tail = format!(" - {id}");
    let room = REASON_MAX.saturating_sub(tail.chars().count());
    let name: String = service.chars().take(room).collect();
    format!("{}{tail}", name.trim_end())
}

fn names_a_person(text: &str, applicant: &Applicant) -> bool {
    let folded = text.to_lowercase();
    let own = [
        &applicant.fiscal_code,
        &applicant.surname,
        &applicant.email,
        &applicant.cell_number,
    ];
    let tells = own
        .into_iter()
        .flatten()
        .any(|value| folded.contains(&value.to_lowercase()));
    tells
        || text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(is_fiscal_code)
}

/// Sixteen characters in the pattern of a fiscal code, letters of omocodia included, or eleven digits.
fn is_fiscal_code(word: &str) -> bool {
    let digit = |c: u8| c.is_ascii_digit() || b"LMNPQRSTUV".contains(&c.to_ascii_uppercase());
    let bytes = word.as_bytes();
    match bytes.len() {
        11 => bytes.iter().all(u8::is_ascii_digit),
        16 => bytes.iter().enumerate().all(|(place, c)| match place {
            0..=5 | 8 | 11 | 15 => c.is_ascii_alphabetic(),
            _ => digit(*c),
        }),
        _ => false,
    }
}

/// Checks the payment fields of data that are sent.
///
/// # Errors
/// 422 that names the field: an amount that is none, lower than the service's or absent, parts that
/// do not add up.
pub fn check(service: &Service, form: Option<&Form>, data: &Value) -> Result<(), Problem> {
    let fields = PaymentFields::read(data).map_err(|errors| {
        let errors = errors
            .into_iter()
            .map(|error| FieldProblem {
                field: format!("data.{}", error.field),
                code: error.code.to_owned(),
                message: error.message,
            })
            .collect();
        Problem::new(
            ProblemKind::AmountMismatch,
            "Correct the payment fields named in errors and send the request again.",
        )
        .with_errors(errors)
    })?;
    let refused = |field: &str, message: &str| {
        Err(
            Problem::new(ProblemKind::AmountMismatch, message).with_errors(vec![FieldProblem {
                field: format!("data.{field}"),
                code: "amount".to_owned(),
                message: message.to_owned(),
            }]),
        )
    };
    let set = service.payment_parameters.total_amounts.map(Cents::get);
    let due = fields.amount_cents.or(set).unwrap_or_default();
    let sum: i64 = fields
        .financial_report
        .iter()
        .map(|row| row.amount_cents)
        .sum();
    if !fields.financial_report.is_empty() && sum != due {
        return refused(
            "payment_financial_report",
            "Make the sum of the rows equal to the amount.",
        );
    }
    if service.payment_required == PaymentRequired::None {
        return Ok(());
    }
    let asks = form.is_some_and(|form| {
        form.fields()
            .iter()
            .any(|field| field.path == "payment_amount")
    });
    match (set, fields.amount_cents) {
        (Some(set), Some(given)) if given < set => refused(
            "payment_amount",
            "The amount is lower than the one that the service sets; give at least that.",
        ),
        (Some(_), None) if asks => {
            refused("payment_amount", "Give the amount: the service sets one.")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn id() -> ApplicationId {
        "01957f1f-2370-770e-9132-1729a8e91419".parse().unwrap()
    }

    fn paid_service(total: Option<i64>) -> Service {
        Service {
            name: "Occupazione di suolo pubblico".to_owned(),
            payment_required: PaymentRequired::Immediate,
            payment_parameters: opencity_contracts::service::PaymentParameters {
                total_amounts: total.map(|cents| Cents::new(cents).unwrap()),
                gateways: Vec::new(),
            },
            ..Service::default()
        }
    }

    #[test]
    fn a_reason_never_names_a_person_and_fits() {
        let applicant = Applicant {
            surname: Some("Rossi".to_owned()),
            ..Applicant::default()
        };
        let own = reason(None, "Occupazione di suolo pubblico", id(), &applicant);
        assert_eq!(own, format!("Occupazione di suolo pubblico - {}", id()));
        for proposed in [
            "per RSSMRA80A01H501U",
            "Dehors di Mario ROSSI",
            "P.IVA 01234567890",
        ] {
            assert_eq!(
                reason(
                    Some(proposed),
                    "Occupazione di suolo pubblico",
                    id(),
                    &applicant
                ),
                own,
                "{proposed}"
            );
        }
        assert_eq!(
            reason(Some("Dehors 2025"), "x", id(), &applicant),
            "Dehors 2025"
        );
        assert_eq!(
            reason(None, &"à".repeat(300), id(), &applicant)
                .chars()
                .count(),
            140
        );
    }

    #[test]
    fn an_amount_below_the_services_is_refused_and_names_the_field() {
        let service = paid_service(Some(1000));
        let problem = check(&service, None, &json!({"payment_amount": "9,99"})).unwrap_err();
        assert_eq!(problem.kind(), ProblemKind::AmountMismatch);
        assert!(
            problem
                .body("x")
                .to_string()
                .contains("data.payment_amount")
        );
        check(&service, None, &json!({"payment_amount": "10"})).unwrap();
        check(&service, None, &json!({})).unwrap();
    }

    #[test]
    fn parts_must_add_up_to_the_services_amount_too() {
        let service = paid_service(Some(1000));
        let data = json!({"payment_financial_report": [{"codCapitolo": "1", "importo": "9"}]});
        let problem = check(&service, None, &data).unwrap_err();
        assert!(
            problem
                .body("x")
                .to_string()
                .contains("data.payment_financial_report")
        );
    }

    #[test]
    fn nothing_is_due_once_the_amount_was_paid_by_any_attempt() {
        let terms = Terms::of(&paid_service(Some(1000)), &json!({}));
        assert!(terms.is_due(&[]));
        let paid = ItemPayment {
            attempt: 1,
            item: PaymentItem::Amount,
            status: crate::domain::PaymentStatus::Complete,
            cancelled_by_us: false,
        };
        assert!(!terms.is_due(&[paid]));
        assert!(!Terms::of(&paid_service(None), &json!({"payment_amount": "0"})).is_due(&[]));
    }
}
