//! Files inside a JSON body, in base64, and uploads that it names.
//!
//! Their rows are written before their bytes, and used in the transaction of the act: whatever fails on the way leaves a row
//! that nothing uses, which the sweeping task finds.

use std::convert::Infallible;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use futures::Stream;
use opencity_kernel::db::{Tenancy, WriteScope};
use opencity_kernel::files::{StoredFile, head_matches};
use opencity_kernel::id::{ApplicationId, FileId, MessageId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::{FieldProblem, Problem, clock};
use serde::Deserialize;
use utoipa::ToSchema;

use super::rules::{Accepted, HEAD};
use super::{Files, NOT_YOURS, refusal};
use crate::store::file::{self, FileKind, FileRow, FileState};

/// A file inside a body.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct AttachmentIn {
    /// Its name, with an extension; needed with `file`.
    #[serde(default)]
    #[schema(max_length = 255, example = "determina.pdf")]
    pub name: String,
    /// The name that a person gave it.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub original_filename: Option<String>,
    /// Its type; absent: that of the extension.
    #[serde(default)]
    #[schema(max_length = 100, example = "application/pdf")]
    pub mime_type: Option<String>,
    /// Its bytes in base64, within the limit of the body.
    #[serde(default)]
    #[schema(max_length = 5_000_000, example = "JVBERi0xLjQK")]
    pub file: Option<String>,
    /// In place of `file`, for one of any size: an upload of the sender's own, finished and unused (POST `/lang/{locale}/upload`).
    /// What was said of it there holds, and nothing else of this object.
    #[serde(default)]
    pub id: Option<FileId>,
    /// What it is; of a signed file (`.p7m`), if nothing is said, the name of what it holds.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub description: Option<String>,
    /// Whether it is registered with the rest.
    #[serde(default)]
    pub protocol_required: Option<bool>,
    /// Its id in a system outside.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub external_id: Option<String>,
}

/// A file of a body, checked.
#[derive(Debug, Clone)]
pub enum Decoded {
    /// Its bytes came with it.
    Bytes(Box<Inside>),
    /// An upload, by its place in the body.
    Upload(String, FileId),
}

/// A file whose bytes are in the body.
#[derive(Debug, Clone)]
pub struct Inside {
    /// Its place in the body.
    at: String,
    accepted: Accepted,
    description: Option<String>,
    protocol_required: bool,
    external_id: Option<String>,
    bytes: Bytes,
}

/// A file whose bytes are stored, and that a transaction is going to use.
#[derive(Debug, Clone)]
pub enum Prepared {
    /// It came inside the body.
    Stored {
        /// What is known of it.
        row: Box<FileRow>,
        /// Where its bytes are.
        object: FileId,
        /// What they are.
        stored: StoredFile,
    },
    /// An upload that the sender names.
    Upload {
        /// Its place in the body.
        at: String,
        /// The upload.
        id: FileId,
        /// Who names it.
        sender: UserId,
        /// What it becomes.
        kind: FileKind,
    },
}

