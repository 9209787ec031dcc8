//! The bytes of a document's files, from the modules that keep them.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use opencity_contracts::document::DocumentFile;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::crypto::sha256_hex;
use opencity_kernel::db::Tenancy;
use opencity_kernel::files::FileError;

use crate::connectors::{Files, RegistryError};

/// Reads the files of a tenant's documents.
pub(crate) struct PlatformFiles {
    pub ctx: ModuleContext,
    pub tenancy: Tenancy,
}

#[async_trait]
impl Files for PlatformFiles {
    async fn read(&self, file: &DocumentFile, main: bool) -> Result<Bytes, RegistryError> {
        // The document's own file was made by `documents`; what goes with it was sent to `applications`.
        let module = if main { "documents" } else { "applications" };
        let unreadable = |error: &FileError| {
            ours(
                "file-unreadable",
                format!("the file {} cannot be read: {error}", file.id),
                false,
            )
        };
        let mut content = self
            .ctx
            .platform
            .sources
            .open(self.tenancy, module, file.id.into())
            .await
            .map_err(|error| unreadable(&error))?;
        let mut bytes = BytesMut::new();
        while let Some(piece) = content.body.next().await {
            bytes.extend_from_slice(&piece.map_err(|error| unreadable(&error))?);
        }
        if sha256_hex(&bytes) != file.sha256.to_ascii_lowercase() {
            return Err(ours(
                "file-changed",
                format!(
                    "the bytes of the file {} are not those that the document names",
                    file.id
                ),
                true,
            ));
        }
        Ok(bytes.freeze())
    }
}

fn ours(kind: &'static str, detail: String, permanent: bool) -> RegistryError {
    RegistryError {
        kind,
        detail,
        permanent,
        provider: false,
        reserved: None,
    }
}
