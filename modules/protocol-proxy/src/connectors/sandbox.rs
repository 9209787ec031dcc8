//! The demonstration registry (`opencity sandbox`): idempotent by our id, a number first, then the files.

use async_trait::async_trait;
use opencity_contracts::document::{AuthorRole, DocumentFile, Transmission};
use opencity_kernel::FieldProblem;
use opencity_kernel::http_client::{
    HttpClient, HttpError, OutgoingRequest, OutgoingResponse, TargetPolicy,
};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::{Files, Filing, Registry, RegistryError};
use crate::domain::numbers::Numbered;

/// The most characters of a subject or of a folder's title.
const MOST_CHARACTERS: usize = 2000;

/// The section `[protocol_proxy.sandbox]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SandboxSettings {
    /// Where the registry answers.
    pub base_url: Url,
}

pub(super) struct Sandbox {
    http: HttpClient,
    base: String,
}

/// A registration, as the registry shows it.
#[derive(Debug, Deserialize)]
struct Shown {
    number: String,
    registered_at: chrono::DateTime<chrono::Utc>,
    document_id: String,
    folder_number: String,
    status: String,
    files: Vec<ShownFile>,
}

#[derive(Debug, Deserialize)]
struct ShownFile {
    index: usize,
    received: bool,
}

impl Shown {
    fn is_complete(&self) -> bool {
        self.status == "complete"
    }

    fn numbered(&self) -> Numbered {
        Numbered {
            number: self.number.clone(),
            document_id: Some(self.document_id.clone()),
            date: Some(self.registered_at),
            folder_number: Some(self.folder_number.clone()),
        }
    }
}

impl Sandbox {
    pub(super) fn new(http: HttpClient, settings: SandboxSettings) -> Self {
        let base = settings.base_url.as_str().trim_end_matches('/').to_owned();
        Self {
            http,
            base: format!("{base}/registry/registrations"),
        }
    }

    fn request(&self, method: Method, path: &str) -> Result<OutgoingRequest, RegistryError> {
        let url = Url::parse(&format!("{}{path}", self.base)).map_err(|_| {
            RegistryError::provider(
                "bad-address",
                "protocol_proxy.sandbox.base_url is no address",
                true,
            )
        })?;
        Ok(OutgoingRequest::new(method, url, TargetPolicy::Trusted))
    }

    async fn send(&self, request: OutgoingRequest) -> Result<OutgoingResponse, RegistryError> {
        self.http
            .request(request)
            .await
            .map_err(|error: HttpError| {
                RegistryError::provider(
                    "registry-unreachable",
                    error.to_string(),
                    !error.is_temporary(),
                )
            })
    }

    /// What the registry knows of the document.
    async fn known(&self, id: &str) -> Result<Option<Shown>, RegistryError> {
        let answer = self
            .send(self.request(Method::GET, &format!("/{id}"))?)
            .await?;
        if answer.status.as_u16() == 404 {
            return Ok(None);
        }
        shown(&answer).map(Some)
    }

    async fn reserve(&self, filing: &Filing) -> Result<Shown, RegistryError> {
        let request = self
            .request(Method::POST, "")?
            .json(&announcement(filing)?)
            .map_err(|error| RegistryError::provider("bad-request", error.to_string(), true))?;
        shown(&self.send(request).await?)
    }

    async fn send_files(
        &self,
        filing: &Filing,
        files: &dyn Files,
        shown_now: Shown,
    ) -> Result<Shown, RegistryError> {
        let document = &filing.document;
        for (index, file) in contents(filing).enumerate() {
            if shown_now
                .files
                .iter()
                .any(|known| known.index == index && known.received)
            {
                continue;
            }
            let bytes = files.read(file, index == 0).await?;
            let path = format!("/{}/files/{index}", document.id);
            shown(
                &self
                    .send(self.request(Method::PUT, &path)?.body(bytes))
                    .await?,
            )?;
        }
        let path = format!("/{}/complete", document.id);
        shown(&self.send(self.request(Method::POST, &path)?).await?)
    }
}

