//! What people write of the folders of citizens, and of the documents that they put there.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use opencity_contracts::document::Side;
use opencity_kernel::files::{head_matches, known_extensions, type_of};
use opencity_kernel::http::typed;
use opencity_kernel::id::{ServiceId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::json::without_nulls;
use opencity_kernel::tax_code::{FiscalCode, TaxCodeError, TestBodies};
use opencity_kernel::{FieldProblem, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::store::folder::FolderId;

const TITLE: usize = 300;
const TEXT: usize = 4000;
const ADDRESS: usize = 2000;
const LIST: usize = 100;

/// A folder of a citizen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = FolderFields, example = json!({"title": "Pratiche edilizie", "description": "Documenti della casa di via Roma"}))]
pub(crate) struct FolderIn {
    /// Its title.
    #[schema(min_length = 1, max_length = 300)]
    pub title: String,
    /// What is in it.
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// The citizen; a citizen who sends it is meant himself. It does not change.
    pub owner: Option<UserId>,
    /// The services that it is about: the operators who work one of them see it.
    #[schema(max_items = 100, nullable)]
    pub correlated_services: Vec<ServiceId>,
}

/// A document in a folder of a citizen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = DocumentFields, example = json!({"folder": "01943ffe-0680-7438-ae6b-000000000901", "title": "Planimetria", "original_filename": "planimetria.pdf", "file": "JVBERi0xLjQK"}))]
pub(crate) struct DepositIn {
    /// The folder.
    #[schema(value_type = uuid::Uuid)]
    pub folder: Option<FolderId>,
    /// Its title.
    #[schema(min_length = 1, max_length = 300)]
    pub title: String,
    /// Whom it is for: `tenant` what the citizen gives the body, `user` what the body gives him. A citizen's is always `tenant`.
    #[schema(value_type = Option<String>, pattern = "^(tenant|user)$")]
    pub recipient_type: Option<Side>,
    /// The name of the file. Its extension says the type.
    #[schema(max_length = 255)]
    pub original_filename: Option<String>,
    /// The type of the file, as its extension says it.
    #[schema(max_length = 100)]
    pub mime_type: Option<String>,
    /// MD5 of the file in hex: what comes with another one is refused.
    #[schema(max_length = 32)]
    pub md5: Option<String>,
    /// The bytes in base64. Without them a document keeps those that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 5_000_000)]
    pub file: Option<String>,
    /// All else.
    #[serde(flatten)]
    pub said: Said,
}

/// What is written of a document, and only shown again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = DocumentTexts)]
pub(crate) struct Said {
    /// What it is.
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    /// Where it is, if its bytes are not kept here: `https://…`.
    #[schema(max_length = 2000)]
    pub address: Option<String>,
    /// Subjects.
    #[schema(max_items = 100, nullable)]
    pub topics: Vec<String>,
    /// Tax codes of other citizens who may read it.
    #[schema(max_items = 100, nullable)]
    pub readers_allowed: Vec<String>,
    /// Services that it is about.
    #[schema(max_items = 100, nullable)]
    pub correlated_services: Vec<ServiceId>,
    /// From when it is valid.
    pub validity_begin: Option<Instant>,
    /// Until when it is valid.
    pub validity_end: Option<Instant>,
    /// When it expires.
    pub expire_at: Option<Instant>,
    /// By when something is due.
    pub due_date: Option<Instant>,
}

/// The bytes of a document that came with its body.
#[derive(Debug, Clone)]
pub(crate) struct NewFile {
    pub name: String,
    pub mime_type: &'static str,
    pub bytes: Vec<u8>,
}

/// Gives a body its type; `null` stands for the default, as it does in what GET answers.
fn read<T: serde::de::DeserializeOwned>(body: Map<String, Value>) -> Result<T, Problem> {
    typed(Value::Object(without_nulls(body)))
}

fn title(text: &mut String, faults: &mut Vec<FieldProblem>) {
    *text = text.trim().to_owned();
    if text.is_empty() {
        faults.push(FieldProblem::new("title", "required", "Give it a title."));
    } else if text.chars().count() > TITLE {
        faults.push(FieldProblem::new(
            "title",
            "max_length",
            "Give at most 300 characters.",
        ));
    }
}

fn text(name: &str, text: Option<&String>, most: usize, faults: &mut Vec<FieldProblem>) {
    if text.is_some_and(|text| text.chars().count() > most) {
        faults.push(FieldProblem::new(
            name,
            "max_length",
            format!("Give at most {most} characters."),
        ));
    }
}

fn list<T>(name: &str, list: &[T], faults: &mut Vec<FieldProblem>) {
    if list.len() > LIST {
        faults.push(FieldProblem::new(name, "max_items", "Give at most 100."));
    }
}

fn checked<T>(value: T, faults: Vec<FieldProblem>) -> Result<T, Problem> {
    if faults.is_empty() {
        Ok(value)
    } else {
        Err(Problem::validation(faults))
    }
}

impl FolderIn {
    pub(crate) fn read(body: Map<String, Value>) -> Result<Self, Problem> {
        let mut input: Self = read(body)?;
        let mut faults = Vec::new();
        title(&mut input.title, &mut faults);
        text("description", input.description.as_ref(), TEXT, &mut faults);
        list(
            "correlated_services",
            &input.correlated_services,
            &mut faults,
        );
        input.correlated_services.sort_unstable();
        input.correlated_services.dedup();
        checked(input, faults)
    }
}

impl DepositIn {
    pub(crate) fn read(mut body: Map<String, Value>) -> Result<Self, Problem> {
        // A wrong type inside of flattened fields is told without its place: they are looked at apart, without the bytes.
        let file = body.remove("file");
        read::<Said>(body.clone())?;
        body.extend(file.map(|file| ("file".to_owned(), file)));
        let mut input: Self = read(body)?;
        let mut faults = Vec::new();
        title(&mut input.title, &mut faults);
        if input.folder.is_none() {
            faults.push(FieldProblem::new(
                "folder",
                "required",
                "Name a folder of the citizen.",
            ));
        }
        let Said {
            description,
            address,
            topics,
            readers_allowed,
            correlated_services,
            ..
        } = &mut input.said;
        text("description", description.as_ref(), TEXT, &mut faults);
        list("topics", topics, &mut faults);
        list("correlated_services", correlated_services, &mut faults);
        list("readers_allowed", readers_allowed, &mut faults);
        if topics.iter().any(|topic| topic.chars().count() > TITLE) {
            faults.push(FieldProblem::new(
                "topics",
                "max_length",
                "Give at most 300 characters.",
            ));
        }
        // Those of people: a legal body reads nothing here, and a code kept for tests is nobody.
        let mut readers = Vec::new();
        for (number, code) in readers_allowed.iter().enumerate() {
            match FiscalCode::parse(code, TestBodies::Refused) {
                Ok(code) if code.is_personal() => readers.push(code.expose().to_owned()),
                refused => {
                    let why = refused.err().unwrap_or(TaxCodeError::Malformed);
                    let field = format!("readers_allowed.{number}");
                    faults.push(FieldProblem::new(field, "tax_code", why.to_string()));
                }
            }
        }
        readers.sort_unstable();
        readers.dedup();
        *readers_allowed = readers;
        if address.as_ref().is_some_and(|address| {
            address.len() > ADDRESS
                || !(address.starts_with("https://") || address.starts_with("http://"))
        }) {
            faults.push(FieldProblem::new(
                "address",
                "url",
                "Give an address that begins with https://, of at most 2000 characters.",
            ));
        }
        if input.file.is_some() && address.is_some() {
            faults.push(FieldProblem::new(
                "address",
                "file",
                "Give the file, or where it is, not both.",
            ));
        }
        checked(input, faults)
    }

    /// The file that came with it, checked.
    pub(crate) fn take_file(&mut self, most: usize) -> Result<Option<NewFile>, Problem> {
        let Some(file) = self.file.take() else {
            return Ok(None);
        };
        let name = self.named()?.ok_or_else(|| {
            Problem::field(
                "original_filename",
                "required",
                "Give the file a name with an extension.",
            )
        })?;
        let bytes = base64(&file).filter(|bytes| !bytes.is_empty());
        let bytes = bytes.ok_or_else(|| {
            Problem::field("file", "base64", "Give the bytes of the file in base64.")
        })?;
        if bytes.len() > most {
            return Err(Problem::field(
                "file",
                "max_length",
                &format!("Give a file of at most {most} bytes."),
            ));
        }
        if !head_matches(name.1, &bytes) {
            return Err(Problem::field(
                "file",
                "content",
                "The bytes are not those of a file of this type.",
            ));
        }
        Ok(Some(NewFile {
            name: name.0,
            mime_type: name.1,
            bytes,
        }))
    }

    /// The name of the file and the type that its extension says.
    pub(crate) fn named(&self) -> Result<Option<(String, &'static str)>, Problem> {
        let Some(name) = &self.original_filename else {
            return Ok(None);
        };
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        let known = type_of(&name).filter(|_| name.chars().count() <= 255);
        let mime_type = known.ok_or_else(|| {
            let message = format!(
                "Give a name of at most 255 characters that ends in one of: {}.",
                known_extensions().join(", ")
            );
            Problem::field("original_filename", "file-type", &message)
        })?;
        match &self.mime_type {
            Some(said) if said != mime_type => Err(Problem::field(
                "mime_type",
                "value",
                "This is not the type of the file's extension: leave it out.",
            )),
            _ => Ok(Some((name, mime_type))),
        }
    }
}

/// Systems outside pad or do not.
fn base64(text: &str) -> Option<Vec<u8>> {
    const ANY: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    ANY.decode(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn deposit(more: Value) -> Result<DepositIn, Problem> {
        let mut body = json!({"folder": "01943ffe-0680-7438-ae6b-000000000901", "title": "Atto"});
        let members = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(members);
        DepositIn::read(body.as_object().unwrap().clone())
    }

    #[test]
    fn a_file_is_what_its_name_says() {
        let file = |name: &str, bytes: &[u8]| {
            let file = STANDARD_NO_PAD.encode(bytes);
            deposit(json!({"original_filename": name, "file": file}))
                .unwrap()
                .take_file(10)
        };
        let taken = file("C:\\Documenti\\atto.PDF", b"%PDF-1.4")
            .unwrap()
            .unwrap();
        assert_eq!(
            (taken.name.as_str(), taken.mime_type),
            ("atto.PDF", "application/pdf")
        );
        for (name, bytes) in [
            ("atto.pdf", &b"MZ"[..]),
            ("atto.exe", b"MZ"),
            ("atto", b"%PDF-"),
            ("atto.pdf", b""),
            ("atto.pdf", b"%PDF-1.4567"),
        ] {
            assert!(file(name, bytes).is_err(), "{name}");
        }
    }

    use base64::engine::general_purpose::STANDARD_NO_PAD;

    #[test]
    fn what_is_wrong_is_named() {
        for (body, field) in [
            (json!({"title": " "}), "title"),
            (json!({"folder": null}), "folder"),
            (
                json!({"readers_allowed": ["RSSMRA80A01H501X"]}),
                "readers_allowed.0",
            ),
            (json!({"address": "ftp://x"}), "address"),
            (json!({"address": "https://x", "file": "eA=="}), "address"),
            (json!({"recipient_type": "nobody"}), "recipient_type"),
            (json!({"validity_begin": "domani"}), "validity_begin"),
        ] {
            let problem = deposit(body).unwrap_err().body("r").to_string();
            assert!(
                problem.contains(&format!("\"field\":\"{field}\"")),
                "{problem}"
            );
        }
    }
}
