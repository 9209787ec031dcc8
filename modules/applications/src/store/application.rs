//! Applications, with their acts, and what did not fit.

use std::collections::HashMap;

use diesel::prelude::*;
use opencity_contracts::application::{Authentication, PaymentData, Source};
use opencity_contracts::document::DocumentFile;
use opencity_kernel::db::{Columns, DbError, DbResult, TenantScope, WriteScope};
use opencity_kernel::id::{
    ActId, ApplicationId, DocumentId, EventId, FileId, FormId, Id, MessageId, OfficeId, ServiceId,
    TenantId, UserId,
};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file::{FileRow, in_order};
use super::schema::{applications_act, applications_anomaly, applications_application};
use super::schema_messages::applications_file;
use crate::domain::{ActKind, Origin, Status};

/// An application.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = applications_application, treat_none_as_null = true, primary_key(tenant_id, id))]
pub struct Application {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The application.
    pub id: ApplicationId,
    /// Its service.
    pub service_id: ServiceId,
    /// The citizen who owns it.
    pub user_id: UserId,
    /// His name, as the application gives it.
    pub user_name: Option<String>,
    /// Code of the state.
    pub status: i32,
    /// When it was begun.
    pub created_at: Instant,
    /// When it was first sent.
    pub submitted_at: Option<Instant>,
    /// When it came into its state.
    pub status_changed_at: Instant,
    /// When it last changed hands or state.
    pub flow_changed_at: Instant,
    /// When anything of it last changed.
    pub updated_at: Instant,
    /// The operator that it is assigned to.
    pub operator_id: Option<UserId>,
    /// The office that it is assigned to.
    pub office_id: Option<OfficeId>,
    /// What it is about.
    pub subject: Option<String>,
    /// Its id in a system outside; unique in the tenant.
    pub external_id: Option<String>,
    /// The language that it was written in.
    pub locale: String,
    /// The form that it was written on.
    pub form_id: Option<FormId>,
    /// The form's version.
    pub form_version: Option<i32>,
    /// The data, as Form.io nests them: JSON.
    pub submission: String,
    /// The protocol number of the request.
    pub protocol_number: Option<String>,
    /// When the request was registered.
    pub protocolled_at: Option<Instant>,
    /// Accepted or rejected.
    pub outcome: Option<bool>,
    /// Why.
    pub outcome_motivation: Option<String>,
    /// The connector that the payment goes through.
    pub payment_type: Option<String>,
    /// What the present attempt asks for: JSON of [`PaymentData`].
    pub payment_data: Option<String>,
    /// Where the last payment was asked from.
    pub payment_origin: Option<String>,
    /// Number of the last attempt to pay; 0: none yet.
    pub attempt: i32,
    /// The act that a number is waited for.
    pub current_act_id: Option<ActId>,
    /// JSON of [`Details`].
    pub details: String,
    /// Counts the changes.
    pub version: i64,
}
opencity_kernel::tenant_rows!(Application);

/// What no query looks for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// The registry's number of the folder.
    pub protocol_folder_number: Option<String>,
    /// The folder's title.
    pub protocol_folder_code: Option<String>,
    /// The registry's id of the request.
    pub protocol_document_id: Option<String>,
    /// The number of the outcome.
    pub outcome_number: ProtocolData,
    /// The number of the present request for integrations.
    pub integration_outbound: ProtocolData,
    /// The number of the answer to it.
    pub integration_inbound: ProtocolData,
    /// What goes with the outcome.
    pub outcome_files: Vec<FileId>,
    /// Requests for integrations, the last one last.
    pub integrations: Vec<Integration>,
    /// What the office wrote on its own form.
    pub backoffice_data: Option<Value>,
    /// The citizen's notes while writing.
    pub user_compilation_notes: Option<String>,
    /// How the citizen was recognised.
    pub authentication: Authentication,
    /// Tax codes of other citizens who may see it, in upper case.
    pub related_cfs: Vec<String>,
    /// What an external payment component told of an attempt.
    pub payment_outcome: Option<PaymentOutcome>,
    /// Where it comes from, when it was not born here.
    pub source: Option<Source>,
}

/// A number of the registry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProtocolData {
    /// Protocol number.
    pub number: Option<String>,
    /// The registry's own id.
    pub document_id: Option<String>,
    /// When.
    pub at: Option<Instant>,
}

/// A request for integrations and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    /// The request's act.
    pub request: ActId,
    /// The answer's act.
    pub response: Option<ActId>,
    /// Nothing is expected any more.
    pub done: bool,
    /// When it was asked for.
    pub asked_at: Instant,
}

/// What an external payment component told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentOutcome {
    /// Of which attempt.
    pub attempt: i32,
    /// Paid.
    pub ok: bool,
}

impl Application {
    /// The state.
    ///
    /// # Errors
    /// If the stored code is none.
    pub fn state(&self) -> DbResult<Status> {
        Status::try_from(self.status)
            .map_err(|_| DbError::malformed("the state of an application is unknown"))
    }

