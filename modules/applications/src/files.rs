//! Files of applications and messages: who may name which, and how others see them.

mod body;
mod rules;
mod serve;
mod sweep;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use opencity_contracts::file::File;
use opencity_kernel::config::Config;
use opencity_kernel::context::{FileSource, ModuleContext};
use opencity_kernel::db::{DbResult, Tenancy, TenantScope, WriteScope};
use opencity_kernel::files::{FileContent, FileError};
use opencity_kernel::http::ApiVersion;
use opencity_kernel::id::{ApplicationId, FileId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::module::StartError;
use opencity_kernel::{FieldProblem, Problem, ProblemKind, clock};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

pub use body::{AttachmentIn, Decoded, Prepared};
pub use opencity_kernel::clamd::{Address, ClamdSettings};
pub(crate) use opencity_kernel::files::head_matches as content_matches;
pub use rules::FilesSettings;
pub(crate) use rules::take_head;
pub use sweep::SweepUploads;

use crate::store::file::{self, FileKind, FileRow, FileState};

/// What to do about an upload that cannot be named.
const NOT_YOURS: &str = "Name an upload of your own that is finished and that nothing else uses.";

/// Everything about files. Cheap to clone.
#[derive(Clone)]
pub struct Files {
    pub(crate) ctx: ModuleContext,
    pub(crate) settings: Arc<FilesSettings>,
}

impl Files {
    /// With the settings of `[applications.files]`.
    #[must_use]
    pub fn new(ctx: ModuleContext, settings: FilesSettings) -> Self {
        Self {
            ctx,
            settings: Arc::new(settings),
        }
    }

    /// With the settings that the configuration has.
    ///
    /// # Errors
    /// If they are not valid.
    pub fn configured(ctx: ModuleContext) -> Result<Self, StartError> {
        let config: &Config = &ctx.platform.config;
        let settings = config.section("applications.files")?;
        Ok(Self::new(ctx, settings))
    }

    /// Lets the other modules of the process read these files.
    pub fn register(&self) {
        self.ctx
            .platform
            .sources
            .register("applications", Arc::new(self.clone()));
    }

    /// The application takes the uploads that its data name, each with the path of the field that names it. An upload must be the
    /// sender's own, finished, unused and of the tenant; one that the application has already stays its own, so that data can be
    /// written back by anybody who may. The rows come in the order of `refs`.
    ///
    /// # Errors
    /// [`ProblemKind::FileRefused`] with the fields, [`ProblemKind::TooManyFiles`].
    pub fn claim(
        &self,
        scope: &mut WriteScope<'_>,
        application: ApplicationId,
        sender: UserId,
        refs: &[(FileId, String)],
    ) -> Result<Vec<FileRow>, Problem> {
        let ids: BTreeSet<FileId> = refs.iter().map(|(id, _)| *id).collect();
        let ids: Vec<FileId> = ids.into_iter().collect();
        let mut known: HashMap<FileId, FileRow> = file::find_all(scope, &ids)?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let held = |row: &FileRow| {
            row.application_id == Some(application) && row.kind == FileKind::Upload.as_str()
        };
        let free = |row: &FileRow| {
            row.owner_id == sender && row.is(FileState::Finished) && row.used_at.is_none()
        };
        let refused: Vec<FieldProblem> = refs
            .iter()
            .filter(|(id, _)| !known.get(id).is_some_and(|row| held(row) || free(row)))
            .map(|(_, field)| FieldProblem::new(field, "unknown", NOT_YOURS))
            .collect();
        if !refused.is_empty() {
            return Err(refusal(refused));
        }
        let now = clock::now();
        let new: Vec<FileId> = known
            .values()
            .filter(|row| !held(row))
            .map(|row| row.id)
            .collect();
        self.check_count(scope, application, new.len())?;
        if file::use_by(scope, &new, application, None, now)? != new.len() {
            // Somebody else took one of them since it was read.
            return Err(opencity_kernel::db::DbError::Conflict.into());
        }
        for id in &new {
            if let Some(row) = known.get_mut(id) {
                row.application_id = Some(application);
                row.used_at = Some(now);
            }
        }
        Ok(refs
            .iter()
            .filter_map(|(id, _)| known.get(id).cloned())
            .collect())
    }

    /// The application no longer names its uploads but those in `keep` (none: a draft is deleted).
    ///
    /// # Errors
    /// If the database refuses.
    pub fn release(
        &self,
        scope: &mut WriteScope<'_>,
        application: ApplicationId,
        keep: &[FileId],
    ) -> DbResult<()> {
        file::release(scope, application, keep)
    }

    pub(crate) fn check_count(
        &self,
        scope: &mut TenantScope<'_>,
        application: ApplicationId,
        more: usize,
    ) -> Result<(), Problem> {
        let held = file::count_of_application(scope, application)?;
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        if more > 0 && held.saturating_add(more) > self.settings.max_count {
            return Err(self.too_many());
        }
        Ok(())
    }

    pub(crate) fn too_many(&self) -> Problem {
        let most = self.settings.max_count;
        Problem::new(
            ProblemKind::TooManyFiles,
            format!(
                "At most {most} files go with one application. Put several pages into one file."
            ),
        )
    }

    /// Lets the virus scanner look at a received upload; one that is infected is thrown away.
    ///
    /// # Errors
    /// [`ProblemKind::FileInfected`], [`ProblemKind::VirusScanUnavailable`], or the database's and the store's.
    pub(crate) async fn scan(&self, tenancy: Tenancy, row: &FileRow) -> Result<(), Problem> {
        let clamd = &self.settings.clamd;
        if clamd.address == Address::Nowhere {
            return Ok(());
        }
        let key = row.key().ok_or_else(|| Problem::not_found("upload"))?;
        let store = &self.ctx.platform.files;
        let content = store.get(key, None).await.map_err(Problem::internal)?;
        let scanned = clamd.check("file", content.body).await;
        if let Err(problem) = &scanned
            && problem.kind() == ProblemKind::FileInfected
        {
            let id = row.id;
            self.ctx
                .db
                .write::<_, Problem>(tenancy, move |scope| Ok(file::expire(scope, id)?))
                .await?;
            self.discard(row).await;
        }
        scanned
    }

    /// Removes bytes that no row will name. A failure leaves them for the sweeping task, if a row still does.
    pub(crate) async fn discard(&self, row: &FileRow) {
        if let Some(key) = row.key()
            && let Err(error) = self.ctx.platform.files.delete(key).await
        {
            tracing::error!(file = %row.id, %error, "the bytes of a refused file could not be removed");
        }
    }
}

#[async_trait]
impl FileSource for Files {
    async fn open(&self, tenancy: Tenancy, id: FileId) -> Result<FileContent, FileError> {
        let row = self
            .ctx
            .db
            .read(tenancy, move |scope| file::find(scope, id))
            .await
            .map_err(|error| FileError::Source(Box::new(error)))?;
        let key = row
            .filter(|row| row.is(FileState::Finished))
            .and_then(|row| row.key())
            .ok_or(FileError::NotFound)?;
        self.ctx.platform.files.get(key, None).await
    }
}

/// A file, as the API shows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FileOut {
    /// The file.
    pub id: FileId,
    /// The name that the sender's system gave it.
    #[schema(max_length = 255, example = "planimetria.pdf")]
    pub name: String,
    /// Where its bytes are.
    #[schema(max_length = 2000)]
    pub url: String,
    /// The name that a person gave it.
    #[serde(rename = "originalName")]
    #[schema(max_length = 255, example = "Planimetria piano terra.pdf")]
    pub original_name: String,
    /// What it is.
    #[schema(max_length = 2000)]
    pub description: Option<String>,
    /// When it came.
    pub created_at: Instant,
    /// Whether it is registered with the rest.
    pub protocol_required: bool,
    /// Its number in the registry.
    #[schema(max_length = 255)]
    pub protocol_number: Option<String>,
    /// Its id in a system outside.
    #[schema(max_length = 255)]
    pub external_id: Option<String>,
}

