//! Identifiers, each of its own type: an application's id is not a payment's.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sqlite::Sqlite;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::db::{MultiBackend, sql};

/// The id of a `K`. Equal ids of different kinds do not compare.
#[derive(AsExpression, FromSqlRow)]
#[diesel(sql_type = sql::Id)]
pub struct Id<K: 'static>(Uuid, PhantomData<fn() -> K>);

impl<K> Id<K> {
    /// A new random id that shows its time of creation (version 7).
    pub fn new() -> Self {
        Self::from_uuid(Uuid::now_v7())
    }

    /// A new random id that shows nothing (version 4): for what a link gives away, and
    /// where clients check the version.
    pub fn random() -> Self {
        Self::from_uuid(Uuid::new_v4())
    }

    /// The id with this value.
    pub const fn from_uuid(value: Uuid) -> Self {
        Self(value, PhantomData)
    }

    /// The value without its kind.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl<K> Default for Id<K> {
    fn default() -> Self {
        Self::new()
    }
}
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl<K> FromStr for Id<K> {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self::from_uuid)
    }
}
impl<K> From<Uuid> for Id<K> {
    fn from(value: Uuid) -> Self {
        Self::from_uuid(value)
    }
}
impl<K> From<Id<K>> for Uuid {
    fn from(id: Id<K>) -> Self {
        id.0
    }
}
impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::from_uuid)
    }
}
impl<K> utoipa::PartialSchema for Id<K> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::Uuid,
            )))
            .into()
    }
}
impl<K> utoipa::ToSchema for Id<K> {}

impl<K> ToSql<sql::Id, Pg> for Id<K> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <Uuid as ToSql<diesel::sql_types::Uuid, Pg>>::to_sql(&self.0, out)
    }
}
impl<K> ToSql<sql::Id, Sqlite> for Id<K> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().to_vec());
        Ok(IsNull::No)
    }
}
impl<K> ToSql<sql::Id, MultiBackend> for Id<K> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((sql::Id, self));
        Ok(IsNull::No)
    }
}
impl<K> FromSql<sql::Id, Pg> for Id<K> {
    fn from_sql(
        bytes: <Pg as diesel::backend::Backend>::RawValue<'_>,
    ) -> deserialize::Result<Self> {
        <Uuid as FromSql<diesel::sql_types::Uuid, Pg>>::from_sql(bytes).map(Self::from_uuid)
    }
}
impl<K> FromSql<sql::Id, Sqlite> for Id<K> {
    fn from_sql(
        bytes: <Sqlite as diesel::backend::Backend>::RawValue<'_>,
    ) -> deserialize::Result<Self> {
        let raw = <Vec<u8> as FromSql<diesel::sql_types::Binary, Sqlite>>::from_sql(bytes)?;
        Ok(Self::from_uuid(Uuid::from_slice(&raw)?))
    }
}
impl<K> FromSql<sql::Id, MultiBackend> for Id<K> {
    fn from_sql(
        bytes: <MultiBackend as diesel::backend::Backend>::RawValue<'_>,
    ) -> deserialize::Result<Self> {
        bytes.from_sql::<Self, sql::Id>()
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident => $id:ident;)*) => {
        /// What ids identify.
        pub mod kind {
            $($(#[$doc])* #[derive(Debug)] pub enum $kind {})*
        }
        $($(#[$doc])* pub type $id = Id<kind::$kind>;)*
    };
}

kinds! {
    /// A public body (*Ente*).
    Tenant => TenantId;
    /// A citizen, operator or administrator.
    User => UserId;
    /// An office (*user group*).
    Office => OfficeId;
    /// A digital service.
    Service => ServiceId;
    /// An online form.
    Form => FormId;
    /// An application (*pratica*).
    Application => ApplicationId;
    /// An act: a submission, a request, an answer, an outcome, a withdrawal, a revocation.
    Act => ActId;
    /// A message on an application.
    Message => MessageId;
    /// A stored file.
    File => FileId;
    /// A payment.
    Payment => PaymentId;
    /// A document (*documento digitale*).
    Document => DocumentId;
    /// A connector's configuration.
    Config => ConfigId;
    /// An asynchronous process.
    Job => JobId;
    /// An outgoing webhook.
    Webhook => WebhookId;
    /// One delivery of a message or a webhook.
    Delivery => DeliveryId;
    /// An event.
    Event => EventId;
    /// A row of a history.
    History => HistoryId;
    /// A category, recipient, geographic area or place.
    Term => TermId;
    /// A dead letter.
    DeadLetter => DeadLetterId;
    /// A request, and all that follows from it.
    Trace => TraceId;
}
