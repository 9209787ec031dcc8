//! Files across modules: the module that received or made a file serves it. In one process the others read it from
//! the store; in a split installation they fetch it from the process in which that module runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::StreamExt;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::auth::Verifier;
use crate::config::ModuleAddresses;
use crate::db::Tenancy;
use crate::files::{FileContent, FileError};
use crate::http_client::{HttpClient, OutgoingRequest, OutgoingStream, TargetPolicy};
use crate::id::FileId;
use crate::problem::ProblemKind;

/// Serves files of a module to the other modules of the installation.
#[async_trait]
pub trait FileSource: Send + Sync {
    /// The content of a file of this tenant.
    ///
    /// # Errors
    /// [`FileError::NotFound`], or the store's.
    async fn open(&self, tenancy: Tenancy, file: FileId) -> Result<FileContent, FileError>;
}

/// The files of all modules, wherever they run.
#[derive(Clone)]
pub struct FileSources {
    here: Arc<Mutex<HashMap<&'static str, Arc<dyn FileSource>>>>,
    addresses: Arc<ModuleAddresses>,
    /// What this process calls itself in its tokens.
    name: &'static str,
    http: HttpClient,
    verifier: Verifier,
}

impl FileSources {
    pub(crate) fn new(
        addresses: ModuleAddresses,
        name: &'static str,
        http: HttpClient,
        verifier: Verifier,
    ) -> Self {
        Self {
            here: Arc::default(),
            addresses: Arc::new(addresses),
            name,
            http,
            verifier,
        }
    }

    /// Makes a module's files readable for the others.
    pub fn register(&self, module: &'static str, source: Arc<dyn FileSource>) {
        self.here
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(module, source);
    }

    /// Opens a file of another module. Whoever knows its hash asks for [`FileContent::checked`].
    ///
    /// # Errors
    /// [`FileError::NotFound`] if neither the module nor the file is there, [`FileError::Source`] if the module's
    /// process does not give it.
    pub async fn open(
        &self,
        tenancy: Tenancy,
        module: &str,
        file: FileId,
    ) -> Result<FileContent, FileError> {
        match (self.source(module), self.addresses.of(module)) {
            (Some(source), _) => source.open(tenancy, file).await,
            (None, Some(address)) => self.fetch(tenancy, address, module, file).await,
            (None, None) => Err(FileError::NotFound),
        }
    }

    /// Opens a file of a module of this process.
    pub(crate) async fn open_here(
        &self,
        tenancy: Tenancy,
        module: &str,
        file: FileId,
    ) -> Result<FileContent, FileError> {
        match self.source(module) {
            Some(source) => source.open(tenancy, file).await,
            None => Err(FileError::NotFound),
        }
    }

    fn source(&self, module: &str) -> Option<Arc<dyn FileSource>> {
        self.here
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(module)
            .cloned()
    }

    async fn fetch(
        &self,
        tenancy: Tenancy,
        address: &Url,
        module: &str,
        file: FileId,
    ) -> Result<FileContent, FileError> {
        let url = address
            .join(&format!("/internal/files/{module}/{file}"))
            .map_err(source)?;
        let token = self
            .verifier
            .service_token(self.name, module, tenancy.tenant_id())
            .map_err(source)?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}")).map_err(source)?;
        bearer.set_sensitive(true);
        let request = OutgoingRequest::new(Method::GET, url, TargetPolicy::Trusted)
            .header(AUTHORIZATION, bearer);
        let answer = self.http.get_stream(request).await.map_err(source)?;
        if answer.status != StatusCode::OK {
            return Err(refusal(answer).await);
        }
        let size = answer
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|size| size.to_str().ok()?.parse().ok())
            .ok_or_else(|| source("the answer does not say how long the file is"))?;
        Ok(FileContent {
            size,
            range: 0..size,
            body: answer.body.map(|piece| piece.map_err(source)).boxed(),
        })
    }
}

/// Why the module's process gives no file. Only its own word counts as "not there": an address that is wrong says 404 too.
async fn refusal(mut answer: OutgoingStream) -> FileError {
    let status = answer.status;
    let problem = match answer.body.next().await {
        Some(Ok(piece)) => serde_json::from_slice::<serde_json::Value>(&piece).unwrap_or_default(),
        _ => serde_json::Value::Null,
    };
    let code = problem.get("code").and_then(serde_json::Value::as_str);
    if code == Some(ProblemKind::NotFound.id()) {
        FileError::NotFound
    } else {
        source(format!("the module that keeps the file answers {status}"))
    }
}

fn source(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> FileError {
    FileError::Source(error.into())
}