/// Systems outside pad or do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Files {
    /// Checks and decodes the files of a body; `field` is the name of their array.
    ///
    /// # Errors
    /// [`opencity_kernel::ProblemKind::FileRefused`] with all that is wrong; too many, too large.
    pub fn decode(&self, field: &str, files: &[AttachmentIn]) -> Result<Vec<Decoded>, Problem> {
        if i64::try_from(files.len()).unwrap_or(i64::MAX) > self.settings.max_count {
            return Err(self.too_many());
        }
        let (mut decoded, mut errors) = (Vec::with_capacity(files.len()), Vec::new());
        for (index, file) in files.iter().enumerate() {
            let at = format!("{field}.{index}");
            if let Some(id) = file.id {
                decoded.push(Decoded::Upload(at, id));
                continue;
            }
            let original = file.original_filename.as_deref();
            let accepted =
                match self
                    .settings
                    .accept(&at, &file.name, original, file.mime_type.as_deref())
                {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        errors.push(error);
                        continue;
                    }
                };
            let mut refuse = |code: &str, message: &str| {
                errors.push(FieldProblem::new(format!("{at}.file"), code, message));
            };
            let Some(text) = &file.file else {
                refuse("required", "Give the bytes, or the id of an upload.");
                continue;
            };
            let Some(bytes) = bytes_of(text) else {
                refuse("base64", "Send the bytes in base64.");
                continue;
            };
            if bytes.is_empty() {
                refuse("empty", "The file is empty. Send one with content.");
            } else if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > self.settings.max_bytes {
                return Err(self.settings.too_large());
            } else if !head_matches(&accepted.mime_type, bytes.get(..HEAD).unwrap_or(&bytes)) {
                refuse("content", "The bytes are not those of a file of this type.");
            } else {
                decoded.push(Decoded::Bytes(Box::new(Inside {
                    description: file
                        .description
                        .clone()
                        .or_else(|| accepted.signed_name.clone()),
                    at,
                    accepted,
                    protocol_required: file.protocol_required.unwrap_or(true),
                    external_id: file.external_id.clone(),
                    bytes: Bytes::from(bytes),
                })));
            }
        }
        if errors.is_empty() {
            Ok(decoded)
        } else {
            Err(refusal(errors))
        }
    }

    /// Lets the virus scanner look at the bytes and stores them, before the transaction that uses them.
    ///
    /// # Errors
    /// [`opencity_kernel::ProblemKind::FileInfected`], [`opencity_kernel::ProblemKind::VirusScanUnavailable`]; if the database or
    /// the store refuses.
    pub async fn prepare(
        &self,
        tenancy: Tenancy,
        sender: UserId,
        kind: FileKind,
        files: Vec<Decoded>,
    ) -> Result<Vec<Prepared>, Problem> {
        let (mut prepared, mut inside) = (Vec::with_capacity(files.len()), Vec::new());
        for file in files {
            match file {
                Decoded::Bytes(file) => inside.push(file),
                Decoded::Upload(at, id) => prepared.push(Prepared::Upload {
                    at,
                    id,
                    sender,
                    kind,
                }),
            }
        }
        if inside.is_empty() {
            return Ok(prepared);
        }
        for file in &inside {
            let field = format!("{}.file", file.at);
            self.settings
                .clamd
                .check(&field, one_piece(file.bytes.clone()))
                .await?;
        }
        let now = clock::now();
        let rows: Vec<(FileRow, FileId)> = inside
            .iter()
            .map(|file| {
                let object = FileId::new();
                let row = FileRow {
                    tenant_id: tenancy.tenant_id(),
                    id: FileId::new(),
                    owner_id: sender,
                    kind: kind.as_str().to_owned(),
                    state: FileState::Begun.as_str().to_owned(),
                    application_id: None,
                    message_id: None,
                    object_id: Some(object),
                    upload_key: None,
                    name: file.accepted.name.clone(),
                    original_name: file.accepted.original_name.clone(),
                    description: file.description.clone(),
                    mime_type: file.accepted.mime_type.clone(),
                    announced_size: i64::try_from(file.bytes.len()).unwrap_or(i64::MAX),
                    size: None,
                    sha256: None,
                    md5: None,
                    protocol_required: file.protocol_required,
                    protocol_number: None,
                    external_id: file.external_id.clone(),
                    created_at: now,
                    used_at: None,
                };
                (row, object)
            })
            .collect();
        let begun = rows.clone();
        self.ctx
            .db
            .write::<_, Problem>(tenancy, move |scope| {
                begun
                    .iter()
                    .try_for_each(|(row, _)| Ok(file::insert(scope, row)?))
            })
            .await?;
        for ((row, object), file) in rows.into_iter().zip(inside) {
            let Some(key) = row.key() else { continue };
            let store = &self.ctx.platform.files;
            let stored = store
                .put(key, one_piece(file.bytes), self.settings.max_bytes)
                .await
                .map_err(Problem::internal)?;
            prepared.push(Prepared::Stored {
                row: Box::new(row),
                object,
                stored,
            });
        }
        Ok(prepared)
    }

    /// Uses prepared files in the transaction of the act that they came with.
    ///
    /// # Errors
    /// [`opencity_kernel::ProblemKind::TooManyFiles`], [`opencity_kernel::ProblemKind::FileRefused`] for an upload that the sender may
    /// not name, or the database.
    pub fn attach(
        &self,
        scope: &mut WriteScope<'_>,
        prepared: Vec<Prepared>,
        application: ApplicationId,
        message: Option<MessageId>,
    ) -> Result<Vec<FileRow>, Problem> {
        self.check_count(scope, application, prepared.len())?;
        let to = UsedBy {
            application,
            message,
            at: clock::now(),
        };
        prepared
            .into_iter()
            .map(|file| match file {
                Prepared::Stored {
                    row,
                    object,
                    stored,
                } => attach_stored(scope, *row, object, stored, to),
                Prepared::Upload {
                    at,
                    id,
                    sender,
                    kind,
                } => attach_upload(scope, &at, id, sender, kind, to),
            })
            .collect()
    }
}

/// What uses a file, and since when.
#[derive(Clone, Copy)]
struct UsedBy {
    application: ApplicationId,
    message: Option<MessageId>,
    at: Instant,
}

fn attach_stored(
    scope: &mut WriteScope<'_>,
    row: FileRow,
    object: FileId,
    stored: StoredFile,
    to: UsedBy,
) -> Result<FileRow, Problem> {
    file::receive(scope, row.id, object, &stored, FileState::Finished)?;
    if file::use_by(scope, &[row.id], to.application, to.message, to.at)? != 1 {
        return Err(Problem::internal("a prepared file is gone"));
    }
    Ok(FileRow {
        state: FileState::Finished.as_str().to_owned(),
        application_id: Some(to.application),
        message_id: to.message,
        size: i64::try_from(stored.size).ok(),
        sha256: Some(stored.sha256),
        md5: Some(stored.md5),
        used_at: Some(to.at),
        ..row
    })
}

fn attach_upload(
    scope: &mut WriteScope<'_>,
    at: &str,
    id: FileId,
    sender: UserId,
    kind: FileKind,
    to: UsedBy,
) -> Result<FileRow, Problem> {
    if file::take_upload(scope, id, sender, kind)?
        && file::use_by(scope, &[id], to.application, to.message, to.at)? == 1
        && let Some(row) = file::find(scope, id)?
    {
        return Ok(row);
    }
    Err(refusal(vec![FieldProblem::new(
        format!("{at}.id"),
        "unknown",
        NOT_YOURS,
    )]))
}

fn one_piece(bytes: Bytes) -> impl Stream<Item = Result<Bytes, Infallible>> {
    futures::stream::iter([Ok(bytes)])
}

/// The bytes of a base64 text; a data URL is taken too, and line breaks.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let text = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,")?.1,
        None => text,
    };
    if text.contains(|c: char| c.is_ascii_whitespace()) {
        let text: String = text.split_ascii_whitespace().collect();
        return BASE64.decode(text).ok();
    }
    BASE64.decode(text).ok()
}
