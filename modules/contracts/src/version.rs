//! The version of an event's form: some topics write it as an integer, some as a string, and both are read.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The version of an event's form, as it is written on its topic: `2` or `"2.0"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventVersion {
    /// Written as a JSON integer.
    Integer(u32),
    /// Written as a JSON string, `"major.minor"`.
    Text {
        /// Changes with what breaks a reader.
        major: u32,
        /// Changes with what does not.
        minor: u32,
    },
}

impl EventVersion {
    /// Major and minor number, whatever the form.
    #[must_use]
    pub fn number(self) -> (u32, u32) {
        match self {
            Self::Integer(major) => (major, 0),
            Self::Text { major, minor } => (major, minor),
        }
    }

    /// Whether both are the same version: `2`, `"2"` and `"2.0"` are.
    #[must_use]
    pub fn is_same_as(self, other: Self) -> bool {
        self.number() == other.number()
    }

    fn parse(text: &str) -> Option<Self> {
        // Ten characters: the limit of the payment event, and plenty for any version.
        if text.len() > 10 {
            return None;
        }
        let digits = |part: &str| {
            part.bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| part.parse().ok())?
        };
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        Some(Self::Text {
            major: digits(major)?,
            minor: digits(minor)?,
        })
    }
}

impl fmt::Display for EventVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(major) => write!(f, "{major}"),
            Self::Text { major, minor } => write!(f, "{major}.{minor}"),
        }
    }
}

impl Serialize for EventVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(major) => serializer.serialize_u32(*major),
            Self::Text { .. } => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for EventVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VersionVisitor;
        impl Visitor<'_> for VersionVisitor {
            type Value = EventVersion;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a version, as an integer or a string of at most ten characters")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<EventVersion, E> {
                u32::try_from(value)
                    .map(EventVersion::Integer)
                    .map_err(|_| E::custom("a version out of range"))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<EventVersion, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<EventVersion, E> {
                EventVersion::parse(text).ok_or_else(|| E::custom("not a version"))
            }
        }
        deserializer.deserialize_any(VersionVisitor)
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

    fn read(json: &str) -> EventVersion {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn string_and_number_are_the_same_version() {
        let two = EventVersion::Integer(2);
        for json in ["2", "2.0", "\"2\"", "\"2.0\""] {
            assert!(read(json).is_same_as(two), "{json}");
        }
        for json in ["1", "3", "\"2.1\"", "\"20\""] {
            assert!(!read(json).is_same_as(two), "{json}");
        }
    }

    #[test]
    fn it_is_written_in_the_form_of_its_topic() {
        assert_eq!(
            serde_json::to_string(&EventVersion::Integer(2)).unwrap(),
            "2"
        );
        assert_eq!(
            serde_json::to_string(&EventVersion::Text { major: 2, minor: 0 }).unwrap(),
            "\"2.0\""
        );
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for json in [
            "\"\"",
            "\"v2\"",
            "\".\"",
            "\"2.\"",
            "-1",
            "null",
            "\"00000000002\"",
            "[2]",
        ] {
            assert!(
                serde_json::from_str::<EventVersion>(json).is_err(),
                "{json}"
            );
        }
    }
}
