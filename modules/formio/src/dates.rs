//! Dates of forms: ISO 8601 of date pickers, and the parts of day fields.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use chrono_tz::Europe::Rome;

/// The wall-clock time that the person meant. A value in UTC is read in Italian time; one with another offset is
/// already in the time of the browser that wrote it.
pub(crate) fn wall_clock(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(local(instant));
    }
    // The offset without a colon, as some clients write it.
    if let Ok(instant) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z") {
        return Some(local(instant));
    }
    [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ]
    .into_iter()
    .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    .or_else(|| {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    })
}

fn local(instant: DateTime<FixedOffset>) -> NaiveDateTime {
    if instant.offset().local_minus_utc() == 0 {
        instant.with_timezone(&Rome).naive_local()
    } else {
        instant.naive_local()
    }
}

/// A date as people and forms write it: ISO 8601, or `dd/mm/yyyy`.
pub(crate) fn date(text: &str) -> Option<NaiveDate> {
    wall_clock(text)
        .map(|moment| moment.date())
        .or_else(|| NaiveDate::parse_from_str(text.trim(), "%d/%m/%Y").ok())
}

pub(crate) enum DayValue {
    /// Nothing chosen.
    Empty,
    /// Some part is missing.
    Partial,
    /// Complete; the text reads day, month, year, of which the form asks for some.
    Complete(String),
    Wrong,
}

/// Reads the value of a day field. `shown` says which of day, month and year the form asks for; a part that is not
/// chosen is written `00`.
pub(crate) fn day(text: &str, day_first: bool, shown: [bool; 3]) -> DayValue {
    let text = text.trim();
    if text.is_empty() {
        return DayValue::Empty;
    }
    let [has_day, has_month, has_year] = shown;
    let mut parts = text.split('/').map(|part| part.parse::<u32>().ok());
    let mut next = |wanted: bool| {
        if wanted {
            parts.next().flatten().ok_or(()).map(Some)
        } else {
            Ok(None)
        }
    };
    let read = (|| {
        let (day, month) = if day_first {
            let day = next(has_day)?;
            (day, next(has_month)?)
        } else {
            let month = next(has_month)?;
            (next(has_day)?, month)
        };
        Ok::<_, ()>([day, month, next(has_year)?])
    })();
    let Ok(read) = read else {
        return DayValue::Wrong;
    };
    if parts.next().is_some() {
        return DayValue::Wrong;
    }
    let zeros = read.iter().flatten().filter(|part| **part == 0).count();
    if zeros == read.iter().flatten().count() {
        return DayValue::Empty;
    }
    let [day, month, year] = read;
    // What is not asked, or not chosen yet, cannot make a date wrong: a leap year stands in for it.
    let or = |part: Option<u32>, stand_in: u32| part.filter(|part| *part > 0).unwrap_or(stand_in);
    let year_number = i32::try_from(or(year, 2000)).unwrap_or(i32::MAX);
    if year_number > 9999
        || NaiveDate::from_ymd_opt(year_number, or(month, 1), or(day, 1)).is_none()
    {
        return DayValue::Wrong;
    }
    if zeros > 0 {
        return DayValue::Partial;
    }
    let written = [(day, 2), (month, 2), (year, 4)];
    let written: Vec<String> = written
        .iter()
        .filter_map(|(part, width)| part.map(|part| format!("{part:0width$}")))
        .collect();
    DayValue::Complete(written.join("/"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_date_is_the_day_that_the_person_chose() {
        let expected = NaiveDate::from_ymd_opt(1980, 1, 1).unwrap();
        for text in [
            "1980-01-01T00:00:00+01:00",
            "1979-12-31T23:00:00Z",
            "1980-01-01",
            "01/01/1980",
            "1980-01-01T00:00:00+0100",
        ] {
            assert_eq!(date(text), Some(expected), "{text}");
        }
        assert_eq!(date("31/02/1980"), None);
        assert_eq!(date("soon"), None);
    }

    #[test]
    fn a_day_field_reads_in_either_order_and_knows_missing_parts() {
        let all = [true; 3];
        let complete = |text, first, parts| match day(text, first, parts) {
            DayValue::Complete(written) => Some(written),
            _ => None,
        };
        assert_eq!(
            complete("03/25/2024", false, all),
            Some("25/03/2024".to_owned())
        );
        assert_eq!(
            complete("25/03/2024", true, all),
            Some("25/03/2024".to_owned())
        );
        assert_eq!(
            complete("03/2024", false, [false, true, true]),
            Some("03/2024".to_owned())
        );
        assert!(matches!(day("00/00/0000", true, all), DayValue::Empty));
        assert!(matches!(day("00/03/2024", true, all), DayValue::Partial));
        assert!(matches!(day("31/02/2024", true, all), DayValue::Wrong));
        assert!(matches!(day("1/2/2024/5", true, all), DayValue::Wrong));
        assert!(matches!(day("x/2/2024", true, all), DayValue::Wrong));
    }
}
