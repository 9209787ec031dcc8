//! Money: integer euro cents inside, a JSON number with at most two decimals on the wire.
//!
//! Text is never read through floating point: what is written in decimal is rounded in decimal.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use utoipa::ToSchema;

/// An amount in euro cents, from 0 to 999,999,999.99 euro (the most that a pagoPA amount may be).
///
/// It becomes a JSON number (`16.5`, `10`). It is read from a JSON number, rounded half up to the cent, or from a string
/// (see [`Cents::from_str`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = f64, minimum = 0, maximum = 999_999_999.99, example = 16.5)]
pub struct Cents(i64);

/// Why something is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with an optional comma or dot and one or two decimals.
    #[error(
        "not an amount: write digits, then a comma or a dot and at most two decimals, without thousands separators"
    )]
    Malformed,
    /// Below zero, or above 999,999,999.99.
    #[error("the amount must lie between 0 and 999999999.99")]
    OutOfBounds,
}

impl Cents {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// 999,999,999.99 euro.
    pub const MAX: Self = Self(99_999_999_999);

    /// From whole cents.
    ///
    /// # Errors
    /// [`MoneyError::OutOfBounds`].
    pub fn new(cents: i64) -> Result<Self, MoneyError> {
        if (0..=Self::MAX.0).contains(&cents) {
            Ok(Self(cents))
        } else {
            Err(MoneyError::OutOfBounds)
        }
    }

    /// The whole cents.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }

    /// Whether it is nothing at all.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, unless it is above [`Cents::MAX`].
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_add(other.0)?).ok()
    }

    /// The difference, unless it is below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_sub(other.0)?).ok()
    }

    /// The sum of all, unless it is above [`Cents::MAX`].
    #[must_use]
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// From a number of JSON, rounded half up to the cent (`16.505` → 16.51).
    ///
    /// # Errors
    /// [`MoneyError::OutOfBounds`].
    pub fn from_json_number(number: &serde_json::Number) -> Result<Self, MoneyError> {
        if let Some(whole) = number.as_i64() {
            return Self::from_whole_euro(whole);
        }
        number
            .as_f64()
            .ok_or(MoneyError::OutOfBounds)
            .and_then(Self::from_f64)
    }

    fn from_whole_euro(euro: i64) -> Result<Self, MoneyError> {
        Self::new(euro.checked_mul(100).ok_or(MoneyError::OutOfBounds)?)
    }

    /// Rounds the shortest decimal text of the number: `1.005` is just below 1.005 in binary, yet its writer meant 1.01.
    fn from_f64(number: f64) -> Result<Self, MoneyError> {
        if !number.is_finite() {
            return Err(MoneyError::OutOfBounds);
        }
        let text = number.to_string();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.as_str()),
        };
        let (euro, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let mut decimals = decimals
            .bytes()
            .map(|digit| i64::from(digit.wrapping_sub(b'0')));
        let mut next = || decimals.next().unwrap_or(0);
        let (tenths, hundredths, thousandths) = (next(), next(), next());
        let cents = euro
            .parse::<i64>()
            .ok()
            .and_then(|euro| euro.checked_mul(100))
            .and_then(|cents| {
                cents.checked_add(tenths * 10 + hundredths + i64::from(thousandths >= 5))
            })
            .ok_or(MoneyError::OutOfBounds)?;
        if negative && cents > 0 {
            return Err(MoneyError::OutOfBounds);
        }
        Self::new(cents)
    }
}

/// Two decimals and a dot, no currency: `16.50`.
impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Takes `10`, `16.5`, `16.50` and `16,50`, blanks around it. A third decimal or a thousands separator is refused, because
/// `1.234` may mean either.
impl FromStr for Cents {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let text = text.trim();
        let (unsigned, negative) = match text.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (euro, decimals) = match unsigned.split_once(['.', ',']) {
            Some((_, "")) => return Err(MoneyError::Malformed),
            Some(parts) => parts,
            None => (unsigned, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if euro.is_empty() || decimals.len() > 2 || !all_digits(euro) || !all_digits(decimals) {
            return Err(MoneyError::Malformed);
        }
        let cents: i64 = format!("{euro}{decimals:0<2}")
            .parse()
            .map_err(|_| MoneyError::OutOfBounds)?;
        if negative && cents > 0 {
            return Err(MoneyError::OutOfBounds);
        }
        Self::new(cents)
    }
}

impl From<Cents> for i64 {
    fn from(amount: Cents) -> Self {
        amount.0
    }
}

impl TryFrom<i64> for Cents {
    type Error = MoneyError;