impl FileOut {
    /// Of a row; `api` is how addresses of the API begin (`https://host/lang/api`).
    #[must_use]
    pub fn of(row: &FileRow, api: &str, version: ApiVersion) -> Self {
        Self {
            id: row.id,
            name: row.name.clone(),
            url: asking(&address(row, api), version.number()),
            original_name: row.original_name.clone(),
            description: row.description.clone(),
            created_at: row.created_at,
            protocol_required: row.protocol_required,
            protocol_number: row.protocol_number.clone(),
            external_id: row.external_id.clone(),
        }
    }
}

/// A file, as events name it; `api` is how the tenant's public addresses begin (`https://host/lang/api`).
#[must_use]
pub fn event_file(row: &FileRow, api: &str) -> File {
    shown_file(&held_file(row, api), ApiVersion::One.number())
}

/// A file, as a version of the API shows it.
#[must_use]
pub fn shown_file(held: &File, version: u8) -> File {
    File {
        url: held.url.as_deref().map(|url| asking(url, version)),
        ..held.clone()
    }
}

/// A file whose address asks for no version yet.
#[must_use]
pub fn held_file(row: &FileRow, api: &str) -> File {
    File {
        id: row.id.uuid(),
        name: row.name.clone(),
        url: Some(address(row, api)),
        original_name: Some(row.original_name.clone()),
        description: row.description.clone(),
        created_at: Some(row.created_at.utc()),
        protocol_required: Some(row.protocol_required),
        protocol_number: row.protocol_number.clone(),
        external_id: row.external_id.clone(),
        mime_type: Some(row.mime_type.clone()),
        size: row.size.and_then(|size| u64::try_from(size).ok()),
        md5: row.md5.clone(),
        sha256: row.sha256.clone(),
    }
}

