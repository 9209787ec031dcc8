//! The payment fields of a form: `payment_amount`, `payment_description`, `payment_financial_report`.

use serde_json::Value;

use crate::money::parse_cents;
use crate::validate::FieldError;
use crate::values::{is_blank, text_of, trimmed};

const AMOUNT: &str = "payment_amount";
const REPORT: &str = "payment_financial_report";

/// What a submission says about its payment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentFields {
    /// Cents of euro; `None` when the form has no amount, so that the service's counts. Zero or less is an exemption.
    pub amount_cents: Option<i64>,
    /// Reason proposed by the form. It may contain personal data: the caller checks it.
    pub description: Option<String>,
    /// How the amount is split over the budget; empty when it is not.
    pub financial_report: Vec<FinancialRow>,
}

/// One row of the split (*ripartizione in bilancio*).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinancialRow {
    /// Budget chapter (`codCapitolo`).
    pub chapter: String,
    /// Office (`codUfficio`).
    pub office: Option<String>,
    /// Assessment (`codAccertamento`).
    pub assessment: Option<String>,
    /// Cents of euro (`importo`).
    pub amount_cents: i64,
}

impl PaymentFields {
    /// Reads the payment fields at the top of the data. The split may be an array or, as hidden fields often hold it,
    /// its JSON text. When there is no amount in the form the sum of the split is not checked here.
    ///
    /// # Errors
    /// An amount that is not one, a row without chapter or amount, or a split whose sum differs from the amount; each
    /// names its field.
    pub fn read(data: &Value) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let amount_cents = match data.get(AMOUNT).filter(|value| !is_blank(value)) {
            None => None,
            Some(value) => {
                let cents = parse_cents(value);
                if cents.is_none() {
                    errors.push(FieldError::new(AMOUNT, "amount", AMOUNT_MESSAGE));
                }
                cents
            }
        };
        let financial_report = report(data, &mut errors);
        let sum: i64 = financial_report
            .iter()
            .map(|row| row.amount_cents)
            .fold(0, i64::saturating_add);
        if errors.is_empty()
            && !financial_report.is_empty()
            && amount_cents.is_some_and(|amount| amount != sum)
        {
            let message = format!("Make the sum of the rows equal to {AMOUNT}.");
            errors.push(FieldError::new(REPORT, "sum", message));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            amount_cents,
            description: trimmed(data, "payment_description"),
            financial_report,
        })
    }
}

const AMOUNT_MESSAGE: &str =
    "Write the amount in euro with at most two decimals, for example 10.50.";

fn report(data: &Value, errors: &mut Vec<FieldError>) -> Vec<FinancialRow> {
    let wrong = || {
        FieldError::new(
            REPORT,
            "type",
            "Give the split of the amount as an array of rows.",
        )
    };
    let parsed;
    let rows = match data.get(REPORT).filter(|value| !is_blank(value)) {
        None => return Vec::new(),
        Some(Value::String(text)) => match serde_json::from_str::<Value>(text) {
            Ok(value) => {
                parsed = value;
                &parsed
            }
            Err(_) => {
                errors.push(wrong());
                return Vec::new();
            }
        },
        Some(value) => value,
    };
    let Some(rows) = rows.as_array() else {
        errors.push(wrong());
        return Vec::new();
    };
    rows.iter()
        .enumerate()
        .filter_map(|(index, row)| financial_row(index, row, errors))
        .collect()
}

fn financial_row(index: usize, row: &Value, errors: &mut Vec<FieldError>) -> Option<FinancialRow> {
    let code = |key: &str| {
        row.get(key)
            .map(text_of)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    let chapter = code("codCapitolo");
    if chapter.is_none() {
        let message = "Fill in the budget chapter of every row.";
        errors.push(FieldError::new(
            format!("{REPORT}.{index}.codCapitolo"),
            "required",
            message,
        ));
    }
    let amount = row
        .get("importo")
        .and_then(parse_cents)
        .filter(|cents| *cents >= 0);
    if amount.is_none() {
        errors.push(FieldError::new(
            format!("{REPORT}.{index}.importo"),
            "amount",
            AMOUNT_MESSAGE,
        ));
    }
    Some(FinancialRow {
        chapter: chapter?,
        office: code("codUfficio"),
        assessment: code("codAccertamento"),
        amount_cents: amount?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_split_that_adds_up_is_read_as_array_or_as_text() {
        let rows = json!([
            {"codCapitolo": "2020/1", "codUfficio": "U1", "codAccertamento": "A1", "importo": "8,50"},
            {"codCapitolo": "2020/2", "importo": 2},
        ]);
        let array = PaymentFields::read(
            &json!({"payment_amount": "10.5", "payment_financial_report": rows}),
        )
        .unwrap();
        assert_eq!(array.amount_cents, Some(1050));
        assert_eq!(array.financial_report[0].amount_cents, 850);
        assert_eq!(array.financial_report[1].office, None);
        let text = json!({"payment_amount": "10,50", "payment_financial_report": rows.to_string()});
        assert_eq!(PaymentFields::read(&text).unwrap(), array);
    }

    #[test]
    fn each_mistake_names_its_field() {
        let field = |data: Value| PaymentFields::read(&data).unwrap_err().remove(0).field;
        assert_eq!(field(json!({"payment_amount": "ten"})), "payment_amount");
        let short = json!({"payment_amount": "10", "payment_financial_report": [{"codCapitolo": "1", "importo": "9"}]});
        assert_eq!(field(short), "payment_financial_report");
        let bare = json!({"payment_amount": "10", "payment_financial_report": [{"importo": "10"}]});
        assert_eq!(field(bare), "payment_financial_report.0.codCapitolo");
        assert_eq!(
            field(json!({"payment_financial_report": "[{"})),
            "payment_financial_report"
        );
    }

    #[test]
    fn a_form_without_payment_fields_says_nothing() {
        assert_eq!(
            PaymentFields::read(&json!({"payment_amount": ""})).unwrap(),
            PaymentFields::default()
        );
    }
}
