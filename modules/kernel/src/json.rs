//! JSON columns.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sqlite::Sqlite;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Problem;
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

/// Changes a document by a JSON Merge Patch (RFC 7396): objects are merged, `null` removes, all else replaces.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(members) = target {
        for (key, change) in changes {
            if change.is_null() {
                members.remove(&key);
            } else {
                merge(members.entry(key).or_insert(Value::Null), change);
            }
        }
    }
}

/// What is stored, after a JSON Merge Patch (RFC 7396): objects are merged, `null` removes, all else replaces.
///
/// # Errors
/// An internal problem, if what is stored is no object.
pub fn merged<T: Serialize>(
    stored: &T,
    patch: Map<String, Value>,
) -> Result<Map<String, Value>, Problem> {
    let mut whole = serde_json::to_value(stored).map_err(Problem::internal)?;
    merge(&mut whole, Value::Object(patch));
    match whole {
        Value::Object(body) => Ok(body),
        _ => Err(Problem::internal("what is stored is no object")),
    }
}

/// A body whose `null`s mean the default: clients echo what they read.
#[must_use]
pub fn without_nulls(mut body: Map<String, Value>) -> Map<String, Value> {
    body.retain(|_, value| !value.is_null());
    body
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_changes_one_member_and_leaves_the_others() {
        let stored = json!({"name": "A", "messages": {"draft": {"text": "x", "is_active": true}, "pending": {"text": "y"}}});
        let patch = json!({"name": null, "messages": {"draft": {"text": "z"}}});
        let whole = merged(&stored, patch.as_object().unwrap().clone()).unwrap();
        assert_eq!(
            Value::Object(whole),
            json!({"messages": {"draft": {"text": "z", "is_active": true}, "pending": {"text": "y"}}})
        );
    }
}
