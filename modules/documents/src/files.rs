//! The module's files, for the other modules of the process.

use async_trait::async_trait;
use opencity_kernel::context::{FileSource, ModuleContext};
use opencity_kernel::db::{DbError, Tenancy};
use opencity_kernel::files::{FileContent, FileError};
use opencity_kernel::id::FileId;

use crate::maker::file_key;
use crate::store::document;

/// Opens the PDF of a document by the id of its file.
pub(crate) struct DocumentFiles(pub ModuleContext);

#[async_trait]
impl FileSource for DocumentFiles {
    async fn open(&self, tenancy: Tenancy, file: FileId) -> Result<FileContent, FileError> {
        let found = self
            .0
            .db
            .read::<_, DbError>(tenancy, move |scope| document::of_file(scope, file))
            .await
            .map_err(|error| FileError::Source(Box::new(error)))?;
        let row = found.ok_or(FileError::NotFound)?;
        let key = file_key(row.tenant_id.uuid(), row.owner_id.uuid(), file.uuid());
        self.0.platform.files.get(key, None).await
    }
}
