//! Files of the texts on costs and conditions.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opencity_kernel::files::{known_extensions, type_of};
use opencity_kernel::id::FileId;
use opencity_kernel::instant::Instant;
use opencity_kernel::{FieldProblem, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::vocabulary::too_many;
use super::{MAX_LINE, MAX_PARTS};

/// Which text a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentKind {
    /// That on costs.
    Costs,
    /// That on conditions.
    Conditions,
}

impl AttachmentKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Costs, Self::Conditions];

    /// As addresses name it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Costs => "costs",
            Self::Conditions => "conditions",
        }
    }

    /// The key of a service or group that lists such files.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Costs => "costs_attachments",
            Self::Conditions => "conditions_attachments",
        }
    }
}

/// A file of a text. One that is kept elsewhere has nothing but its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({"name": "tariffe.pdf", "file": "JVBERi0xLjcK…"}))]
pub struct Attachment {
    /// The file that is kept here; on write, one that was read before.
    pub id: Option<FileId>,
    /// The last part of its address.
    #[schema(max_length = 255)]
    pub name: String,
    /// Where its bytes are.
    #[schema(max_length = 2000)]
    pub url: String,
    /// The name that people see.
    #[schema(max_length = 255)]
    pub original_name: Option<String>,
    /// Its type.
    #[schema(max_length = 100)]
    pub mime_type: Option<String>,
    /// Its bytes.
    #[schema(minimum = 1)]
    pub size: Option<u64>,
    /// When it came.
    pub created_at: Option<Instant>,
}

/// The bytes of a file that came with a body.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// The file.
    pub id: FileId,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Takes the files (`file`, base64) out of a body and leaves their names there.
///
/// # Errors
/// [`ProblemKind::Validation`](opencity_kernel::ProblemKind::Validation) with every file that is refused.
pub fn unpack(body: &mut Map<String, Value>, now: Instant) -> Result<Vec<NewFile>, Problem> {
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    for kind in AttachmentKind::ALL {
        let list = body.get_mut(kind.field()).and_then(Value::as_array_mut);
        for (place, entry) in list.into_iter().flatten().enumerate() {
            let Some(entry) = entry.as_object_mut() else {
                continue;
            };
            let Some(file) = entry.remove("file").filter(|file| !file.is_null()) else {
                continue;
            };
            match unpacked(entry, &file, now) {
                Ok(file) => files.push(file),
                Err((key, code, message)) => {
                    let field = format!("{}.{place}.{key}", kind.field());
                    faults.push(FieldProblem::new(&field, code, &message));
                }
            }
        }
    }
    if faults.is_empty() {
        Ok(files)
    } else {
        Err(Problem::validation(faults))
    }
}

fn unpacked(
    entry: &mut Map<String, Value>,
    file: &Value,
    now: Instant,
) -> Result<NewFile, (&'static str, &'static str, String)> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::trim);
    let name = text("original_name")
        .filter(|name| !name.is_empty())
        .or_else(|| text("name"))
        .unwrap_or_default()
        .to_owned();
    if name.is_empty() || name.chars().count() > MAX_LINE {
        return Err(("name", "length", "Give 1 to 255 characters.".to_owned()));
    }
    let Some(mime_type) = type_of(&name) else {
        let message = format!(
            "Give a name that ends in one of: {}.",
            known_extensions().join(", ")
        );
        return Err(("name", "file-type", message));
    };
    let bytes = file
        .as_str()
        .and_then(|file| STANDARD.decode(file.trim()).ok())
        .filter(|bytes| !bytes.is_empty())
        .ok_or_else(|| ("file", "base64", "Give the bytes in base64.".to_owned()))?;
    let new = FileId::new();
    let kept = json!({
        "id": new, "name": plain(&name), "url": "", "original_name": name, "mime_type": mime_type,
        "size": bytes.len(), "created_at": now,
    });
    if let Value::Object(kept) = kept {
        *entry = kept;
    }
    Ok(NewFile { id: new, bytes })
}

/// A name that can stand in an address as it is.
fn plain(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-._".contains(c) {
            c
        } else {
            '_'
        }
    };
    name.chars().map(plain).collect()
}

/// What has files of its texts: services and their groups.
pub trait HasAttachments {
    /// The files of a text.
    fn attachments(&self, kind: AttachmentKind) -> &[Attachment];
    /// As [`attachments`](Self::attachments), to be changed.
    fn attachments_mut(&mut self, kind: AttachmentKind) -> &mut [Attachment];

    /// All files.
    fn all_attachments(&self) -> Vec<Attachment> {
        AttachmentKind::ALL
            .into_iter()
            .flat_map(|kind| self.attachments(kind).to_vec())
            .collect()
    }

    /// The lists of files that are longer than they may be.
    fn too_many_attachments(&self) -> Vec<FieldProblem> {
        let lists =
            AttachmentKind::ALL.map(|kind| (kind.field(), self.attachments(kind).len(), MAX_PARTS));
        too_many(&lists)
    }

    /// Gives each file its address below `base`; `before` is what was there, `new` are files that came with the body.
    ///
    /// # Errors
    /// [`ProblemKind::Validation`](opencity_kernel::ProblemKind::Validation) with every entry that is neither a file kept here
    /// nor the address of one elsewhere.
    fn settle(&mut self, base: &str, before: Option<&Self>, new: &[FileId]) -> Result<(), Problem> {
        let mut faults = Vec::new();
        for kind in AttachmentKind::ALL {
            let before = before.map_or(&[][..], |before| before.attachments(kind));
            let list = self.attachments_mut(kind);
            faults.extend(settle(list, kind, base, before, new));
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(faults))
        }
    }
}

