//! Documents that must be registered, and how far that is.

use diesel::prelude::*;
use opencity_contracts::{DocumentEvent, DocumentStatus, DocumentType};
use opencity_kernel::clock;
use opencity_kernel::db::{Columns, DbError, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{ActId, ApplicationId, DocumentId, ServiceId, TenantId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;

use super::schema::protocol_proxy_registration;

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = protocol_proxy_registration, treat_none_as_null = true)]
pub(crate) struct Registration {
    pub tenant_id: TenantId,
    pub document_id: DocumentId,
    /// The document's counter of changes.
    pub version: i64,
    pub application_id: ApplicationId,
    pub service_id: ServiceId,
    pub act_id: ActId,
    pub kind: String,
    /// Which registry has taken it.
    pub connector: Option<String>,
    pub status: String,
    pub number: Option<String>,
    /// A number that came when the document had one: somebody has to look at it.
    pub second_number: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
    pub call_in_flight_until: Option<Instant>,
    /// The document as its last event told it.
    pub body: Json,
    pub created_at: Instant,
    pub updated_at: Instant,
}
opencity_kernel::tenant_rows!(Registration);

impl Registration {
    pub(crate) fn status(&self) -> DbResult<DocumentStatus> {
        self.status
            .parse()
            .map_err(|_| DbError::malformed("the state of a registration is unknown"))
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.status == DocumentStatus::RegistrationComplete.as_str()
    }
}

/// The document as it was told first.
pub(crate) fn insert(
    scope: &mut WriteScope<'_>,
    document: &DocumentEvent,
    version: i64,
) -> DbResult<Registration> {
    let now = clock::now();
    let row = Registration {
        tenant_id: scope.tenant_id(),
        document_id: document.id.into(),
        version,
        application_id: document.remote_id.into(),
        service_id: document.remote_collection.id.into(),
        act_id: document.act_id.into(),
        kind: document.kind.as_str().to_owned(),
        connector: None,
        status: document.status.as_str().to_owned(),
        number: None,
        second_number: None,
        failure: None,
        call_in_flight_until: None,
        body: Json::of(document)?,
        created_at: now,
        updated_at: now,
    };
    scope.insert(protocol_proxy_registration::table, &row)?;
    Ok(row)
}

/// Writes a row; `read` is the version that it replaces.
pub(crate) fn update(scope: &mut WriteScope<'_>, row: &Registration, read: i64) -> DbResult<()> {
    scope.execute_one(protocol_proxy_registration::table, |rows| {
        diesel::update(
            rows.filter(protocol_proxy_registration::document_id.eq(row.document_id))
                .filter(protocol_proxy_registration::version.eq(read)),
        )
        .set(row)
    })
}

pub(crate) fn find(
    scope: &mut TenantScope<'_>,
    document: DocumentId,
) -> DbResult<Option<Registration>> {
    scope.find(protocol_proxy_registration::table, |rows| {
        rows.filter(protocol_proxy_registration::document_id.eq(document))
            .select(Registration::columns())
    })
}

pub(crate) fn of_act(scope: &mut TenantScope<'_>, act: ActId) -> DbResult<Option<Registration>> {
    scope.find(protocol_proxy_registration::table, |rows| {
        rows.filter(protocol_proxy_registration::act_id.eq(act))
            .select(Registration::columns())
    })
}

/// The documents of a kind of an application, the newest act first.
pub(crate) fn of_application(
    scope: &mut TenantScope<'_>,
    application: ApplicationId,
    kind: DocumentType,
) -> DbResult<Vec<Registration>> {
    scope.load(protocol_proxy_registration::table, |rows| {
        rows.filter(protocol_proxy_registration::application_id.eq(application))
            .filter(protocol_proxy_registration::kind.eq(kind.as_str()))
            .order(protocol_proxy_registration::act_id.desc())
            .select(Registration::columns())
    })
}
