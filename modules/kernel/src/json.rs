//! JSON columns.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sqlite::Sqlite;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::db::{DbError, MultiBackend, sql};

/// A JSON document in a column.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql::Json)]
#[serde(transparent)]
pub struct Json(pub Value);

impl Json {
    /// The document of a value.
    ///
    /// # Errors
    /// If the value has no JSON form.
    pub fn of<T: Serialize>(value: &T) -> Result<Self, DbError> {
        serde_json::to_value(value).map(Self).map_err(DbError::json)
    }

    /// The value of the document.
    ///
    /// # Errors
    /// If the document is of another shape: the row was written by something else.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, DbError> {
        T::deserialize(&self.0).map_err(DbError::json)
    }
}

impl ToSql<sql::Json, Pg> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <Value as ToSql<diesel::sql_types::Jsonb, Pg>>::to_sql(&self.0, out)
    }
}
impl ToSql<sql::Json, Sqlite> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}
impl ToSql<sql::Json, MultiBackend> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((sql::Json, self));
        Ok(IsNull::No)
    }
}
impl FromSql<sql::Json, Pg> for Json {
    fn from_sql(
        bytes: <Pg as diesel::backend::Backend>::RawValue<'_>,
    ) -> deserialize::Result<Self> {
        <Value as FromSql<diesel::sql_types::Jsonb, Pg>>::from_sql(bytes).map(Self)
    }
}
impl FromSql<sql::Json, Sqlite> for Json {
    fn from_sql(
        bytes: <Sqlite as diesel::backend::Backend>::RawValue<'_>,
    ) -> deserialize::Result<Self> {
        let text = <String as FromSql<diesel::sql_types::Text, Sqlite>>::from_sql(bytes)?;
        Ok(Self(serde_json::from_str(&text)?))
    }
}
impl FromSql<sql::Json, MultiBackend> for Json {
    fn from_sql(
        bytes: <MultiBackend as diesel::backend::Backend>::RawValue<'_>,
    ) -> deserialize::Result<Self> {
        bytes.from_sql::<Self, sql::Json>()
    }
}
