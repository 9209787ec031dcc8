//! Messages, as the API takes and shows them.

use opencity_contracts::message::{ExternalId, Visibility};
use opencity_kernel::http::{ApiVersion, given};
use opencity_kernel::id::{ApplicationId, MessageId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::{FieldProblem, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::files::{AttachmentIn, FileOut};
use crate::store::file::FileRow;
use crate::store::message::MessageRow;

/// A message to write.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct MessageIn {
    /// HTML; it is given back exactly as it came.
    #[schema(
        min_length = 1,
        max_length = 1_000_000,
        example = "<p>La planimetria non è leggibile.</p>"
    )]
    pub message: String,
    /// Its subject.
    #[serde(default)]
    #[schema(max_length = 255, example = "Planimetria")]
    pub subject: Option<String>,
    /// `internal` or `applicant`.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 9, example = "applicant")]
    pub visibility: Option<Visibility>,
    /// Another address than the applicant's.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub email: Option<String>,
    /// When it was delivered, if it was.
    #[serde(default)]
    pub sent_at: Option<Instant>,
    /// When it was read.
    #[serde(default)]
    pub read_at: Option<Instant>,
    /// When a button of it was used.
    #[serde(default)]
    pub clicked_at: Option<Instant>,
    /// Whether it is to be registered.
    #[serde(default)]
    pub protocol_required: Option<bool>,
    /// When it was registered.
    #[serde(default)]
    pub protocolled_at: Option<Instant>,
    /// Its number in the registry.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub protocol_number: Option<String>,
    /// Its id in a system outside, a string or an integer.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 255, example = "4711")]
    pub external_id: Option<ExternalId>,
    /// In whose name: the applicant's or an operator's. For system operators and administrators.
    #[serde(default)]
    pub author_id: Option<UserId>,
    /// Files that go with it.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub attachments: Vec<AttachmentIn>,
}

impl MessageIn {
    pub(super) fn check(&self) -> Result<(), Problem> {
        let mut errors = Vec::new();
        let mut refuse = |field: &str, code: &str, message: &str| {
            errors.push(FieldProblem {
                field: field.to_owned(),
                code: code.to_owned(),
                message: message.to_owned(),
            });
        };
        if self.message.trim().is_empty() {
            refuse("message", "required", "Write something.");
        }
        let texts = [
            ("subject", self.subject.as_deref()),
            ("email", self.email.as_deref()),
            ("protocol_number", self.protocol_number.as_deref()),
            ("external_id", text_of(self.external_id.as_ref())),
        ];
        for (field, text) in texts {
            if text.is_some_and(|text| text.chars().count() > 255) {
                refuse(field, "length", "Give at most 255 characters.");
            }
        }
        if self
            .email
            .as_deref()
            .is_some_and(|email| !is_address(email))
        {
            refuse("email", "email", "Give an e-mail address.");
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(errors))
        }
    }

    /// Internal messages, registration and delivery are the office's.
    pub(super) fn keep_what_citizens_say(&mut self) -> Result<(), Problem> {
        if self.visibility == Some(Visibility::Internal) {
            return Err(Problem::forbidden(
                "Internal messages are for the office. Write one with the visibility applicant.",
            ));
        }
        self.email = None;
        self.sent_at = None;
        self.read_at = None;
        self.clicked_at = None;
        self.protocol_required = None;
        self.protocolled_at = None;
        self.protocol_number = None;
        self.external_id = None;
        self.author_id = None;
        Ok(())
    }
}

fn text_of(id: Option<&ExternalId>) -> Option<&str> {
    match id {
        Some(ExternalId::Text(text)) => Some(text),
        _ => None,
    }
}

/// One `@` with something on both sides, and nothing that could begin another header.
fn is_address(text: &str) -> bool {
    let parts: Vec<&str> = text.split('@').collect();
    matches!(parts.as_slice(), [local, domain] if !local.is_empty() && domain.contains('.'))
        && !text.contains(|c: char| {
            c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '<' | '>')
        })
}