    fn try_from(cents: i64) -> Result<Self, MoneyError> {
        Self::new(cents)
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 100 == 0 {
            return serializer.serialize_i64(self.0 / 100);
        }
        // Eleven digits fit a double, whose shortest text is therefore the decimal text again.
        let number: f64 = self
            .to_string()
            .parse()
            .map_err(serde::ser::Error::custom)?;
        serializer.serialize_f64(number)
    }
}

impl<'de> Deserialize<'de> for Cents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CentsVisitor)
    }
}

struct CentsVisitor;

impl Visitor<'_> for CentsVisitor {
    type Value = Cents;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount in euro, as a number or a string")
    }

    fn visit_i64<E: de::Error>(self, euro: i64) -> Result<Cents, E> {
        Cents::from_whole_euro(euro).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, euro: u64) -> Result<Cents, E> {
        let euro = i64::try_from(euro).map_err(|_| E::custom(MoneyError::OutOfBounds))?;
        self.visit_i64(euro)
    }

    fn visit_f64<E: de::Error>(self, euro: f64) -> Result<Cents, E> {
        Cents::from_f64(euro).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Cents, E> {
        text.parse().map_err(E::custom)
    }
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

    fn cents(value: i64) -> Cents {
        Cents::new(value).unwrap()
    }

    #[test]
    fn a_form_may_write_comma_or_dot() {
        for (text, expected) in [
            ("16,50", 1650),
            ("16.50", 1650),
            ("10", 1000),
            (" 16,5 ", 1650),
            ("0,01", 1),
            ("-0", 0),
        ] {
            assert_eq!(text.parse(), Ok(cents(expected)), "{text}");
        }
    }

    #[test]
    fn what_may_be_read_in_two_ways_is_refused() {
        for text in [
            "", ",", "1.", ".5", "1.234", "1.234,56", "1,2,3", "12 €", "1e3", "+1", "１",
        ] {
            assert_eq!(text.parse::<Cents>(), Err(MoneyError::Malformed), "{text}");
        }
    }

    #[test]
    fn bounds_hold_for_every_way_in() {
        assert_eq!("999999999,99".parse(), Ok(Cents::MAX));
        for text in ["1000000000", "-0.01", "99999999999999999999999"] {
            assert_eq!(
                text.parse::<Cents>(),
                Err(MoneyError::OutOfBounds),
                "{text}"
            );
        }
        assert_eq!(Cents::new(-1), Err(MoneyError::OutOfBounds));
        assert_eq!(Cents::new(100_000_000_000), Err(MoneyError::OutOfBounds));
        for json in [
            "-1",
            "-0.01",
            "1000000000",
            "999999999.995",
            "1e30",
            "18446744073709551615",
            "null",
            "true",
        ] {
            assert!(serde_json::from_str::<Cents>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_json_number_is_rounded_half_up() {
        for (json, expected) in [
            ("16.5", 1650),
            ("16.505", 1651),
            ("16.5049", 1650),
            ("1.005", 101),
            ("0.005", 1),
            ("0.004", 0),
            ("-0.001", 0),
            ("10", 1000),
            ("1e2", 10000),
            ("\"16,50\"", 1650),
        ] {
            assert_eq!(
                serde_json::from_str::<Cents>(json).unwrap(),
                cents(expected),
                "{json}"
            );
            if let Ok(number) = serde_json::from_str::<serde_json::Number>(json) {
                assert_eq!(
                    Cents::from_json_number(&number),
                    Ok(cents(expected)),
                    "{json}"
                );
            }
        }
    }

    #[test]
    fn it_is_written_as_a_json_number_and_shown_with_two_decimals() {
        for (value, json, shown) in [
            (1650, "16.5", "16.50"),
            (1000, "10", "10.00"),
            (1, "0.01", "0.01"),
            (99_999_999_999, "999999999.99", "999999999.99"),
        ] {
            assert_eq!(serde_json::to_string(&cents(value)).unwrap(), json);
            assert_eq!(cents(value).to_string(), shown);
        }
    }

    #[test]
    fn sums_are_checked() {
        assert_eq!(
            Cents::checked_sum([cents(1650), cents(1600)]),
            Some(cents(3250))
        );
        assert_eq!(Cents::checked_sum([]), Some(Cents::ZERO));
        assert_eq!(Cents::checked_sum([Cents::MAX, cents(1)]), None);
        assert_eq!(cents(5).checked_sub(cents(6)), None);
    }

    proptest! {
        #[test]
        fn every_amount_survives_json_and_text(value in 0..=99_999_999_999_i64) {
            let amount = cents(value);
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert!(json.split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 2));
            prop_assert_eq!(serde_json::from_str::<Cents>(&json).unwrap(), amount);
            prop_assert_eq!(amount.to_string().parse::<Cents>().unwrap(), amount);
        }
    }
}
