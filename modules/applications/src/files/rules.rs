//! What a file must be: its name, its type, its first bytes.

use std::collections::BTreeMap;

use opencity_kernel::clamd::ClamdSettings;
use opencity_kernel::{FieldProblem, Problem, ProblemKind};
use serde::Deserialize;

/// `[applications.files]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesSettings {
    /// The most bytes of one file.
    pub max_bytes: u64,
    /// The most files of one application, and of one body.
    pub max_count: i64,
    /// Days that an upload is kept which nothing names.
    pub unused_days: u64,
    /// The virus scanner.
    pub clamd: ClamdSettings,
    /// By extension in lower case, the MIME types under which a file may come; the first one is the default.
    pub types: BTreeMap<String, Vec<String>>,
}

/// The most characters of a file's name.
const NAME_MAX: usize = 255;
const OCTETS: &str = "application/octet-stream";
/// How many of the first bytes are looked at.
pub(super) const HEAD: usize = 1024;

/// Name and type of a file that may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) name: String,
    pub(crate) original_name: String,
    pub(crate) mime_type: String,
    /// The name of what a signed envelope (*busta*, `.p7m`) holds.
    pub(crate) signed_name: Option<String>,
}

impl FilesSettings {
    /// Checks the names and the type that the sender gives a file; `at` is the path of its object in the body, empty for the body
    /// itself.
    pub(crate) fn accept(
        &self,
        at: &str,
        name: &str,
        original_name: Option<&str>,
        mime_type: Option<&str>,
    ) -> Result<Accepted, FieldProblem> {
        let field = |key: &str| {
            if at.is_empty() {
                key.to_owned()
            } else {
                format!("{at}.{key}")
            }
        };
        let (name, original) = (base_name(name), original_name.map(base_name));
        let original = original
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| name.clone());
        let name = if name.is_empty() {
            original.clone()
        } else {
            name
        };
        if name.is_empty() || name.chars().count() > NAME_MAX || original.chars().count() > NAME_MAX
        {
            return Err(FieldProblem::new(
                field("name"),
                "name",
                "Give the file a name of 1 to 255 characters.",
            ));
        }
        let extension = original
            .rsplit_once('.')
            .filter(|(stem, extension)| !stem.is_empty() && !extension.is_empty())
            .map(|(_, extension)| extension.to_lowercase())
            .ok_or_else(|| {
                FieldProblem::new(
                    field("name"),
                    "extension",
                    "Give the file's name an extension, e.g. .pdf.",
                )
            })?;
        let not_accepted = || {
            FieldProblem::new(
                field("name"),
                "extension",
                "Files with this extension are not accepted.",
            )
        };
        let accepted = self.types_of(&extension).ok_or_else(not_accepted)?;
        let signed_name = signed_name(&original);
        if let Some((_, inside)) = signed_name.as_ref().and_then(|name| name.rsplit_once('.'))
            && self.types_of(&inside.trim().to_lowercase()).is_none()
        {
            return Err(not_accepted());
        }
        let given = mime_type
            .map(|text| {
                text.split(';')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_lowercase()
            })
            .filter(|text| !text.is_empty());
        let mime_type = match given {
            None => accepted.first().cloned().unwrap_or_default(),
            // It says nothing: the extension does, and the first bytes are looked at.
            Some(given) if given == OCTETS => accepted.first().cloned().unwrap_or_default(),
            Some(given) if accepted.contains(&given) => given,
            Some(_) => {
                return Err(FieldProblem::new(
                    field("mime_type"),
                    "mime_type",
                    "The MIME type is not accepted, or is not that of the file's extension.",
                ));
            }
        };
        Ok(Accepted {
            name,
            signed_name,
            original_name: original,
            mime_type,
        })
    }

    /// The types under which files with this extension come in; none: they do not.
    fn types_of(&self, extension: &str) -> Option<&Vec<String>> {
        self.types.get(extension).filter(|types| !types.is_empty())
    }

    pub(crate) fn too_large(&self) -> Problem {
        Problem::new(
            ProblemKind::UploadTooLarge,
            format!(
                "The file has more than {} bytes. Send a smaller one.",
                self.max_bytes
            ),
        )
    }
}

/// The last part of a path, without control characters: names come from browsers and other systems.
fn base_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars()
        .filter(|c| !c.is_control())
        .collect::<String>()
        .trim()
        .to_owned()
}

/// The name inside the envelopes of a signed file: `atto.pdf` of `atto.pdf.p7m`, and of `atto.pdf.p7m.p7m`.
fn signed_name(name: &str) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    if stem.is_empty() || !extension.eq_ignore_ascii_case("p7m") {
        return None;
    }
    signed_name(stem).or_else(|| Some(stem.to_owned()))
}

/// Keeps the first bytes of a file that comes in pieces.
pub(crate) fn take_head(head: &mut Vec<u8>, piece: &[u8]) {
    let missing = HEAD.saturating_sub(head.len());
    head.extend(piece.iter().take(missing));
}
