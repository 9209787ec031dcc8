//! Registries (*protocolli*): one connector each.

mod sandbox;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use opencity_contracts::DocumentEvent;
use opencity_contracts::document::DocumentFile;
use opencity_kernel::FieldProblem;
use opencity_kernel::context::ModuleContext;
use serde_json::{Map, Value};

pub(crate) use sandbox::SandboxSettings;

use crate::domain::numbers::Numbered;

/// A document to register, with the configurations of the registry.
#[derive(Debug, Clone)]
pub(crate) struct Filing {
    pub document: DocumentEvent,
    /// The connector's own settings for the body.
    pub tenant_parameters: Map<String, Value>,
    /// The connector's own settings for the service.
    #[expect(
        dead_code,
        reason = "the demonstration registry needs none; the next connectors do"
    )]
    pub service_parameters: Map<String, Value>,
}

/// Gives the bytes of a document's files, checked against the hash that the document names.
#[async_trait]
pub(crate) trait Files: Send + Sync {
    /// The bytes of a file; `main` if it is the document's own.
    async fn read(&self, file: &DocumentFile, main: bool) -> Result<Bytes, RegistryError>;
}

/// Why a registration did not end. No text holds personal data.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{kind}: {detail}")]
pub(crate) struct RegistryError {
    /// A short kebab-case name.
    pub kind: &'static str,
    /// A sentence.
    pub detail: String,
    /// Whether trying again is of no use.
    pub permanent: bool,
    /// Whether the registry is at fault, rather than a file of ours.
    pub provider: bool,
    /// The number that the registry has already given: it is never asked for another.
    pub reserved: Option<Box<Numbered>>,
}

impl RegistryError {
    fn provider(kind: &'static str, detail: impl Into<String>, permanent: bool) -> Self {
        Self {
            kind,
            detail: detail.into(),
            permanent,
            provider: true,
            reserved: None,
        }
    }

    /// The whole call took longer than a call may.
    pub(crate) fn too_slow() -> Self {
        Self::provider(
            "registry-slow",
            "the registry did not end the registration in time",
            false,
        )
    }
}

/// A registry, reached over the network.
#[async_trait]
pub(crate) trait Registry: Send + Sync {
    /// Its name in addresses and configurations.
    fn name(&self) -> &'static str;

    /// The components that its Form.io form has beside the common ones.
    fn form_components(&self) -> Vec<Value>;

    /// What is wrong with the body's part of a configuration.
    fn check_tenant(&self, parameters: &Map<String, Value>) -> Vec<FieldProblem>;

    /// What is wrong with a service's part of a configuration.
    fn check_service(&self, parameters: &Map<String, Value>) -> Vec<FieldProblem>;

    /// Registers the document, or goes on where an earlier call ended. The registry knows it by the document's id.
    async fn register(&self, filing: &Filing, files: &dyn Files)
    -> Result<Numbered, RegistryError>;
}

/// The registries that this version can talk to.
#[derive(Clone)]
pub(crate) struct Registries(Arc<Vec<Arc<dyn Registry>>>);

impl Registries {
    pub(crate) fn new(ctx: &ModuleContext, sandbox: SandboxSettings) -> Self {
        let sandbox = sandbox::Sandbox::new(ctx.platform.http.clone(), sandbox);
        Self(Arc::new(vec![Arc::new(sandbox)]))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<dyn Registry>> {
        self.0.iter().find(|registry| registry.name() == name)
    }
}