/// The document's own file, then those that go with it.
fn contents(filing: &Filing) -> impl Iterator<Item = &DocumentFile> {
    std::iter::once(&filing.document.main_document).chain(&filing.document.attachments)
}

fn announcement(filing: &Filing) -> Result<Value, RegistryError> {
    let document = &filing.document;
    let tax_code = filing
        .tenant_parameters
        .get("organization_tax_code")
        .and_then(Value::as_str)
        .ok_or_else(|| {
            RegistryError::provider(
                "not-configured",
                "the body's configuration lacks organization_tax_code",
                true,
            )
        })?;
    let cut = |text: &str| text.chars().take(MOST_CHARACTERS).collect::<String>();
    let person = |role: AuthorRole| {
        document
            .author
            .iter()
            .filter(|author| author.role == role)
            .map(|author| json!({ "name": author.name, "family_name": author.family_name, "tax_identification_number": author.tax_identification_number }))
            .collect::<Vec<_>>()
    };
    let documents: Vec<Value> = contents(filing)
        .map(|file| json!({ "name": file.filename, "sha256": file.sha256, "size": file.size }))
        .collect();
    Ok(json!({
        "external_id": document.id,
        "organization_tax_code": tax_code,
        "flow": match document.registration_data.transmission_type {
            Transmission::Inbound => "inbound",
            Transmission::Outbound => "outbound",
        },
        "subject": cut(&document.title),
        "folder_title": cut(&document.folder.title),
        "sender": person(AuthorRole::Sender).into_iter().next(),
        "recipients": person(AuthorRole::Receiver),
        "documents": documents,
    }))
}

/// Reads a good answer; the others say whether trying again is of use.
fn shown(answer: &OutgoingResponse) -> Result<Shown, RegistryError> {
    if answer.status.is_success() {
        return answer.json().map_err(|_| {
            RegistryError::provider(
                "registry-answer",
                "the registry's answer cannot be read",
                false,
            )
        });
    }
    let code = answer
        .json::<Value>()
        .ok()
        .and_then(|body| body.get("code")?.as_str().map(str::to_owned));
    let code = code.filter(|code| {
        code.len() <= 40
            && code
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    });
    let passes =
        answer.status.is_server_error() || matches!(answer.status.as_u16(), 408 | 425 | 429);
    let detail = format!(
        "the registry answered {} {}",
        answer.status.as_u16(),
        code.unwrap_or_default()
    );
    let kind = if passes {
        "registry-unavailable"
    } else {
        "registry-refused"
    };
    Err(RegistryError::provider(kind, detail.trim_end(), !passes))
}

#[async_trait]
impl Registry for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn form_components(&self) -> Vec<Value> {
        Vec::new()
    }

    fn check_tenant(&self, parameters: &Map<String, Value>) -> Vec<FieldProblem> {
        let code = parameters
            .get("organization_tax_code")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if code.len() == 11 && code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Vec::new();
        }
        vec![FieldProblem {
            field: "organization_tax_code".to_owned(),
            code: "pattern".to_owned(),
            message: "Give the tax code of the body: 11 digits.".to_owned(),
        }]
    }

    fn check_service(&self, _parameters: &Map<String, Value>) -> Vec<FieldProblem> {
        Vec::new()
    }

    async fn register(
        &self,
        filing: &Filing,
        files: &dyn Files,
    ) -> Result<Numbered, RegistryError> {
        let id = filing.document.id.to_string();
        // An earlier call may have come further than its answer.
        let reserved = match self.known(&id).await? {
            Some(known) => known,
            None => self.reserve(filing).await?,
        };
        let numbered = reserved.numbered();
        if reserved.is_complete() {
            return Ok(numbered);
        }
        match self.send_files(filing, files, reserved).await {
            Ok(shown) if shown.is_complete() => Ok(numbered),
            Ok(_) => Err(RegistryError {
                reserved: Some(Box::new(numbered)),
                ..RegistryError::provider(
                    "registry-answer",
                    "the registry did not complete the registration",
                    false,
                )
            }),
            Err(error) => Err(RegistryError {
                reserved: Some(Box::new(numbered)),
                ..error
            }),
        }
    }
}
