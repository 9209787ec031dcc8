//! A row of a file of dues: which columns there are, and what each must hold (decisions §8).

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use opencity_contracts::money::Cents;
use opencity_contracts::payment::{Payer, PersonType, Receiver};
use opencity_kernel::id::ServiceId;
use opencity_kernel::notice_number::NoticeNumber;
use opencity_kernel::tax_code::{FiscalCode, TestBodies, VatNumber, contains_fiscal_code};

use super::due::Due;

const REQUIRED: [&str; 5] = [
    "notice_number",
    "fiscal_code",
    "amount",
    "reason",
    "expire_at",
];

/// Columns that a file needs and does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the file has no column {0}; the first line must name the columns")]
pub struct MissingColumns(pub String);

/// Where each column is.
#[derive(Debug, Clone)]
pub struct Columns(HashMap<String, usize>);

impl Columns {
    /// Reads the first line.
    ///
    /// # Errors
    /// [`MissingColumns`].
    pub fn of(header: &[String]) -> Result<Self, MissingColumns> {
        let places: HashMap<String, usize> = header
            .iter()
            .enumerate()
            .map(|(place, name)| {
                (
                    name.trim_start_matches('\u{feff}')
                        .trim()
                        .to_ascii_lowercase(),
                    place,
                )
            })
            .collect();
        let missing: Vec<&str> = REQUIRED
            .into_iter()
            .filter(|name| !places.contains_key(*name))
            .collect();
        if missing.is_empty() {
            Ok(Self(places))
        } else {
            Err(MissingColumns(missing.join(", ")))
        }
    }
}

/// Reads one row.
pub struct RowReader<'a> {
    /// The columns.
    pub columns: &'a Columns,
    /// The service that the dues belong to.
    pub service_id: ServiceId,
    /// Whether codes of test bodies are taken.
    pub test_bodies: TestBodies,
}

impl RowReader<'_> {
    /// The due of a row.
    ///
    /// # Errors
    /// Every rule that the row breaks: the column and what it must hold, never what it holds.
    pub fn due(&self, record: &[String]) -> Result<Due, String> {
        let mut row = Row {
            columns: self.columns,
            record,
            broken: Vec::new(),
        };
        let notice = row.required(
            "notice_number",
            "18 digits with right check digits",
            |text| NoticeNumber::parse(text).ok(),
        );
        let fiscal_code = row.required(
            "fiscal_code",
            "a fiscal code or VAT number with the right check character",
            |text| FiscalCode::parse(text, self.test_bodies).ok(),
        );
        let amount = row.required("amount", "an amount from 0.01 to 999999999.99", |text| {
            text.parse::<Cents>()
                .ok()
                .filter(|amount| !amount.is_zero())
        });
        let reason = row.required(
            "reason",
            "1 to 140 characters without a fiscal code",
            |text| {
                (text.chars().count() <= 140 && !contains_fiscal_code(text))
                    .then(|| text.to_owned())
            },
        );
        let expire_at = row.required("expire_at", "a date as dd-mm-YYYY or ISO 8601", |text| {
            instant(text, NaiveTime::from_hms_opt(23, 59, 59)?)
        });
        let created_at = row.optional("created_at", "a date as dd-mm-YYYY or ISO 8601", |text| {
            instant(text, NaiveTime::MIN)
        });
        let iuv = row.optional("iuv", "the IUV of the notice number", |text| {
            notice
                .as_ref()
                .is_none_or(|notice| notice.iuv() == text)
                .then(|| text.to_owned())
        });
        let iud = row.text("iud", 50);
        let due_type = row.text("due_type", 255);
        let category = row.text("pagopa_category", 140);
        let name = row.text("name", 255);
        let surname = row.text("surname", 255);
        let email = row.optional("email", "an e-mail address", |text| {
            (text.len() <= 254
                && text
                    .split_once('@')
                    .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()))
            .then(|| text.to_owned())
        });
        let creditor = row.optional(
            "creditor_tax_identification_number",
            "11 digits with the right check digit",
            |text| {
                VatNumber::parse(text, self.test_bodies)
                    .ok()
                    .map(|code| code.expose().to_owned())
            },
        );
        let creditor_name = row.text("creditor_name", 255);
        if creditor.is_some() != creditor_name.is_some() {
            row.broken.push(
                "creditor_tax_identification_number and creditor_name go together".to_owned(),
            );
        }
        let url = row.optional(
            "online_payment_url",
            "an address that begins with https://",
            |text| (text.starts_with("https://") && text.len() <= 2000).then(|| text.to_owned()),
        );
        let (Some(notice), Some(fiscal_code), Some(amount), Some(reason), Some(expire_at), true) = (
            notice,
            fiscal_code,
            amount,
            reason,
            expire_at,
            row.broken.is_empty(),
        ) else {
            return Err(row.broken.join("; "));
        };
        let code = fiscal_code.expose().to_owned();
        Ok(Due {
            service_id: self.service_id,
            payer: Payer {
                kind: if fiscal_code.is_personal() {
                    PersonType::Human
                } else {
                    PersonType::Legal
                },
                // The event needs a name; without one the code is the only thing known of the payer.
                name: name.unwrap_or_else(|| code.clone()),
                tax_identification_number: code,
                family_name: surname,
                country: Some("IT".to_owned()),
                email,
                ..Payer::default()
            },
            reason,
            amount,
            expire_at,
            created_at,
            iuv: Some(iuv.unwrap_or_else(|| notice.iuv().to_owned())),
            notice_code: Some(notice.as_str().to_owned()),
            iud,
            receiver: creditor
                .zip(creditor_name)
                .map(|(tax_identification_number, name)| Receiver {
                    tax_identification_number,
                    name,
                    ..Receiver::default()
                }),
            due_type,
            pagopa_category: category,
            online_payment_url: url,
            locale: None,
        })
    }
}