/// What was there before is taken as it was kept, whatever is said of it now.
fn settle(
    list: &mut [Attachment],
    kind: AttachmentKind,
    base: &str,
    before: &[Attachment],
    new: &[FileId],
) -> Vec<FieldProblem> {
    let mut faults = Vec::new();
    let mut names = HashSet::new();
    for entry in list.iter_mut() {
        let same = |kept: &&Attachment| match entry.id {
            Some(id) => kept.id == Some(id),
            None => kept.url == entry.url,
        };
        if let Some(kept) = before.iter().find(same) {
            entry.clone_from(kept);
            names.insert(kept.name.clone());
        }
    }
    for (place, entry) in list.iter_mut().enumerate() {
        if before.contains(entry) {
            continue;
        }
        match entry.id {
            Some(id) if new.contains(&id) => {
                entry.name = free(&entry.name, &names);
                names.insert(entry.name.clone());
                entry.url = format!("{base}/attachments/{}/{}", kind.word(), entry.name);
            }
            None if is_address(&entry.url) => {
                if entry.name.is_empty() {
                    entry.name = entry.original_name.clone().unwrap_or_default();
                }
                let texts = [
                    ("name", Some(entry.name.as_str())),
                    ("original_name", entry.original_name.as_deref()),
                ];
                faults.extend(texts.into_iter().filter_map(|(key, text)| {
                    let field = format!("{}.{place}.{key}", kind.field());
                    FieldProblem::unless_at_most(&field, text, MAX_LINE)
                }));
                (entry.mime_type, entry.size) = (None, None);
            }
            _ => {
                let field = format!("{}.{place}.file", kind.field());
                let message = "Give the bytes in base64 (file), or the https address of a file elsewhere (url).";
                faults.push(FieldProblem::new(&field, "required", message));
            }
        }
    }
    faults
}

fn is_address(url: &str) -> bool {
    url.len() <= 2000 && (url.starts_with("https://") || url.starts_with("http://"))
}

/// The name, or the first of `name-2.pdf`, `name-3.pdf`, … that is not taken.
fn free(name: &str, taken: &HashSet<String>) -> String {
    if !taken.contains(name) {
        return name.to_owned();
    }
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    (2_u32..)
        .map(|number| format!("{stem}-{number}.{extension}"))
        .find(|candidate| !taken.contains(candidate))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    fn body(list: Value) -> Map<String, Value> {
        let Value::Object(body) = json!({"costs_attachments": list}) else {
            panic!()
        };
        body
    }

    fn taken(list: Value, before: &[Attachment]) -> Result<Vec<Attachment>, Vec<FieldProblem>> {
        let mut body = body(list);
        let new = unpack(&mut body, Instant::from_unix(0)).unwrap();
        let new: Vec<FileId> = new.iter().map(|file| file.id).collect();
        let mut list: Vec<Attachment> =
            serde_json::from_value(body["costs_attachments"].clone()).unwrap();
        let faults = settle(
            &mut list,
            AttachmentKind::Costs,
            "/services/1",
            before,
            &new,
        );
        if faults.is_empty() {
            Ok(list)
        } else {
            Err(faults)
        }
    }

    #[test]
    fn two_files_of_one_name_get_addresses_of_their_own_and_keep_them() {
        let file = json!({"name": "Tariffe è.pdf", "file": "JVBERg=="});
        let first = taken(json!([file, file]), &[]).unwrap();
        assert_eq!(first[0].url, "/services/1/attachments/costs/Tariffe__.pdf");
        assert_eq!(first[1].name, "Tariffe__-2.pdf");
        assert_eq!(first[0].original_name.as_deref(), Some("Tariffe è.pdf"));
        assert_eq!(first[0].size, Some(4));

        let second = first[1].clone();
        let echo = json!([{"url": second.url, "name": "other"}, file]);
        let list = taken(echo, &first).unwrap();
        assert_eq!(
            list[0], second,
            "what an older client sends back is recognised"
        );
        assert_eq!(list[1].name, "Tariffe__.pdf");
    }

    #[test]
    fn a_file_elsewhere_is_an_address_and_anything_else_is_refused() {
        let elsewhere = json!([{"name": "a", "url": "https://www.example.it/a.pdf"}]);
        assert_eq!(taken(elsewhere, &[]).unwrap()[0].id, None);
        for wrong in [
            json!([{"name": "a.pdf"}]),
            json!([{"name": "a.pdf", "url": "javascript:alert(1)"}]),
            json!([{"id": FileId::new(), "name": "a.pdf", "url": "https://www.example.it/a.pdf"}]),
        ] {
            let faults = taken(wrong, &[]).unwrap_err();
            assert_eq!(faults[0].field, "costs_attachments.0.file");
        }
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        for (entry, field) in [
            (json!({"file": "JVBERg=="}), "costs_attachments.0.name"),
            (
                json!({"name": "a.exe", "file": "JVBERg=="}),
                "costs_attachments.0.name",
            ),
            (
                json!({"name": ".pdf", "file": "JVBERg=="}),
                "costs_attachments.0.name",
            ),
            (
                json!({"name": "a.pdf", "file": "§"}),
                "costs_attachments.0.file",
            ),
            (
                json!({"name": "a.pdf", "file": ""}),
                "costs_attachments.0.file",
            ),
            (
                json!({"name": "a.pdf", "file": 7}),
                "costs_attachments.0.file",
            ),
        ] {
            let problem = unpack(&mut body(json!([entry])), Instant::from_unix(0)).unwrap_err();
            assert_eq!(problem.body("x")["errors"][0]["field"], field);
        }
    }
}
