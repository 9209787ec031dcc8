//! Files: uploads, and what came inside a body.

use diesel::prelude::*;
use opencity_kernel::db::{Columns, DbResult, TenantScope, WriteScope};
use opencity_kernel::files::{FileKey, StoredFile};
use opencity_kernel::id::{ApplicationId, FileId, MessageId, TenantId, UserId};
use opencity_kernel::instant::Instant;

use super::schema_messages::applications_file;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Uploaded, to be named in the data of an application.
    Upload,
    /// Of a message.
    Message,
    /// Of a request for integrations.
    IntegrationRequest,
    /// Of an outcome.
    Outcome,
}

impl FileKind {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Message => "message",
            Self::IntegrationRequest => "integration-request",
            Self::Outcome => "outcome",
        }
    }
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// Announced; its bytes have not come, or not to their end.
    Begun,
    /// Its bytes are here.
    Received,
    /// Whoever sent it has confirmed what was received.
    Finished,
    /// Nothing names it: it is being removed.
    Expired,
}

impl FileState {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Received => "received",
            Self::Finished => "finished",
            Self::Expired => "expired",
        }
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = applications_file)]
pub struct FileRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The file.
    pub id: FileId,
    /// Who sent it.
    pub owner_id: UserId,
    /// [`FileKind`].
    pub kind: String,
    /// [`FileState`].
    pub state: String,
    /// The application that uses it.
    pub application_id: Option<ApplicationId>,
    /// The message that it goes with.
    pub message_id: Option<MessageId>,
    /// Its bytes in the store: another one at each try to send them.
    pub object_id: Option<FileId>,
    /// SHA-256 of the key that lets its bytes be sent without a token.
    pub upload_key: Option<String>,
    /// The name that the sender's system gave it.
    pub name: String,
    /// The name that a person gave it.
    pub original_name: String,
    /// What it is.
    pub description: Option<String>,
    /// Its type.
    pub mime_type: String,
    /// Bytes, as announced.
    pub announced_size: i64,
    /// Bytes, as received.
    pub size: Option<i64>,
    /// SHA-256 in hex.
    pub sha256: Option<String>,
    /// MD5 in hex.
    pub md5: Option<String>,
    /// Whether it is registered with the rest.
    pub protocol_required: bool,
    /// Its number in the registry.
    pub protocol_number: Option<String>,
    /// Its id in a system outside.
    pub external_id: Option<String>,
    /// When it was begun.
    pub created_at: Instant,
    /// When something named it; none: it is swept one day.
    pub used_at: Option<Instant>,
}
opencity_kernel::tenant_rows!(FileRow);

impl FileRow {
    /// Whether it is in this state.
    #[must_use]
    pub fn is(&self, state: FileState) -> bool {
        self.state == state.as_str()
    }

    /// Where its bytes are, if there are any.
    #[must_use]
    pub fn key(&self) -> Option<FileKey> {
        self.object_id.map(|object| FileKey {
            module: "applications",
            tenant: self.tenant_id.uuid(),
            owner: self.owner_id.uuid(),
            file: object.uuid(),
        })
    }
}

/// A new file.
///
/// # Errors
/// If the database refuses.
pub fn insert(scope: &mut WriteScope<'_>, row: &FileRow) -> DbResult<()> {
    scope.insert(applications_file::table, row)
}

/// A file.
///
/// # Errors
/// If the database refuses.
pub fn find(scope: &mut TenantScope<'_>, id: FileId) -> DbResult<Option<FileRow>> {
    scope.find(applications_file::table, |rows| {
        rows.filter(applications_file::id.eq(id))
            .select(FileRow::columns())
    })
}

/// Several files, in no order.
///
/// # Errors
/// If the database refuses.
pub fn find_all(scope: &mut TenantScope<'_>, ids: &[FileId]) -> DbResult<Vec<FileRow>> {
    scope.load(applications_file::table, |rows| {
        rows.filter(applications_file::id.eq_any(ids.to_vec()))
            .select(FileRow::columns())
    })
}

/// The files that an application uses, those of its messages too, in the order in which they were begun.
///
/// # Errors
/// If the database refuses.
pub fn of_application(scope: &mut TenantScope<'_>, id: ApplicationId) -> DbResult<Vec<FileRow>> {
    let files = scope.load(applications_file::table, |rows| {
        rows.filter(applications_file::application_id.eq(id))
            .select(FileRow::columns())
    })?;
    Ok(in_order(files))
}

/// The files of several messages, in the order in which they were begun.
///
/// # Errors
/// If the database refuses.
pub fn of_messages(scope: &mut TenantScope<'_>, ids: &[MessageId]) -> DbResult<Vec<FileRow>> {
    let ids: Vec<Option<MessageId>> = ids.iter().copied().map(Some).collect();
    let files = scope.load(applications_file::table, |rows| {
        rows.filter(applications_file::message_id.eq_any(ids))
            .select(FileRow::columns())
    })?;
    Ok(in_order(files))
}

/// Files in the order in which they were begun. No statement asks for it: to be spared the sorting, SQLite would rather read all
/// files of the tenant by their ids.
pub fn in_order(mut files: Vec<FileRow>) -> Vec<FileRow> {
    files.sort_unstable_by_key(|file| file.id);
    files
}

/// How many files an application uses.
///
/// # Errors
/// If the database refuses.
pub fn count_of_application(scope: &mut TenantScope<'_>, id: ApplicationId) -> DbResult<i64> {
    scope.get(applications_file::table, |rows| {
        rows.filter(applications_file::application_id.eq(id))
            .count()
    })
}