struct Row<'a> {
    columns: &'a Columns,
    record: &'a [String],
    broken: Vec<String>,
}

impl Row<'_> {
    fn value(&self, column: &str) -> Option<&str> {
        let value = self.record.get(*self.columns.0.get(column)?)?.trim();
        (!value.is_empty()).then_some(value)
    }

    fn optional<T>(
        &mut self,
        column: &str,
        takes: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let read = self.value(column).map(read)?;
        if read.is_none() {
            self.broken.push(format!("{column} takes {takes}"));
        }
        read
    }

    fn required<T>(
        &mut self,
        column: &str,
        takes: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if self.value(column).is_none() {
            self.broken.push(format!("{column} is missing"));
            return None;
        }
        self.optional(column, takes, read)
    }

    fn text(&mut self, column: &str, most: usize) -> Option<String> {
        self.optional(column, &format!("at most {most} characters"), |text| {
            (text.chars().count() <= most).then(|| text.to_owned())
        })
    }
}

/// A date, taken in Italy at this time of day, or a whole instant.
fn instant(text: &str, time: NaiveTime) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    let date = NaiveDate::parse_from_str(text, "%d-%m-%Y")
        .or_else(|_| NaiveDate::parse_from_str(text, "%Y-%m-%d"))
        .ok()?;
    chrono_tz::Europe::Rome
        .from_local_datetime(&date.and_time(time))
        .earliest()
        .map(|time| time.to_utc())
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
    use opencity_contracts::payment::PaymentStatus;

    const GOOD: [(&str, &str); 6] = [
        ("notice_number", "301202400001234539"),
        ("fiscal_code", "RSSMRA80A01H501U"),
        ("amount", "50.50"),
        ("reason", "Mensa scolastica marzo 2025"),
        ("created_at", "01-03-2025"),
        ("expire_at", "30-04-2025"),
    ];

    fn row(changes: &[(&str, &str)]) -> Result<Due, String> {
        let mut cells: Vec<(String, String)> = GOOD
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        for (name, value) in changes {
            cells.retain(|(known, _)| known != name);
            cells.push(((*name).into(), (*value).into()));
        }
        let (header, record): (Vec<String>, Vec<String>) = cells.into_iter().unzip();
        let columns = Columns::of(&header).unwrap();
        RowReader {
            columns: &columns,
            service_id: ServiceId::random(),
            test_bodies: TestBodies::Refused,
        }
        .due(&record)
    }

    #[test]
    fn the_row_of_the_documentation_is_a_due() {
        let due = row(&[]).unwrap();
        let payment = due.into_payment(Uuid::nil(), "2025-03-02T00:00:00Z".parse().unwrap());
        assert_eq!(payment.validate(), Ok(()));
        assert_eq!(payment.status, PaymentStatus::PaymentPending);
        assert_eq!(payment.remote_id, payment.id);
        assert_eq!(payment.payment.iuv.as_deref(), Some("01202400001234539"));
        assert_eq!(payment.payment.amount.unwrap().get(), 5050);
        assert_eq!(payment.created_at.to_rfc3339(), "2025-02-28T23:00:00+00:00");
        assert_eq!(
            payment.payment.expire_at.unwrap().to_rfc3339(),
            "2025-04-30T21:59:59+00:00"
        );
        assert_eq!(payment.links.online_payment_begin.url, None);
    }
    use uuid::Uuid;

    #[test]
    fn each_wrong_column_is_named_with_what_it_takes_and_never_with_what_it_holds() {
        for (column, value) in [
            ("notice_number", "301202400001234538"),
            ("fiscal_code", "RSSMRA80A01H501A"),
            ("amount", "0.00"),
            ("amount", "1.234,00"),
            ("reason", "Mensa di RSSMRA80A01H501U"),
            ("expire_at", "31-02-2025"),
            ("created_at", "03/01/2025"),
            ("iuv", "01202400001234538"),
            ("email", "nobody"),
            ("creditor_tax_identification_number", "12345678901"),
            ("online_payment_url", "javascript:alert(1)"),
        ] {
            let reason = row(&[(column, value)]).unwrap_err();
            assert!(reason.contains(column), "{column}: {reason}");
            assert!(!reason.contains(value), "{column}: {reason}");
        }
        for column in REQUIRED {
            assert_eq!(
                row(&[(column, " ")]).unwrap_err(),
                format!("{column} is missing")
            );
        }
    }

    #[test]
    fn all_faults_of_a_row_are_told_at_once() {
        let reason = row(&[("amount", "x"), ("expire_at", "x")]).unwrap_err();
        assert!(
            reason.contains("amount") && reason.contains("expire_at"),
            "{reason}"
        );
    }

    #[test]
    fn columns_are_found_by_name_whatever_their_case_and_order() {
        let header = [
            "\u{feff}EXPIRE_AT",
            "reason",
            " amount ",
            "fiscal_code",
            "notice_number",
        ]
        .map(str::to_owned);
        assert!(Columns::of(&header).is_ok());
        assert_eq!(
            Columns::of(&header[..3]).unwrap_err(),
            MissingColumns("notice_number, fiscal_code".to_owned())
        );
    }
}