    /// The data, as Form.io nests them.
    ///
    /// # Errors
    /// If the stored text is no JSON.
    pub fn data(&self) -> DbResult<Value> {
        serde_json::from_str(&self.submission).map_err(DbError::json)
    }

    /// What no query looks for.
    ///
    /// # Errors
    /// If the stored text is of another shape.
    pub fn details(&self) -> DbResult<Details> {
        serde_json::from_str(&self.details).map_err(DbError::json)
    }

    /// Keeps the details.
    ///
    /// # Errors
    /// If they have no JSON form.
    pub fn set_details(&mut self, details: &Details) -> DbResult<()> {
        self.details = serde_json::to_string(details).map_err(DbError::json)?;
        Ok(())
    }

    /// What the present attempt asks for.
    ///
    /// # Errors
    /// If the stored text is of another shape.
    pub fn payment(&self) -> DbResult<Option<PaymentData>> {
        self.payment_data
            .as_deref()
            .map(|text| serde_json::from_str(text).map_err(DbError::json))
            .transpose()
    }

    /// Where the last payment was asked from.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        match self.payment_origin.as_deref()? {
            "draft" => Some(Origin::Draft),
            "acceptance" => Some(Origin::Acceptance),
            _ => Some(Origin::Asked),
        }
    }
}

/// The stored name of an origin.
#[must_use]
pub fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Draft => "draft",
        Origin::Acceptance => "acceptance",
        Origin::Asked => "asked",
    }
}

/// An act, and what the events of its document say.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = applications_act, treat_none_as_null = true, primary_key(tenant_id, id))]
pub struct Act {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The act.
    pub id: ActId,
    /// The application.
    pub application_id: ApplicationId,
    /// Type of the document.
    pub kind: String,
    /// Who did it; none: the platform.
    pub actor_id: Option<UserId>,
    /// The messages that are part of it.
    pub messages: Json,
    /// The files that are part of it.
    pub files: Json,
    /// Its number.
    pub protocol_number: Option<String>,
    /// The registry's id of it.
    pub protocol_document_id: Option<String>,
    /// When it was registered.
    pub protocolled_at: Option<Instant>,
    /// The registry's number of its folder.
    pub folder_number: Option<String>,
    /// The folder's title.
    pub folder_code: Option<String>,
    /// Its document.
    pub document_id: Option<DocumentId>,
    /// State of the document.
    pub document_status: Option<String>,
    /// Version of the document that is known here.
    pub document_version: i64,
    /// The document's main file: JSON of [`DocumentFile`].
    pub document_file: Option<String>,
    /// Until when a call to the registry may be under way.
    pub call_in_flight_until: Option<Instant>,
    /// When it was made.
    pub created_at: Instant,
}
opencity_kernel::tenant_rows!(Act);

impl Act {
    /// Which act it is.
    #[must_use]
    pub fn act_kind(&self) -> Option<ActKind> {
        ActKind::from_document_type(&self.kind)
    }

    /// The messages that are part of it.
    ///
    /// # Errors
    /// If the stored list is malformed.
    pub fn message_ids(&self) -> DbResult<Vec<MessageId>> {
        self.messages.read()
    }

    /// The files that are part of it.
    ///
    /// # Errors
    /// If the stored list is malformed.
    pub fn file_ids(&self) -> DbResult<Vec<FileId>> {
        self.files.read()
    }

    /// The document's main file, once there is a document.
    ///
    /// # Errors
    /// If the stored text is of another shape.
    pub fn file(&self) -> DbResult<Option<DocumentFile>> {
        self.document_file
            .as_deref()
            .map(|text| serde_json::from_str(text).map_err(DbError::json))
            .transpose()
    }
}

/// Money or a number that moved nothing.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = applications_anomaly)]
#[allow(missing_docs)]
pub struct Anomaly {
    pub tenant_id: TenantId,
    pub id: Id<()>,
    pub application_id: ApplicationId,
    pub kind: String,
    pub detail: String,
    pub event_id: Option<EventId>,
    pub at: Instant,
}
opencity_kernel::tenant_rows!(Anomaly);

/// An application.
///
/// # Errors
/// If the database refuses.
pub fn find(scope: &mut TenantScope<'_>, id: ApplicationId) -> DbResult<Option<Application>> {
    scope.find(applications_application::table, |rows| {
        rows.filter(applications_application::id.eq(id))
            .select(Application::columns())
    })
}

/// Lets nobody else change an application until the transaction ends: what is read of it and around it from now on stays.
/// On SQLite there is one writer, and this says nothing. False if there is none.
///
/// # Errors
/// If the database refuses.
pub fn lock(scope: &mut WriteScope<'_>, id: ApplicationId) -> DbResult<bool> {
    let locked = scope.execute(applications_application::table, |rows| {
        diesel::update(rows.filter(applications_application::id.eq(id)))
            .set(applications_application::version.eq(applications_application::version))
    })?;
    Ok(locked == 1)
}

/// An application by its id in a system outside.
///
/// # Errors
/// If the database refuses.
pub fn find_external(
    scope: &mut TenantScope<'_>,
    external_id: &str,
) -> DbResult<Option<Application>> {
    scope.find(applications_application::table, |rows| {
        rows.filter(applications_application::external_id.eq(external_id))
            .select(Application::columns())
    })
}