/// Notes where the next try to send the bytes puts them; whether the file still waits for bytes.
///
/// # Errors
/// If the database refuses.
pub fn expect_object(scope: &mut WriteScope<'_>, id: FileId, object: FileId) -> DbResult<bool> {
    let touched = scope.execute(applications_file::table, |rows| {
        diesel::update(
            rows.filter(applications_file::id.eq(id))
                .filter(applications_file::state.eq(FileState::Begun.as_str())),
        )
        .set(applications_file::object_id.eq(object))
    })?;
    Ok(touched > 0)
}

/// The bytes are here; false when another try was faster, or the file waits for none.
///
/// # Errors
/// If the database refuses.
pub fn receive(
    scope: &mut WriteScope<'_>,
    id: FileId,
    object: FileId,
    stored: &StoredFile,
    state: FileState,
) -> DbResult<bool> {
    let touched = scope.execute(applications_file::table, |rows| {
        diesel::update(
            rows.filter(applications_file::id.eq(id))
                .filter(applications_file::object_id.eq(object))
                .filter(applications_file::state.eq(FileState::Begun.as_str())),
        )
        .set((
            applications_file::state.eq(state.as_str()),
            applications_file::size.eq(i64::try_from(stored.size).ok()),
            applications_file::sha256.eq(&stored.sha256),
            applications_file::md5.eq(&stored.md5),
        ))
    })?;
    Ok(touched > 0)
}

/// Whoever sent it confirms it.
///
/// # Errors
/// [`DbError::Conflict`](opencity_kernel::db::DbError::Conflict) if it is not in the state for it.
pub fn finish(scope: &mut WriteScope<'_>, id: FileId) -> DbResult<()> {
    scope.execute_one(applications_file::table, |rows| {
        diesel::update(
            rows.filter(applications_file::id.eq(id))
                .filter(applications_file::state.eq(FileState::Received.as_str())),
        )
        .set(applications_file::state.eq(FileState::Finished.as_str()))
    })
}

/// Nothing can name the file any more; it is swept one day.
///
/// # Errors
/// [`DbError::Conflict`](opencity_kernel::db::DbError::Conflict) if something names it.
pub fn expire(scope: &mut WriteScope<'_>, id: FileId) -> DbResult<()> {
    scope.execute_one(applications_file::table, |rows| {
        diesel::update(
            rows.filter(applications_file::id.eq(id))
                .filter(applications_file::used_at.is_null()),
        )
        .set(applications_file::state.eq(FileState::Expired.as_str()))
    })
}

/// An upload of somebody, finished and unused, becomes a file of another kind; whether there was such a one.
///
/// # Errors
/// If the database refuses.
pub fn take_upload(
    scope: &mut WriteScope<'_>,
    id: FileId,
    owner: UserId,
    kind: FileKind,
) -> DbResult<bool> {
    let touched = scope.execute(applications_file::table, |rows| {
        diesel::update(
            rows.filter(applications_file::id.eq(id))
                .filter(applications_file::owner_id.eq(owner))
                .filter(applications_file::kind.eq(FileKind::Upload.as_str()))
                .filter(applications_file::state.eq(FileState::Finished.as_str()))
                .filter(applications_file::used_at.is_null()),
        )
        .set(applications_file::kind.eq(kind.as_str()))
    })?;
    Ok(touched > 0)
}

/// An application, or a message on it, uses finished files that nothing used; how many it got.
///
/// # Errors
/// If the database refuses.
pub fn use_by(
    scope: &mut WriteScope<'_>,
    ids: &[FileId],
    application: ApplicationId,
    message: Option<MessageId>,
    at: Instant,
) -> DbResult<usize> {
    scope.execute(applications_file::table, |rows| {
        diesel::update(
            rows.filter(applications_file::id.eq_any(ids.to_vec()))
                .filter(applications_file::state.eq(FileState::Finished.as_str()))
                .filter(applications_file::used_at.is_null()),
        )
        .set((
            applications_file::application_id.eq(application),
            applications_file::message_id.eq(message),
            applications_file::used_at.eq(at),
        ))
    })
}

/// The application no longer uses its uploads but those in `keep`: they are swept one day.
///
/// # Errors
/// If the database refuses.
pub fn release(
    scope: &mut WriteScope<'_>,
    application: ApplicationId,
    keep: &[FileId],
) -> DbResult<()> {
    scope.execute(applications_file::table, |rows| {
        diesel::update(
            rows.filter(applications_file::application_id.eq(application))
                .filter(applications_file::kind.eq(FileKind::Upload.as_str()))
                .filter(applications_file::id.ne_all(keep.to_vec())),
        )
        .set((
            applications_file::application_id.eq(None::<ApplicationId>),
            applications_file::used_at.eq(None::<Instant>),
        ))
    })?;
    Ok(())
}

/// Keeps the id that a system outside gave it.
///
/// # Errors
/// [`DbError::Conflict`](opencity_kernel::db::DbError::Conflict) if it is gone.
pub fn set_external_id(
    scope: &mut WriteScope<'_>,
    id: FileId,
    external_id: Option<&str>,
) -> DbResult<()> {
    scope.execute_one(applications_file::table, |rows| {
        diesel::update(rows.filter(applications_file::id.eq(id)))
            .set(applications_file::external_id.eq(external_id))
    })
}
