//! Money: integer euro cents inside, a JSON number with at most two decimals on the wire.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount in euro cents, from 0 to 999,999,999.99 euro (the most that a pagoPA amount may be).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cents(i64);

/// Why something is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with an optional comma or dot and at most two decimals.
    #[error("not an amount")]
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

    /// The sum, unless it is above [`Cents::MAX`].
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_add(other.0)?).ok()
    }

    /// The sum of all, unless it is above [`Cents::MAX`].
    #[must_use]
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

/// Two decimals and a dot: `16.50`.
impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl FromStr for Cents {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (euro, decimals) = text.split_once(['.', ',']).unwrap_or((text, "0"));
        let all_digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(euro) || !all_digits(decimals) || decimals.len() > 2 {
            return Err(MoneyError::Malformed);
        }
        let cents = format!("{euro}{decimals:0<2}")
            .parse()
            .map_err(|_| MoneyError::OutOfBounds)?;
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
        struct CentsVisitor;
        impl Visitor<'_> for CentsVisitor {
            type Value = Cents;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount in euro, as a number or a string")
            }

            fn visit_u64<E: de::Error>(self, euro: u64) -> Result<Cents, E> {
                self.visit_str(&euro.to_string())
            }

            fn visit_f64<E: de::Error>(self, euro: f64) -> Result<Cents, E> {
                self.visit_str(&euro.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Cents, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(CentsVisitor)
    }
}