/// A new application.
///
/// # Errors
/// [`DbError::Duplicate`] if the external id is taken.
pub fn insert(scope: &mut WriteScope<'_>, row: &Application) -> DbResult<()> {
    scope.insert(applications_application::table, row)
}

/// Writes an application back; `read` is the version that it was read at.
///
/// # Errors
/// [`DbError::Conflict`] if somebody else changed it meanwhile.
pub fn update(scope: &mut WriteScope<'_>, row: &Application, read: i64) -> DbResult<()> {
    scope.execute_one(applications_application::table, |rows| {
        diesel::update(
            rows.filter(applications_application::id.eq(row.id))
                .filter(applications_application::version.eq(read)),
        )
        .set(row)
    })
}

/// Deletes a draft; `read` is the version that it was read at.
///
/// # Errors
/// [`DbError::Conflict`] if somebody else changed it meanwhile.
pub fn delete(scope: &mut WriteScope<'_>, id: ApplicationId, read: i64) -> DbResult<()> {
    scope.execute_one(applications_application::table, |rows| {
        diesel::delete(
            rows.filter(applications_application::id.eq(id))
                .filter(applications_application::version.eq(read)),
        )
    })
}

/// The acts of an application, oldest first.
///
/// # Errors
/// If the database refuses.
pub fn acts(scope: &mut TenantScope<'_>, id: ApplicationId) -> DbResult<Vec<Act>> {
    scope.load(applications_act::table, |rows| {
        rows.filter(applications_act::application_id.eq(id))
            .order((applications_act::created_at, applications_act::id))
            .select(Act::columns())
    })
}

/// The acts of several applications, oldest first.
///
/// # Errors
/// If the database refuses.
pub fn acts_of(
    scope: &mut TenantScope<'_>,
    ids: &[ApplicationId],
) -> DbResult<HashMap<ApplicationId, Vec<Act>>> {
    let all: Vec<Act> = scope.load(applications_act::table, |rows| {
        rows.filter(applications_act::application_id.eq_any(ids.to_vec()))
            .order((applications_act::created_at, applications_act::id))
            .select(Act::columns())
    })?;
    Ok(grouped(all, |act| act.application_id))
}

/// An act.
///
/// # Errors
/// If the database refuses.
pub fn act(scope: &mut TenantScope<'_>, id: ActId) -> DbResult<Option<Act>> {
    scope.find(applications_act::table, |rows| {
        rows.filter(applications_act::id.eq(id))
            .select(Act::columns())
    })
}

/// A new act.
///
/// # Errors
/// If the database refuses.
pub fn insert_act(scope: &mut WriteScope<'_>, act: &Act) -> DbResult<()> {
    scope.insert(applications_act::table, act)
}

/// Writes an act back.
///
/// # Errors
/// [`DbError::Conflict`] if it is gone.
pub fn update_act(scope: &mut WriteScope<'_>, act: &Act) -> DbResult<()> {
    scope.execute_one(applications_act::table, |rows| {
        diesel::update(rows.filter(applications_act::id.eq(act.id))).set(act)
    })
}

/// The files of several applications, in the order in which they were begun.
///
/// # Errors
/// If the database refuses.
pub fn files_of(scope: &mut TenantScope<'_>, ids: &[ApplicationId]) -> DbResult<Vec<FileRow>> {
    let ids: Vec<Option<ApplicationId>> = ids.iter().copied().map(Some).collect();
    let files = scope.load(applications_file::table, |rows| {
        rows.filter(applications_file::application_id.eq_any(ids))
            .select(FileRow::columns())
    })?;
    Ok(in_order(files))
}

pub(super) fn grouped<T>(
    rows: Vec<T>,
    of: impl Fn(&T) -> ApplicationId,
) -> HashMap<ApplicationId, Vec<T>> {
    let mut groups: HashMap<ApplicationId, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(of(&row)).or_default().push(row);
    }
    groups
}

/// Notes money or a number that moved nothing, for an operator to settle.
///
/// # Errors
/// If the database refuses.
pub fn note_anomaly(
    scope: &mut WriteScope<'_>,
    application: ApplicationId,
    kind: &str,
    detail: &str,
    event: Option<EventId>,
    at: Instant,
) -> DbResult<()> {
    let row = Anomaly {
        tenant_id: scope.tenant_id(),
        id: Id::new(),
        application_id: application,
        kind: kind.to_owned(),
        detail: detail.to_owned(),
        event_id: event,
        at,
    };
    scope.insert(applications_anomaly::table, &row)
}

/// The anomalies of an application, oldest first.
///
/// # Errors
/// If the database refuses.
pub fn anomalies(scope: &mut TenantScope<'_>, id: ApplicationId) -> DbResult<Vec<Anomaly>> {
    scope.load(applications_anomaly::table, |rows| {
        rows.filter(applications_anomaly::application_id.eq(id))
            .order((applications_anomaly::at, applications_anomaly::id))
            .select(Anomaly::columns())
    })
}
