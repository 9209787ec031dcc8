//! Online forms: what is sent, and how the forms that it nests come into it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use opencity_kernel::Problem;
use opencity_kernel::id::FormId;
use serde_json::{Map, Value};

use super::MAX_LINE;

/// Texts by language, then by the text of the schema.
pub type Translations = BTreeMap<String, BTreeMap<String, String>>;

/// Keys that the server adds to a schema when it shows it.
const SERVER_KEYS: [&str; 5] = ["_id", "id", "version", "created", "modified"];

/// A form as its author wrote it: the Form.io schema with nested forms named by their ids, and its translations.
#[derive(Debug, Clone, PartialEq)]
pub struct FormSource {
    /// The schema, without the server's keys and without translations.
    pub schema: Map<String, Value>,
    /// Its own translations.
    pub translations: Translations,
}

/// What a nested form brings in.
#[derive(Debug, Clone)]
pub struct Nested {
    /// Its components, with its own nested forms inside.
    pub components: Value,
    /// Its translations, with those of its own nested forms.
    pub translations: Translations,
}

/// A form with the forms that it nests inside.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedForm {
    /// The schema.
    pub schema: Map<String, Value>,
    /// All translations; the form's own win over those of nested forms.
    pub translations: Translations,
}

impl FormSource {
    /// Reads a form as it was sent: a Form.io schema, and `translations` beside it.
    ///
    /// # Errors
    /// [`ProblemKind::Validation`](opencity_kernel::ProblemKind::Validation).
    pub fn read(mut body: Map<String, Value>) -> Result<Self, Problem> {
        for key in SERVER_KEYS {
            body.shift_remove(key);
        }
        let translations = match body.shift_remove("translations") {
            None | Some(Value::Null) => Translations::new(),
            Some(value) => serde_json::from_value(value).map_err(|_| {
                Problem::field(
                    "translations",
                    "type",
                    "Give texts by language, then by the text of the schema.",
                )
            })?,
        };
        for key in ["title", "name", "path"] {
            match body.get(key) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) if text.chars().count() <= MAX_LINE => {}
                Some(_) => {
                    return Err(Problem::field(
                        key,
                        "type",
                        "Give a text of at most 255 characters.",
                    ));
                }
            }
        }
        let source = Self {
            schema: body,
            translations,
        };
        check(&source.schema)?;
        Ok(source)
    }

    /// Its name for people.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        text(&self.schema, "title")
    }

    /// Its path on the form server, without slashes around it.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        text(&self.schema, "path")
            .map(|path| path.trim_matches('/'))
            .filter(|path| !path.is_empty())
    }

    /// The forms that it nests by their ids.
    ///
    /// # Errors
    /// If a nested form has neither components nor the id of a form.
    pub fn nested(&self) -> Result<BTreeSet<FormId>, Problem> {
        let mut ids = BTreeSet::new();
        for value in self.schema.values() {
            collect(value, &mut ids)?;
        }
        Ok(ids)
    }

    /// The form with its nested forms inside.
    ///
    /// # Errors
    /// If the result is no valid form, e.g. because it became too large.
    pub fn resolve(&self, nested: &HashMap<FormId, Nested>) -> Result<ResolvedForm, Problem> {
        let mut schema = self.schema.clone();
        for value in schema.values_mut() {
            put_in(value, nested);
        }
        check(&schema)?;
        let mut translations = Translations::new();
        for source in nested
            .values()
            .map(|form| &form.translations)
            .chain([&self.translations])
        {
            for (language, texts) in source {
                translations
                    .entry(language.clone())
                    .or_default()
                    .extend(texts.clone());
            }
        }
        Ok(ResolvedForm {
            schema,
            translations,
        })
    }
}

fn text<'a>(schema: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    schema
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn check(schema: &Map<String, Value>) -> Result<(), Problem> {
    opencity_formio::Form::parse(&Value::Object(schema.clone()))
        .map(|_| ())
        .map_err(|error| Problem::field("components", "form", &error.to_string()))
}