/// What a reference to an upload consists of, as Form.io and the API write it.
const REFERENCE: [&str; 13] = [
    "id",
    "name",
    "url",
    "originalName",
    "original_filename",
    "description",
    "protocol_required",
    "size",
    "type",
    "mime_type",
    "hash",
    "storage",
    "data",
];

/// Writes every reference to one of an application's uploads in its data anew, by what is known of the upload: nothing
/// else stays of what the sender wrote. Without a version there is no address.
pub fn name_uploads(data: &mut Value, files: &[(String, File)], version: Option<u8>) {
    let upload = upload_of(data).and_then(|id| {
        let upload = FileKind::Upload.as_str();
        let mut uploads = files.iter().filter(|(kind, _)| kind == upload);
        uploads.find(|(_, file)| file.id == id.uuid())
    });
    match (upload, data) {
        (Some((_, file)), data) => {
            let url = version.and_then(|version| shown_file(file, version).url);
            *data = json!({
                "id": file.id,
                "name": file.name,
                "url": url,
                "originalName": file.original_name,
                "description": file.description,
                "protocol_required": file.protocol_required,
            });
        }
        (None, Value::Array(items)) => {
            for item in items {
                name_uploads(item, files, version);
            }
        }
        (None, Value::Object(map)) => {
            for value in map.values_mut() {
                name_uploads(value, files, version);
            }
        }
        _ => {}
    }
}

/// The upload that an object names, if it is a reference and not a part of the form that has an `id` too.
fn upload_of(value: &Value) -> Option<FileId> {
    let is_reference = value
        .as_object()?
        .keys()
        .all(|key| REFERENCE.contains(&key.as_str()));
    let id = opencity_formio::upload_id(value).filter(|_| is_reference)?;
    id.parse().ok()
}

fn asking(url: &str, version: u8) -> String {
    format!("{url}?version={version}")
}

fn address(row: &FileRow, api: &str) -> String {
    let application = row
        .application_id
        .map(|id| id.to_string())
        .unwrap_or_default();
    let id = row.id;
    match row.message_id {
        Some(message) => {
            format!("{api}/applications/{application}/messages/{message}/attachments/{id}")
        }
        None => format!("{api}/applications/{application}/attachments/{id}"),
    }
}

pub(crate) fn refusal(errors: Vec<FieldProblem>) -> Problem {
    Problem::new(
        ProblemKind::FileRefused,
        "A file of the request is refused. The array errors says which one and why.",
    )
    .with_errors(errors)
}