/// A message.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MessageOut {
    /// The message.
    pub id: MessageId,
    /// HTML, as it came.
    #[schema(
        max_length = 1_000_000,
        example = "<p>La planimetria non è leggibile.</p>"
    )]
    pub message: String,
    /// Its subject.
    #[schema(max_length = 255)]
    pub subject: Option<String>,
    /// Who wrote it; null: the platform.
    pub author: Option<UserId>,
    /// The application.
    pub application: ApplicationId,
    /// `internal` or `applicant`.
    #[schema(max_length = 9, example = "applicant")]
    pub visibility: String,
    /// Where it is sent.
    #[schema(max_length = 255)]
    pub email: Option<String>,
    /// When it was written.
    pub created_at: Instant,
    /// When it was delivered.
    pub sent_at: Option<Instant>,
    /// When it was read.
    pub read_at: Option<Instant>,
    /// When a button of it was used.
    pub clicked_at: Option<Instant>,
    /// Files that go with it.
    #[schema(max_items = 100)]
    pub attachments: Vec<FileOut>,
    /// Whether it is to be registered.
    pub protocol_required: bool,
    /// When it was registered.
    pub protocolled_at: Option<Instant>,
    /// Its number in the registry.
    #[schema(max_length = 255)]
    pub protocol_number: Option<String>,
    /// Its id in a system outside, a string or an integer as it came.
    #[schema(value_type = Option<String>, max_length = 255)]
    pub external_id: Option<ExternalId>,
}

impl MessageOut {
    pub(super) fn of(row: MessageRow, files: &[FileRow], api: &str, version: ApiVersion) -> Self {
        Self {
            external_id: row.external_id(),
            id: row.id,
            message: row.message,
            subject: row.subject,
            author: row.author_id,
            application: row.application_id,
            visibility: row.visibility,
            email: row.email,
            created_at: row.created_at,
            sent_at: row.sent_at,
            read_at: row.read_at,
            clicked_at: row.clicked_at,
            attachments: files
                .iter()
                .map(|file| FileOut::of(file, api, version))
                .collect(),
            protocol_required: row.protocol_required,
            protocolled_at: row.protocolled_at,
            protocol_number: row.protocol_number,
        }
    }
}

/// What of a message may change. A key that is not there changes nothing; null takes the value away.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct MessagePatch {
    /// When it was delivered.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Instant>)]
    pub sent_at: Option<Option<Instant>>,
    /// When it was read.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Instant>)]
    pub read_at: Option<Option<Instant>>,
    /// When a button of it was used.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Instant>)]
    pub clicked_at: Option<Option<Instant>>,
    /// When it was registered.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Instant>)]
    pub protocolled_at: Option<Option<Instant>>,
    /// Its number in the registry.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    pub protocol_number: Option<Option<String>>,
    /// Its id in a system outside, a string or an integer.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255, example = "4711")]
    pub external_id: Option<Option<ExternalId>>,
}

impl MessagePatch {
    /// Whether it says only what the reader of a message can say.
    pub(super) fn is_readers(&self) -> bool {
        self.sent_at.is_none()
            && self.protocolled_at.is_none()
            && self.protocol_number.is_none()
            && self.external_id.is_none()
    }

    pub(super) fn apply(self, row: &mut MessageRow) -> Result<(), Problem> {
        let too_long = |text: &str| text.chars().count() > 255;
        if let Some(Some(number)) = &self.protocol_number
            && (number.trim().is_empty() || too_long(number))
        {
            return Err(Problem::field(
                "protocol_number",
                "length",
                "Give 1 to 255 characters.",
            ));
        }
        if let Some(id) = &self.external_id
            && text_of(id.as_ref()).is_some_and(too_long)
        {
            return Err(Problem::field(
                "external_id",
                "length",
                "Give at most 255 characters.",
            ));
        }
        row.sent_at = self.sent_at.unwrap_or(row.sent_at);
        row.read_at = self.read_at.unwrap_or(row.read_at);
        row.clicked_at = self.clicked_at.unwrap_or(row.clicked_at);
        row.protocolled_at = self.protocolled_at.unwrap_or(row.protocolled_at);
        if let Some(number) = self.protocol_number {
            row.protocol_number = number;
        }
        if let Some(id) = self.external_id {
            row.set_external_id(id);
        }
        Ok(())
    }
}
