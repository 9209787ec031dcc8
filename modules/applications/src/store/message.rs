//! Messages on applications.

use diesel::prelude::*;
use opencity_contracts::message::{ExternalId, MessageOrigin, TransmissionType, Visibility};
use opencity_kernel::db::{
    Boxed, Columns, DbError, DbResult, MultiBackend, PlatformScope, TenantScope, WriteScope,
};
use opencity_kernel::http::{PageQuery, Sort};
use opencity_kernel::id::{ApplicationId, MessageId, ServiceId, TenantId, UserId};
use opencity_kernel::instant::Instant;

use super::schema_messages::applications_message;

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorKind {
    /// A citizen.
    Citizen,
    /// An operator or an administrator.
    Office,
    /// A system operator.
    SystemOperator,
    /// The platform.
    Platform,
}

impl AuthorKind {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Citizen => "citizen",
            Self::Office => "office",
            Self::SystemOperator => "system-operator",
            Self::Platform => "platform",
        }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = applications_message)]
pub struct MessageRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The message.
    pub id: MessageId,
    /// Counts the changes.
    pub version: i64,
    /// The application.
    pub application_id: ApplicationId,
    /// The application's service.
    pub service_id: ServiceId,
    /// The citizen of the application.
    pub user_id: UserId,
    /// Who wrote it; none: the platform.
    pub author_id: Option<UserId>,
    /// [`AuthorKind`].
    pub author_kind: String,
    /// [`MessageOrigin`].
    pub origin: String,
    /// HTML, as it came.
    pub message: String,
    /// Its subject.
    pub subject: Option<String>,
    /// [`Visibility`].
    pub visibility: String,
    /// Where it is sent.
    pub email: Option<String>,
    /// When it was written.
    pub created_at: Instant,
    /// When it was delivered.
    pub sent_at: Option<Instant>,
    /// When it was read.
    pub read_at: Option<Instant>,
    /// When a button of it was used.
    pub clicked_at: Option<Instant>,
    /// Whether it is to be registered.
    pub protocol_required: bool,
    /// When it was registered.
    pub protocolled_at: Option<Instant>,
    /// Its number in the registry.
    pub protocol_number: Option<String>,
    /// Its id in a system outside.
    pub external_id: Option<String>,
    /// That id came as a number.
    pub external_id_is_number: bool,
}
opencity_kernel::tenant_rows!(MessageRow);

impl MessageRow {
    /// Who may read it.
    ///
    /// # Errors
    /// If the stored word is unknown.
    pub fn visibility(&self) -> DbResult<Visibility> {
        self.visibility
            .parse()
            .map_err(|_| DbError::malformed("the visibility of a message is unknown"))
    }

    /// Why it was written.
    ///
    /// # Errors
    /// If the stored word is unknown.
    pub fn origin(&self) -> DbResult<MessageOrigin> {
        self.origin
            .parse()
            .map_err(|_| DbError::malformed("the origin of a message is unknown"))
    }

    /// Whether whoever sees internal messages, or not, sees it.
    #[must_use]
    pub fn is_visible(&self, internal_too: bool) -> bool {
        internal_too || self.visibility == Visibility::Applicant.as_str()
    }

    /// From which side it comes.
    #[must_use]
    pub fn transmission(&self) -> TransmissionType {
        if self.author_kind == AuthorKind::Citizen.as_str() {
            TransmissionType::Inbound
        } else {
            TransmissionType::Outbound
        }
    }

    /// Its id in a system outside, in the form in which it came.
    #[must_use]
    pub fn external_id(&self) -> Option<ExternalId> {
        let text = self.external_id.clone()?;
        match text.parse() {
            Ok(number) if self.external_id_is_number => Some(ExternalId::Number(number)),
            _ => Some(ExternalId::Text(text)),
        }
    }

    /// Keeps an id of a system outside.
    pub fn set_external_id(&mut self, id: Option<ExternalId>) {
        self.external_id_is_number = matches!(id, Some(ExternalId::Number(_)));
        self.external_id = id.map(|id| match id {
            ExternalId::Number(number) => number.to_string(),
            ExternalId::Text(text) => text,
        });
    }
}

/// A new message.
///
/// # Errors
/// If the database refuses.
pub fn insert(scope: &mut WriteScope<'_>, row: &MessageRow) -> DbResult<()> {
    scope.insert(applications_message::table, row)
}

/// A message.
///
/// # Errors
/// If the database refuses.
pub fn find(scope: &mut TenantScope<'_>, id: MessageId) -> DbResult<Option<MessageRow>> {
    scope.find(applications_message::table, |rows| {
        rows.filter(applications_message::id.eq(id))
            .select(MessageRow::columns())
    })
}

type Rows<'a> = applications_message::BoxedQuery<'a, MultiBackend>;

fn visible<'a>(rows: Rows<'a>, application: ApplicationId, internal_too: bool) -> Rows<'a> {
    let rows = rows.filter(applications_message::application_id.eq(application));
    if internal_too {
        rows
    } else {
        rows.filter(applications_message::visibility.eq(Visibility::Applicant.as_str()))
    }
}

