//! Amounts as people and forms write them, in integer cents.

use serde_json::Value;

/// The largest amount of a debt position, 999,999,999.99 euro, in cents (pagoPA, tracciato della posizione debitoria).
pub const MAX_AMOUNT_CENTS: i64 = 99_999_999_999;

/// Reads an amount in euro, written with a comma or a dot and at most two decimals, as integer cents: `"10"`, `"10,5"`,
/// `"10.50"`, `10.5`. A JSON number that a script computed is rounded to the cent when it is off by less than a
/// millionth. Nothing is guessed of thousands separators: `None` for them, for other text and beyond
/// [`MAX_AMOUNT_CENTS`].
#[must_use]
pub fn parse_cents(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => parse_text(text.trim()),
        Value::Number(number) => {
            let exact = number.as_f64()?;
            let rounded = format!("{exact:.2}");
            let near = (rounded.parse::<f64>().ok()? - exact).abs() < 1e-6;
            near.then(|| parse_text(&rounded)).flatten()
        }
        _ => None,
    }
}

fn parse_text(text: &str) -> Option<i64> {
    let (negative, digits) = text
        .strip_prefix('-')
        .map_or((false, text), |rest| (true, rest));
    let (whole, decimals) = digits.split_once([',', '.']).unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(decimals) || decimals.len() > 2 {
        return None;
    }
    let tenths = if decimals.len() == 1 { 10 } else { 1 };
    let fraction = decimals.parse::<i64>().ok()?.checked_mul(tenths)?;
    let cents = whole
        .parse::<i64>()
        .ok()?
        .checked_mul(100)?
        .checked_add(fraction)?;
    (cents <= MAX_AMOUNT_CENTS).then_some(if negative { -cents } else { cents })
}

/// Cents as an amount for people: `1050` → `10,50 €`.
pub(crate) fn euro(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{},{:02} €", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn comma_and_dot_mean_the_same() {
        for value in [
            json!("10,50"),
            json!("10.5"),
            json!(10.5),
            json!(" 10.50 "),
            json!(10.500_000_000_000_002),
        ] {
            assert_eq!(parse_cents(&value), Some(1050), "{value}");
        }
        assert_eq!(parse_cents(&json!(10)), Some(1000));
        assert_eq!(parse_cents(&json!("0,07")), Some(7));
        assert_eq!(parse_cents(&json!("-1")), Some(-100));
        assert_eq!(parse_cents(&json!("999999999,99")), Some(MAX_AMOUNT_CENTS));
    }

    #[test]
    fn what_could_mean_two_things_is_no_amount() {
        for value in [
            "",
            "1.234",
            "1.234,56",
            "10,",
            ",5",
            "€ 10",
            "1e3",
            "NaN",
            "1000000000",
            "9999999999999999999999",
        ] {
            assert_eq!(parse_cents(&json!(value)), None, "{value}");
        }
        assert_eq!(parse_cents(&json!(10.555)), None);
        assert_eq!(parse_cents(&json!(1e30)), None);
        assert_eq!(parse_cents(&json!(null)), None);
    }

    #[test]
    fn people_read_euro_with_a_comma() {
        assert_eq!(euro(123_405), "1234,05 €");
        assert_eq!(euro(-5), "-0,05 €");
    }
}
