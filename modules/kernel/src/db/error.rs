//! What can go wrong with the database.

use diesel::result::{DatabaseErrorKind, Error as Diesel};

/// The result of database work.
pub type DbResult<T> = Result<T, DbError>;

/// What can go wrong with the database. Its text names no value of a row.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A row that must be there is not.
    #[error("the row is not there")]
    NotFound,
    /// Somebody else changed the row first; reading it again and repeating may succeed.
    #[error("the row was changed meanwhile")]
    Conflict,
    /// A unique constraint holds another row with the same value.
    #[error("a row with this value exists: {0}")]
    Duplicate(String),
    /// Other rows refer to this one, or it refers to one that is not there.
    #[error("a reference would be broken")]
    Reference,
    /// A row of one tenant was to be written under another.
    #[error("the row belongs to another tenant")]
    ForeignTenant,
    /// The database does not answer, or all connections are busy.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A stored document is not of the expected shape.
    #[error("a stored document is malformed: {0}")]
    Malformed(String),
    /// Anything else.
    #[error("the database refused: {0}")]
    Other(String),
}

impl DbError {
    /// A JSON document that cannot be written or read; keeps the place, not the content.
    #[must_use]
    pub fn json(error: serde_json::Error) -> Self {
        Self::Malformed(format!(
            "{:?} at line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        ))
    }

    /// A stored value outside its domain (an unknown state, a broken code).
    #[must_use]
    pub fn malformed(what: &str) -> Self {
        Self::Malformed(what.to_owned())
    }

    /// Whether repeating the same work later may succeed.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Conflict | Self::Unavailable(_))
    }
}

impl From<Diesel> for DbError {
    fn from(error: Diesel) -> Self {
        match error {
            Diesel::NotFound => Self::NotFound,
            Diesel::DatabaseError(kind, info) => match kind {
                DatabaseErrorKind::UniqueViolation => Self::Duplicate(
                    info.constraint_name()
                        .unwrap_or_else(|| info.message())
                        .to_owned(),
                ),
                DatabaseErrorKind::ForeignKeyViolation => Self::Reference,
                DatabaseErrorKind::SerializationFailure => Self::Conflict,
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                    Self::Unavailable(info.message().to_owned())
                }
                _ if info.message().contains("deadlock") => Self::Conflict,
                _ if info.message().contains("database is locked") => {
                    Self::Unavailable("locked by another process".to_owned())
                }
                _ => Self::Other(info.message().to_owned()),
            },
            Diesel::DeserializationError(inner) => Self::Malformed(inner.to_string()),
            other => Self::Other(other.to_string()),
        }
    }
}
