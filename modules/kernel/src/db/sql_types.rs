//! SQL types that PostgreSQL and SQLite name differently.

use diesel::query_builder::QueryId;
use diesel::sql_types::{HasSqlType, SqlType};

use super::connection::MultiBackend;

/// An identifier: `uuid` on PostgreSQL, a 16-byte blob on SQLite.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct Id;

/// A point in time: `timestamptz` on PostgreSQL, microseconds since 1970 on SQLite.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Instant;

/// A JSON document: `jsonb` on PostgreSQL, text on SQLite. Where the order of keys or the
/// spelling of numbers matters, use text instead.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 3802, array_oid = 3807))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Json;

macro_rules! known_to_both_databases {
    ($($sql_type:ty),*) => {$(
        impl HasSqlType<$sql_type> for MultiBackend {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                MultiBackend::lookup_sql_type::<$sql_type>(lookup)
            }
        }
    )*};
}

known_to_both_databases!(Id, Instant, Json);
