//! References to uploads inside the data.

use serde_json::Value;

use crate::schema::{Component, Form, Kind};
use crate::values::{get, text_of};

/// An upload that a file field of the data names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRef {
    /// Dotted path of the reference in the Form.io data, with row and file numbers: `attachments.0`.
    pub path: String,
    /// Id of the upload.
    pub id: String,
}

/// The uploads named in Form.io's nested data, in the order of the form, in either shape of reference:
/// `{…, data: {id, uri}}` or `{id, url, …}`. References without an id are left out ([`Form::validate`] refuses them);
/// files outside the form's file fields name nothing.
#[must_use]
pub fn file_references(data: &Value, form: &Form) -> Vec<FileRef> {
    let mut found = Vec::new();
    collect(&form.components, data, "", &mut found);
    found
}

fn collect(components: &[Component], value: &Value, at: &str, found: &mut Vec<FileRef>) {
    for component in components {
        if component.kind == Kind::Layout {
            collect(&component.children, value, at, found);
            continue;
        }
        let Some(own) = get(value, &component.segments) else {
            continue;
        };
        let path = join(at, &component.segments.join("."));
        match component.kind {
            Kind::Container => collect(&component.children, own, &path, found),
            Kind::NestedForm => {
                if let Some(data) = own.get("data") {
                    collect(&component.children, data, &join(&path, "data"), found);
                }
            }
            Kind::Grid => {
                for (index, row) in own.as_array().into_iter().flatten().enumerate() {
                    collect(
                        &component.children,
                        row,
                        &join(&path, &index.to_string()),
                        found,
                    );
                }
            }
            Kind::File => match own {
                Value::Array(items) => {
                    for (index, item) in items.iter().enumerate() {
                        push(item, join(&path, &index.to_string()), found);
                    }
                }
                item => push(item, path, found),
            },
            _ => {}
        }
    }
}

fn push(item: &Value, path: String, found: &mut Vec<FileRef>) {
    if let Some(id) = upload_id(item) {
        // Two components may share one key.
        let reference = FileRef { path, id };
        if !found.contains(&reference) {
            found.push(reference);
        }
    }
}

pub(crate) fn join(path: &str, step: &str) -> String {
    if path.is_empty() {
        step.to_owned()
    } else {
        format!("{path}.{step}")
    }
}

/// The id of a reference; `None` when it has none, or two that disagree.
#[must_use]
pub fn upload_id(item: &Value) -> Option<String> {
    let id = |value: Option<&Value>| value.map(text_of).filter(|id| !id.is_empty());
    let own = id(item.get("id"));
    let inner = id(item.get("data").and_then(|data| data.get("id")));
    match (own, inner) {
        (Some(own), Some(inner)) if own != inner => None,
        (own, inner) => own.or(inner),
    }
}

/// The name that a person gave the file.
pub(crate) fn file_name(item: &Value) -> Option<String> {
    ["originalName", "original_filename", "name"]
        .into_iter()
        .filter_map(|key| item.get(key).and_then(Value::as_str))
        .find(|name| !name.trim().is_empty())
        .map(str::to_owned)
}
