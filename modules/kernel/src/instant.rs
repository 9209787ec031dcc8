//! Points in time: UTC inside, cut to microseconds; on the wire ISO 8601 with whole seconds
//! and the offset of Europe/Rome.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, SecondsFormat, TimeDelta, Utc};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sqlite::Sqlite;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::db::{MultiBackend, sql};

/// A point in time with microsecond resolution.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql::Instant)]
pub struct Instant(DateTime<Utc>);

impl Instant {
    /// The instant of this UTC time, cut to microseconds.
    pub fn from_utc(time: DateTime<Utc>) -> Self {
        Self::from_micros(time.timestamp_micros())
    }

    /// The instant this many microseconds after 1970.
    pub fn from_micros(micros: i64) -> Self {
        Self(DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH))
    }

    /// The instant this many seconds after 1970.
    pub fn from_unix(seconds: i64) -> Self {
        Self(DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH))
    }

    /// The time in UTC.
    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// The time in Italy.
    pub fn rome(self) -> DateTime<chrono_tz::Tz> {
        self.0.with_timezone(&chrono_tz::Europe::Rome)
    }

    /// Seconds since 1970, as the `*_time` fields of the API.
    pub fn unix(self) -> i64 {
        self.0.timestamp()
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// This instant and a span more; the end of time if that is beyond it.
    pub fn plus(self, span: Duration) -> Self {
        TimeDelta::from_std(span)
            .ok()
            .and_then(|delta| self.0.checked_add_signed(delta))
            .map_or(self, Self)
    }

    /// This instant and a span less.
    pub fn minus(self, span: Duration) -> Self {
        TimeDelta::from_std(span)
            .ok()
            .and_then(|delta| self.0.checked_sub_signed(delta))
            .map_or(self, Self)
    }

    /// The span since an earlier instant; zero if that one is later.
    pub fn since(self, earlier: Self) -> Duration {
        (self.0 - earlier.0).to_std().unwrap_or_default()
    }

    /// As written on the wire: `2022-06-22T15:11:20+02:00`.
    pub fn to_wire(self) -> String {
        self.rome().to_rfc3339_opts(SecondsFormat::Secs, false)
    }

    /// Reads any ISO 8601 time with an offset, of a year that Italy writes with four digits.
    ///
    /// # Errors
    /// If the text is no such time.
    pub fn parse(text: &str) -> Result<Self, InvalidInstant> {
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| InvalidInstant)?;
        let instant = Self::from_utc(time.to_utc());
        if (1..=9999).contains(&instant.rome().year()) {
            Ok(instant)
        } else {
            Err(InvalidInstant)
        }
    }
}

/// A text that is no time, or one that could not be written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a time of the years 1 to 9999, such as 2026-01-31T12:00:00+01:00")]
pub struct InvalidInstant;

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_wire())
    }
}
impl From<DateTime<Utc>> for Instant {
    fn from(time: DateTime<Utc>) -> Self {
        Self::from_utc(time)
    }
}
impl From<Instant> for DateTime<Utc> {
    fn from(instant: Instant) -> Self {
        instant.0
    }
}
impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
impl utoipa::PartialSchema for Instant {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::DateTime,
            )))
            .into()
    }
}
impl utoipa::ToSchema for Instant {}

impl ToSql<sql::Instant, Pg> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <DateTime<Utc> as ToSql<diesel::sql_types::Timestamptz, Pg>>::to_sql(&self.0, out)
    }
}
impl ToSql<sql::Instant, Sqlite> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.micros());
        Ok(IsNull::No)
    }
}
impl ToSql<sql::Instant, MultiBackend> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((sql::Instant, self));
        Ok(IsNull::No)
    }
}
impl FromSql<sql::Instant, Pg> for Instant {
    fn from_sql(
        bytes: <Pg as diesel::backend::Backend>::RawValue<'_>,
    ) -> deserialize::Result<Self> {
        <DateTime<Utc> as FromSql<diesel::sql_types::Timestamptz, Pg>>::from_sql(bytes)
            .map(Self::from_utc)
    }
}
impl FromSql<sql::Instant, Sqlite> for Instant {
    fn from_sql(
        bytes: <Sqlite as diesel::backend::Backend>::RawValue<'_>,
    ) -> deserialize::Result<Self> {
        <i64 as FromSql<diesel::sql_types::BigInt, Sqlite>>::from_sql(bytes).map(Self::from_micros)
    }
}
impl FromSql<sql::Instant, MultiBackend> for Instant {
    fn from_sql(
        bytes: <MultiBackend as diesel::backend::Backend>::RawValue<'_>,
    ) -> deserialize::Result<Self> {
        bytes.from_sql::<Self, sql::Instant>()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_wire_form_has_whole_seconds_and_the_offset_of_rome() {
        let summer = Instant::parse("2022-06-22T13:11:20.999Z").unwrap();
        assert_eq!(summer.to_wire(), "2022-06-22T15:11:20+02:00");
        let winter = Instant::parse("2022-01-22T13:11:20Z").unwrap();
        assert_eq!(winter.to_wire(), "2022-01-22T14:11:20+01:00");
    }

    #[test]
    fn what_is_read_can_be_written_and_read_again() {
        for (text, fits) in [
            ("9999-12-31T22:59:59Z", true),
            ("9999-12-31T23:59:59Z", false),
            ("9999-12-31T23:59:59-12:00", false),
            ("0001-01-01T12:00:00Z", true),
            ("0000-01-01T00:00:00+12:00", false),
        ] {
            let read = Instant::parse(text);
            assert_eq!(read.is_ok(), fits, "{text}");
            if let Ok(instant) = read {
                assert!(Instant::parse(&instant.to_wire()).is_ok(), "{text}");
            }
        }
    }
}
