//! The rules and options that a component's JSON declares.

use regex::Regex;
use serde_json::{Map, Value};

use crate::pattern;
use crate::schema::{Kind, flag, text};
use crate::values::{number, text_of};

/// An option of a select, radio or group of boxes; values are compared by their text, as Form.io does.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub value: String,
    pub label: String,
}

/// The rules of `validate`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub required: bool,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub min_length: Option<usize>,
    pub max_length: Option<usize>,
    pub pattern: Option<Regex>,
}

pub(crate) fn rules_of(json: &Map<String, Value>) -> Rules {
    let Some(validate) = json.get("validate").and_then(Value::as_object) else {
        return Rules::default();
    };
    let length = |name: &str| {
        validate
            .get(name)
            .and_then(|value| text_of(value).parse().ok())
    };
    Rules {
        required: flag(validate, "required"),
        min: validate.get("min").and_then(number),
        max: validate.get("max").and_then(number),
        min_length: length("minLength"),
        max_length: length("maxLength"),
        pattern: pattern::compile(&text(validate, "pattern")),
    }
}

pub(crate) fn choices_of(kind: Kind, json: &Map<String, Value>) -> Option<Vec<Choice>> {
    let source = text(json, "dataSrc");
    let data = json.get("data");
    let list = match (kind, source.as_str()) {
        (Kind::Radio | Kind::SelectBoxes, _) => json.get("values"),
        (Kind::Select, "" | "values") => data.and_then(|data| data.get("values")),
        // A list written in the form itself; where its values are something else than `value` they are not checked.
        (Kind::Select, "json") if matches!(text(json, "valueProperty").as_str(), "" | "value") => {
            data.and_then(|data| data.get("json"))
        }
        _ => return None,
    };
    let items = list.and_then(Value::as_array)?;
    if items.iter().any(|item| item.get("value").is_none()) {
        return None;
    }
    let choices: Vec<Choice> = items
        .iter()
        .filter_map(|item| {
            let value = item.get("value").map(text_of)?;
            let label = item
                .get("label")
                .map(text_of)
                .filter(|label| !label.is_empty());
            Some(Choice {
                label: label.unwrap_or_else(|| value.clone()),
                value,
            })
        })
        // A fresh component of the builder has one empty option.
        .filter(|choice| !choice.value.is_empty())
        .collect();
    (!choices.is_empty()).then_some(choices)
}

/// `<span>{{ item.name }}</span>` → `["name"]`.
pub(crate) fn template_property(template: &str) -> Vec<String> {
    let Some((_, rest)) = template.split_once("item.") else {
        return Vec::new();
    };
    let end = rest
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
        .unwrap_or(rest.len());
    let property = rest.get(..end).unwrap_or_default().trim_matches('.');
    if property.is_empty() {
        Vec::new()
    } else {
        property.split('.').map(str::to_owned).collect()
    }
}
