//! Makes the document of an act: renders, stores, and says what to write.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use opencity_contracts::{Application, DocumentEvent, Tenant};
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::{DbError, Tenancy, WriteScope};
use opencity_kernel::events::{Change, HandleError, NewEvent, Topic};
use opencity_kernel::files::FileKey;
use opencity_kernel::id::ActId;
use opencity_kernel::instant::Instant;
use opencity_kernel::json::Json;
use serde::Deserialize;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::consumers::ids;
use crate::domain::assembly::{Assembled, Ids, assemble};
use crate::domain::content::{ContentError, Material};
use crate::render::{RenderError, Renderer};
use crate::store::{document, folder, replica, waiting};

/// Makes documents.
pub(crate) struct Maker {
    ctx: ModuleContext,
    /// Loaded at the first document: fonts take memory that an idle process has no use for.
    renderer: OnceLock<Renderer>,
    places: Arc<Semaphore>,
}

/// The key of a document's file.
pub(crate) fn file_key(tenant: Uuid, owner: Uuid, file: Uuid) -> FileKey {
    FileKey {
        module: "documents",
        tenant,
        owner,
        file,
    }
}

impl Maker {
    pub(crate) fn new(ctx: ModuleContext, at_once: usize) -> Self {
        Self {
            ctx,
            renderer: OnceLock::new(),
            places: Arc::new(Semaphore::new(at_once.max(1))),
        }
    }

    /// Renders and stores the document of the act that the application's event tells. Repeating it makes the same
    /// bytes under the same key.
    pub(crate) async fn make(
        &self,
        tenancy: Tenancy,
        application: Application,
    ) -> Result<Made, HandleError> {
        // A body just made: its event may be on the way to the directory.
        let platform = &self.ctx.platform;
        let known = || platform.directory.tenant(tenancy.tenant_id());
        let tenant = platform.replicated("kernel", known).await?;
        let tenant = tenant.ok_or(DbError::NotFound)?;
        // A body without a host of its own is reached by its slug.
        let prefix = if tenant.host().is_some() {
            "lang"
        } else {
            tenant.slug.as_str()
        };
        let base_url = format!("{}/{prefix}/api", self.ctx.platform.public_url(&tenant));
        let profile = Tenant::deserialize(&*tenant.profile).map_err(|_| {
            HandleError::permanent("tenant-malformed", "the tenant's profile is malformed")
        })?;
        let material = self.material(tenancy, application, profile).await?;
        let ids = Ids::of(tenancy.tenant_id().uuid(), material.act.id);
        let pdf = self.render(&material).await?;
        let key = file_key(
            tenancy.tenant_id().uuid(),
            material.application.user,
            ids.file,
        );
        let stored = self
            .ctx
            .platform
            .files
            .put(
                key,
                futures::stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(pdf))]),
                u64::MAX,
            )
            .await
            .map_err(|error| HandleError::temporary("file-store", error.to_string()))?;
        let assembled = assemble(&material, ids, &stored, &base_url).map_err(refused)?;
        Ok(Made(assembled))
    }

    async fn material(
        &self,
        tenancy: Tenancy,
        application: Application,
        tenant: Tenant,
    ) -> Result<Material, HandleError> {
        self.ctx
            .db
            .read(tenancy, move |scope| {
                let act = application
                    .act
                    .clone()
                    .ok_or_else(|| HandleError::permanent("no-act", "the event names no act"))?;
                let messages =
                    replica::messages(scope, &ids(&act.message_ids))?.ok_or_else(|| {
                        HandleError::temporary(
                            "message-missing",
                            "a message that the act names is not here yet",
                        )
                    })?;
                let form = match application.form {
                    None => None,
                    Some(form) => {
                        let (schema, translations) =
                            replica::form(scope, form.id.into(), form.version)?.ok_or_else(
                                || {
                                    HandleError::temporary(
                                        "form-missing",
                                        "the application's form is not here yet",
                                    )
                                },
                            )?;
                        Some((schema.0, translations.read()?))
                    }
                };
                let known = replica::service_name(scope, application.service_id.into())?;
                let service_name = application
                    .service_name
                    .clone()
                    .or(known)
                    .or_else(|| application.service.clone());
                Ok(Material {
                    act,
                    form,
                    messages,
                    service_name: service_name.unwrap_or_default(),
                    tenant,
                    application,
                })
            })
            .await
    }

    async fn render(&self, material: &Material) -> Result<Vec<u8>, HandleError> {
        let sheet = material.sheet().map_err(refused)?;
        let made_at = material.application.updated_at;
        let renderer = match self.renderer.get() {
            Some(renderer) => renderer.clone(),
            None => {
                let renderer = Renderer::new().map_err(|error| defect(&error))?;
                self.renderer.get_or_init(|| renderer).clone()
            }
        };
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| HandleError::temporary("stopping", "the process stops"))?;
        tokio::task::spawn_blocking(move || {
            let pdf = renderer
                .render(&sheet, made_at)
                .map_err(|error| defect(&error));
            drop(place);
            pdf
        })
        .await
        .map_err(|_| HandleError::permanent("renderer", "the renderer ended abnormally"))?
    }
}

fn defect(error: &RenderError) -> HandleError {
    HandleError::permanent("renderer", error.to_string())
}

fn refused(error: ContentError) -> HandleError {
    let kind = match error {
        ContentError::Form(_) => "form-malformed",
        ContentError::UnknownFile(_) => "unknown-file",
    };
    HandleError::permanent(kind, error.to_string())
}

/// A document whose file is stored.
pub(crate) struct Made(Assembled);

impl Made {
    /// Writes the row and the first event, unless the act has its document.
    pub(crate) fn save(self, scope: &mut WriteScope<'_>) -> Result<(), HandleError> {
        let Assembled {
            mut event,
            owner_tax_code,
            year,
            folder_title,
        } = self.0;
        let act = ActId::from_uuid(event.act_id);
        waiting::forget(scope, act)?;
        if document::of_act(scope, act)?.is_some() {
            return Ok(());
        }
        let folder = folder::of_year(
            scope,
            event.remote_collection.id.into(),
            year,
            &folder_title,
        )?;
        event.folder.title.clone_from(&folder.title);
        let row = document::DocumentRow {
            tenant_id: scope.tenant_id(),
            id: event.id.into(),
            version: 1,
            act_id: act,
            kind: event.kind.as_str().to_owned(),
            status: event.status.as_str().to_owned(),
            application_id: event.remote_id.into(),
            service_id: event.remote_collection.id.into(),
            owner_id: event.owner_id.into(),
            owner_tax_code,
            folder_id: folder.id,
            title: event.title.clone(),
            main_file_id: event.main_document.id.into(),
            sha256: event.main_document.sha256.clone(),
            body: Json::of(&event)?,
            downloads: 0,
            last_read_at: None,
            created_at: Instant::from_utc(event.created_at),
            updated_at: Instant::from_utc(event.updated_at),
        };
        document::insert(scope, &row)?;
        scope.emit(told(
            &event,
            1,
            Change::status(None, event.status.as_str()),
        )?)?;
        Ok(())
    }
}

/// The event of a document as it is.
pub(crate) fn told(
    document: &DocumentEvent,
    version: i64,
    change: Change,
) -> Result<NewEvent, DbError> {
    let body = serde_json::to_value(document).map_err(DbError::json)?;
    Ok(NewEvent::new(
        Topic::Documents,
        document.remote_id,
        document.id,
        version,
        change,
        body,
    ))
}
