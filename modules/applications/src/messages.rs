//! Writing messages, and telling them on `messages`.

use std::collections::HashMap;
use std::sync::Arc;

use opencity_contracts::Message;
use opencity_contracts::file::RemoteCollection;
use opencity_contracts::message::{ExternalId, MessageOrigin, Visibility};
use opencity_kernel::clock;
use opencity_kernel::context::{ModuleContext, Platform};
use opencity_kernel::db::{DbError, DbResult, Priority, Tenancy, TenantScope, WriteScope};
use opencity_kernel::directory::{self, Tenant};
use opencity_kernel::events::{Change, NewEvent, Topic};
use opencity_kernel::id::{ApplicationId, MessageId, ServiceId, UserId};
use opencity_kernel::instant::Instant;

use crate::files::event_file;
use crate::store::file::{self, FileRow};
use crate::store::message::{self, AuthorKind, MessageRow};

/// The application that a message is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct On {
    /// The application.
    pub application: ApplicationId,
    /// Its service.
    pub service: ServiceId,
    /// Its citizen.
    pub owner: UserId,
}

/// A message to write.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Its id, chosen beforehand by whoever attaches files to it.
    pub id: MessageId,
    /// Where.
    pub on: On,
    /// Who writes it; none: the platform.
    pub author: Option<UserId>,
    /// What the author is.
    pub author_kind: AuthorKind,
    /// Why.
    pub origin: MessageOrigin,
    /// HTML.
    pub message: String,
    /// Its subject.
    pub subject: Option<String>,
    /// Who may read it.
    pub visibility: Visibility,
    /// Where it is sent.
    pub email: Option<String>,
    /// When it was delivered, if it was already: then nobody delivers it again.
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
    pub external_id: Option<ExternalId>,
}

impl NewMessage {
    /// What somebody writes.
    #[must_use]
    pub fn from_person(
        on: On,
        author: UserId,
        author_kind: AuthorKind,
        visibility: Visibility,
        message: String,
    ) -> Self {
        Self {
            id: MessageId::new(),
            on,
            author: Some(author),
            author_kind,
            origin: MessageOrigin::Person,
            message,
            subject: None,
            visibility,
            email: None,
            sent_at: None,
            read_at: None,
            clicked_at: None,
            protocol_required: false,
            protocolled_at: None,
            protocol_number: None,
            external_id: None,
        }
    }
}

/// Writes a message and its event; `files` are those attached to it in this transaction. `api` is how the tenant's public
/// addresses begin: see [`public_api`].
///
/// What a person writes is told as `created`, which fires `message_created`; the message of a change of state as `data`: see
/// [`MessageOrigin`].
///
/// # Errors
/// If the database refuses.
pub fn write(
    scope: &mut WriteScope<'_>,
    api: &str,
    new: NewMessage,
    files: &[FileRow],
) -> DbResult<MessageRow> {
    let mut row = MessageRow {
        tenant_id: scope.tenant_id(),
        id: new.id,
        version: 1,
        application_id: new.on.application,
        service_id: new.on.service,
        user_id: new.on.owner,
        author_id: new.author,
        author_kind: new.author_kind.as_str().to_owned(),
        origin: new.origin.as_str().to_owned(),
        message: new.message,
        subject: new.subject,
        visibility: new.visibility.as_str().to_owned(),
        email: new.email,
        created_at: clock::now(),
        sent_at: new.sent_at,
        read_at: new.read_at,
        clicked_at: new.clicked_at,
        protocol_required: new.protocol_required,
        protocolled_at: new.protocolled_at,
        protocol_number: new.protocol_number,
        external_id: None,
        external_id_is_number: false,
    };
    row.set_external_id(new.external_id);
    message::insert(scope, &row)?;
    let change = match new.origin {
        MessageOrigin::Person => Change::created(),
        MessageOrigin::Status => Change::data(),
    };
    emit(scope, api, &row, files, change)?;
    Ok(row)
}

/// Writes a changed message back and tells it.
///
/// # Errors
/// [`DbError::Conflict`] if somebody else changed it meanwhile.
pub fn change(scope: &mut WriteScope<'_>, api: &str, row: &mut MessageRow) -> DbResult<()> {
    message::update(scope, row)?;
    let files = file::of_messages(scope, &[row.id])?;
    emit(scope, api, row, &files, Change::data())
}

