//! How single values are written on the log: times, and the words and codes of closed lists.

use chrono::{DateTime, Offset, SubsecRound, Utc};
use chrono_tz::Europe::Rome;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::money::Cents;

/// A word that is not in the closed list that it should come from. It does not carry the word, which may be anybody's datum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of: {expected}")]
pub struct UnknownWord {
    /// What the list holds.
    pub expected: &'static str,
}

/// The time as it goes on the wire: ISO 8601, whole seconds (the fraction is cut), offset of Europe/Rome.
#[must_use]
pub fn to_rome(time: DateTime<Utc>) -> String {
    let time = time.trunc_subsecs(0);
    let local = time.with_timezone(&Rome);
    // Before 1893 the offset had seconds, which ISO 8601 cannot write.
    if local.offset().fix().local_minus_utc() % 60 == 0 {
        local.format("%Y-%m-%dT%H:%M:%S%:z").to_string()
    } else {
        time.format("%Y-%m-%dT%H:%M:%S+00:00").to_string()
    }
}

/// A time with any offset, with or without a fraction of the second.
#[must_use]
pub fn from_rfc3339(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.with_timezone(&Utc))
}

/// For `#[serde(with = "rome")]` on a [`DateTime<Utc>`]: see [`to_rome`] and [`from_rfc3339`].
pub mod rome {
    use std::borrow::Cow;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{DateTime, Utc, from_rfc3339, to_rome};

    /// Writes.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        time: &DateTime<Utc>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_rome(*time))
    }

    /// Reads.
    ///
    /// # Errors
    /// Not a string, or not a time of RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DateTime<Utc>, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        from_rfc3339(&text).ok_or_else(|| D::Error::custom("not a time of RFC 3339"))
    }
}

/// As [`rome`], for an `Option`. Use it with `default`, so that a key that is not there reads as null.
pub mod rome_option {
    use std::borrow::Cow;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{DateTime, Utc, from_rfc3339, to_rome};

    /// Writes, `None` as null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        time: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_str(&to_rome(*time)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads, null as `None`.
    ///
    /// # Errors
    /// Neither null nor a time of RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        Option::<Cow<str>>::deserialize(deserializer)?
            .map(|text| {
                from_rfc3339(&text).ok_or_else(|| D::Error::custom("not a time of RFC 3339"))
            })
            .transpose()
    }
}

/// For `#[serde(with = "amount_as_string")]`: an amount as a string with two decimals; a number is read too.
pub mod amount_as_string {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::money::Cents;

    /// Writes `"16.50"`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(amount: &Cents, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(amount)
    }

    /// Reads.
    ///
    /// # Errors
    /// Not an amount.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cents, D::Error> {
        Cents::deserialize(deserializer)
    }
}

/// For `#[serde(deserialize_with = "amount_or_empty")]`: null and `""` read as no amount, as existing payment components do.
///
/// # Errors
/// Neither of these nor an amount.
pub fn amount_or_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cents>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        amount => Cents::deserialize(amount)
            .map(Some)
            .map_err(|_| D::Error::custom("not an amount")),
    }
}

/// An enum whose variants are words on the wire, exactly as written here.
macro_rules! text_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::wire::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::wire::UnknownWord { expected: concat!($($word, " "),+) }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = std::borrow::Cow::<str>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// An enum whose variants are integers on the wire.
macro_rules! code_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident => $code:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number on the wire.
            #[must_use]
            pub fn code(self) -> i32 {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The value of that number.
            #[must_use]
            pub fn from_code(code: i32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i32(self.code())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let code = i32::deserialize(deserializer)?;
                Self::from_code(code)
                    .ok_or_else(|| serde::de::Error::custom(concat!("expected one of: ", $($code, " "),+)))
            }
        }
    };
}

pub(crate) use {code_enum, text_enum};

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
    fn summer_and_winter_have_their_own_offset() {
        for (utc, rome) in [
            ("2022-06-22T13:11:20.999Z", "2022-06-22T15:11:20+02:00"),
            ("2025-03-10T08:20:11Z", "2025-03-10T09:20:11+01:00"),
            // The hour that comes twice: only the offset tells which.
            ("2025-10-26T00:30:00Z", "2025-10-26T02:30:00+02:00"),
            ("2025-10-26T01:30:00Z", "2025-10-26T02:30:00+01:00"),
        ] {
            assert_eq!(to_rome(from_rfc3339(utc).unwrap()), rome);
        }
    }

    #[test]
    fn a_time_without_offset_is_refused() {
        for text in [
            "2022-06-22T15:11:20",
            "2022-06-22",
            "",
            "22/06/2022",
            "1655903480",
        ] {
            assert_eq!(from_rfc3339(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn writing_then_reading_gives_the_same_second(seconds in -62_000_000_000_i64..250_000_000_000, nanos in 0_u32..1_000_000_000) {
            let time = DateTime::from_timestamp(seconds, nanos).unwrap();
            let text = to_rome(time);
            prop_assert_eq!(from_rfc3339(&text).unwrap(), DateTime::from_timestamp(seconds, 0).unwrap());
            prop_assert!(!text.contains('.') && !text.ends_with('Z'), "{}", text);
        }
    }
}