/// The first message of an application with this id in a system outside.
///
/// # Errors
/// If the database refuses.
pub fn find_external(
    scope: &mut TenantScope<'_>,
    application: ApplicationId,
    external_id: &str,
    internal_too: bool,
) -> DbResult<Option<MessageRow>> {
    scope.find(applications_message::table, |rows| {
        Boxed(
            visible(rows.into_boxed(), application, internal_too)
                .filter(applications_message::external_id.eq(external_id.to_owned()))
                .order(applications_message::id)
                .limit(1)
                .select(MessageRow::columns()),
        )
    })
}

/// The messages of an application that the applicant sees, oldest first.
///
/// # Errors
/// If the database refuses.
pub fn for_applicant(
    scope: &mut TenantScope<'_>,
    application: ApplicationId,
) -> DbResult<Vec<MessageRow>> {
    scope.load(applications_message::table, |rows| {
        Boxed(
            visible(rows.into_boxed(), application, false)
                .order(applications_message::id)
                .select(MessageRow::columns()),
        )
    })
}

/// Messages that people wrote, that the applicant sees, and that are not older than `since`: what answers a request for
/// integrations.
///
/// # Errors
/// If the database refuses.
pub fn answers_since(
    scope: &mut TenantScope<'_>,
    application: ApplicationId,
    since: Instant,
) -> DbResult<Vec<MessageRow>> {
    scope.load(applications_message::table, |rows| {
        Boxed(
            visible(rows.into_boxed(), application, false)
                .filter(applications_message::created_at.ge(since))
                .filter(applications_message::origin.eq(MessageOrigin::Person.as_str()))
                .order(applications_message::id)
                .select(MessageRow::columns()),
        )
    })
}

/// How many messages of an application are seen.
///
/// # Errors
/// If the database refuses.
pub fn count(
    scope: &mut TenantScope<'_>,
    application: ApplicationId,
    internal_too: bool,
) -> DbResult<i64> {
    scope.get(applications_message::table, |rows| {
        Boxed(visible(rows.into_boxed(), application, internal_too).count())
    })
}

/// A page of the messages that are seen, and one more if there are more: ids follow the time of writing.
///
/// # Errors
/// If the database refuses.
pub fn page(
    scope: &mut TenantScope<'_>,
    application: ApplicationId,
    internal_too: bool,
    query: &PageQuery,
    after: Option<MessageId>,
) -> DbResult<Vec<MessageRow>> {
    let (sort, offset, limit) = (query.sort, query.offset, query.limit.saturating_add(1));
    scope.load(applications_message::table, |rows| {
        let mut rows = visible(rows.into_boxed(), application, internal_too);
        rows = match (sort, after) {
            (Sort::Ascending, Some(after)) => rows.filter(applications_message::id.gt(after)),
            (Sort::Descending, Some(after)) => rows.filter(applications_message::id.lt(after)),
            (_, None) => rows.offset(offset),
        };
        rows = match sort {
            Sort::Ascending => rows.order(applications_message::id.asc()),
            Sort::Descending => rows.order(applications_message::id.desc()),
        };
        Boxed(rows.limit(limit).select(MessageRow::columns()))
    })
}

/// Writes back what of a message may change, with one version more.
///
/// # Errors
/// [`DbError::Conflict`] if somebody else changed it meanwhile.
pub fn update(scope: &mut WriteScope<'_>, row: &mut MessageRow) -> DbResult<()> {
    let read = row.version;
    row.version = read.saturating_add(1);
    scope.execute_one(applications_message::table, |rows| {
        diesel::update(
            rows.filter(applications_message::id.eq(row.id))
                .filter(applications_message::version.eq(read)),
        )
        .set((
            applications_message::version.eq(row.version),
            applications_message::sent_at.eq(row.sent_at),
            applications_message::read_at.eq(row.read_at),
            applications_message::clicked_at.eq(row.clicked_at),
            applications_message::protocolled_at.eq(row.protocolled_at),
            applications_message::protocol_number.eq(&row.protocol_number),
            applications_message::external_id.eq(&row.external_id),
            applications_message::external_id_is_number.eq(row.external_id_is_number),
        ))
    })
}

/// Whether a system operator has written to the citizen, who may then answer even on a service that only forwards.
///
/// # Errors
/// If the database refuses.
pub fn system_operator_wrote(
    scope: &mut TenantScope<'_>,
    application: ApplicationId,
) -> DbResult<bool> {
    let found: Option<MessageId> = scope.find(applications_message::table, |rows| {
        Boxed(
            visible(rows.into_boxed(), application, false)
                .filter(applications_message::author_kind.eq(AuthorKind::SystemOperator.as_str()))
                .limit(1)
                .select(applications_message::id),
        )
    })?;
    Ok(found.is_some())
}

/// Messages of all tenants, some at a time: those after one.
///
/// # Errors
/// If the database refuses.
pub fn next_of_all(
    scope: &mut PlatformScope<'_>,
    after: Option<(TenantId, MessageId)>,
) -> DbResult<Vec<MessageRow>> {
    use applications_message::{id, table, tenant_id};
    let mut rows = table.into_boxed::<MultiBackend>();
    if let Some((tenant, message)) = after {
        rows = rows.filter(
            tenant_id
                .gt(tenant)
                .or(tenant_id.eq(tenant).and(id.gt(message))),
        );
    }
    scope.load(Boxed(
        rows.order((tenant_id, id))
            .limit(200)
            .select(MessageRow::columns()),
    ))
}