/// How the tenant's public addresses of the API begin: `https://host/lang/api`.
///
/// # Errors
/// [`DbError::NotFound`] if the tenant is unknown here.
pub fn public_api(platform: &Platform, scope: &mut WriteScope<'_>) -> DbResult<String> {
    let tenant = directory::tenant_in(scope)?.ok_or(DbError::NotFound)?;
    Ok(api_of(platform, &tenant))
}

/// As [`public_api`], of a tenant that is known already: by its own host, or by its slug where it has none.
#[must_use]
pub fn api_of(platform: &Platform, tenant: &Tenant) -> String {
    format!("{}/api", crate::site_of(platform, tenant))
}

/// A message with its files, as events tell it.
///
/// # Errors
/// If a stored word is unknown.
pub fn event_body(row: &MessageRow, files: &[FileRow], api: &str) -> DbResult<Message> {
    Ok(Message {
        id: row.id.uuid(),
        message: row.message.clone(),
        subject: row.subject.clone(),
        author_id: row.author_id.map(UserId::uuid),
        user_id: Some(row.user_id.uuid()),
        email: row.email.clone(),
        attachments: files.iter().map(|file| event_file(file, api)).collect(),
        created_at: row.created_at.utc(),
        sent_at: row.sent_at.map(Instant::utc),
        read_at: row.read_at.map(Instant::utc),
        clicked_at: row.clicked_at.map(Instant::utc),
        external_id: row.external_id(),
        protocol_required: row.protocol_required,
        protocolled_at: row.protocolled_at.map(Instant::utc),
        protocol_number: row.protocol_number.clone(),
        related_entity_id: row.application_id.uuid(),
        related_entity_type: "application".to_owned(),
        transmission_type: row.transmission(),
        visibility: row.visibility()?,
        remote_collection: RemoteCollection::service(row.service_id.uuid()),
        call_to_actions: Vec::new(),
        origin: row.origin()?,
    })
}

fn emit(
    scope: &mut WriteScope<'_>,
    api: &str,
    row: &MessageRow,
    files: &[FileRow],
    change: Change,
) -> DbResult<()> {
    let body = serde_json::to_value(event_body(row, files, api)?).map_err(DbError::json)?;
    scope.emit(NewEvent::new(
        Topic::Messages,
        row.application_id,
        row.id,
        row.version,
        change,
        body,
    ))?;
    Ok(())
}

/// Files of messages, by message.
///
/// # Errors
/// If the database refuses.
pub fn files_of(
    scope: &mut TenantScope<'_>,
    messages: &[MessageRow],
) -> DbResult<HashMap<MessageId, Vec<FileRow>>> {
    let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
    let mut by_message = HashMap::<MessageId, Vec<FileRow>>::new();
    for file in file::of_messages(scope, &ids)? {
        if let Some(id) = file.message_id {
            by_message.entry(id).or_default().push(file);
        }
    }
    Ok(by_message)
}

/// Tells all messages again, as they are now; how many.
///
/// # Errors
/// If the database refuses.
pub async fn republish(ctx: &ModuleContext) -> DbResult<u64> {
    let (mut last, mut told) = (None, 0_u64);
    loop {
        let rows = ctx
            .db
            .read_across::<_, DbError>(
                "messages are told again, whoever's they are",
                move |scope| message::next_of_all(scope, last),
            )
            .await?;
        let Some(row) = rows.last() else {
            return Ok(told);
        };
        last = Some((row.tenant_id, row.id));
        told = told.saturating_add(u64::try_from(rows.len()).unwrap_or_default());
        for of_tenant in rows.chunk_by(|left, right| left.tenant_id == right.tenant_id) {
            let Some(tenancy) = of_tenant
                .first()
                .map(|row| Tenancy::from_row(row.tenant_id))
            else {
                continue;
            };
            let (rows, platform) = (of_tenant.to_vec(), Arc::clone(&ctx.platform));
            ctx.db
                .write_as::<_, DbError>(Priority::Background, tenancy, move |scope| {
                    let api = public_api(&platform, scope)?;
                    let mut files = files_of(scope, &rows)?;
                    for row in &rows {
                        let files = files.remove(&row.id).unwrap_or_default();
                        emit(scope, &api, row, &files, Change::republished())?;
                    }
                    Ok(())
                })
                .await?;
        }
    }
}