/// A component that nests a form without having its components.
fn is_open(component: &Map<String, Value>) -> bool {
    component.get("type").and_then(Value::as_str) == Some("form")
        && component
            .get("components")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty)
}

fn named(component: &Map<String, Value>) -> Option<FormId> {
    component
        .get("form")
        .and_then(Value::as_str)
        .and_then(|id| id.parse().ok())
}

fn collect(value: &Value, into: &mut BTreeSet<FormId>) -> Result<(), Problem> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| collect(item, into)),
        Value::Object(members) => {
            if is_open(members) {
                into.insert(named(members).ok_or_else(|| {
                    Problem::field(
                        "components",
                        "nested-form",
                        "Give each nested form components, or the id of a form in form.",
                    )
                })?);
            }
            members
                .values()
                .try_for_each(|member| collect(member, into))
        }
        _ => Ok(()),
    }
}

fn put_in(value: &mut Value, nested: &HashMap<FormId, Nested>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| put_in(item, nested)),
        Value::Object(members) => {
            if is_open(members) {
                if let Some(form) = named(members).and_then(|id| nested.get(&id)) {
                    // Already resolved: nothing to look for inside.
                    members.insert("components".to_owned(), form.components.clone());
                }
                return;
            }
            members
                .values_mut()
                .for_each(|member| put_in(member, nested));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use serde_json::json;

    fn source(body: Value) -> Result<FormSource, Problem> {
        let Value::Object(body) = body else { panic!() };
        FormSource::read(body)
    }

    #[test]
    fn the_keys_that_the_server_added_and_translations_are_not_part_of_the_schema() {
        let form = source(json!({"_id": "x", "version": 3, "components": [], "translations": {"de": {"Nome": "Name"}}})).unwrap();
        assert_eq!(form.schema.keys().collect::<Vec<_>>(), ["components"]);
        assert_eq!(form.translations["de"]["Nome"], "Name");
    }

    #[test]
    fn a_body_that_is_no_form_is_refused_with_a_reason() {
        for body in [
            json!({}),
            json!({"components": 1}),
            json!({"components": [{"type": "textfield"}]}),
            json!({"components": [], "title": 4}),
            json!({"components": [], "translations": ["de"]}),
        ] {
            let problem = source(body.clone()).unwrap_err();
            assert_eq!(problem.kind().id(), "validation", "{body}");
        }
    }

    #[test]
    fn a_nested_form_is_put_in_wherever_it_stands() {
        let id = FormId::new();
        let form = source(json!({"components": [
            {"type": "panel", "key": "p", "components": [{"type": "form", "key": "applicant", "form": id, "label": "A"}]},
            {"type": "columns", "key": "c", "columns": [{"components": [{"type": "form", "key": "other", "form": id, "components": []}]}]},
        ], "translations": {"de": {"Cognome": "Zuname"}}}))
        .unwrap();
        assert_eq!(form.nested().unwrap(), [id].into());
        let nested = Nested {
            components: json!([{"type": "textfield", "key": "surname", "label": "Cognome"}]),
            translations: [(
                "de".to_owned(),
                [("Cognome", "Nachname"), ("Nome", "Vorname")]
                    .map(|(a, b)| (a.to_owned(), b.to_owned()))
                    .into(),
            )]
            .into(),
        };
        let resolved = form.resolve(&[(id, nested)].into()).unwrap();
        let schema = Value::Object(resolved.schema);
        assert_eq!(
            schema
                .pointer("/components/0/components/0/components/0/key")
                .unwrap(),
            "surname"
        );
        assert_eq!(
            schema
                .pointer("/components/1/columns/0/components/0/components/0/key")
                .unwrap(),
            "surname"
        );
        assert_eq!(resolved.translations["de"]["Cognome"], "Zuname");
        assert_eq!(resolved.translations["de"]["Nome"], "Vorname");
    }

    #[test]
    fn a_nested_form_without_components_must_say_which() {
        let form = source(
            json!({"components": [{"type": "form", "key": "applicant", "form": "anagrafica"}]}),
        )
        .unwrap();
        assert_eq!(form.nested().unwrap_err().kind().id(), "validation");
    }
}
