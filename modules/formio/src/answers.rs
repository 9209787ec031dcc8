//! A submission as people read it: labels and answers in the order of the form.

use serde_json::Value;

use crate::conditions::{Scope, Shown};
use crate::dates::{DayValue, day, wall_clock};
use crate::files::file_name;
use crate::money::{euro, parse_cents};
use crate::schema::{Component, Form, Kind};
use crate::values::{find, get, is_blank, text_of, trimmed};

/// What stands for an answer that was not given.
pub const EMPTY_ANSWER: &str = "–";

/// A page of the form with its answers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Section {
    /// The page's title.
    pub title: String,
    /// The visible fields in order.
    pub answers: Vec<Answer>,
}

/// A field's label and what was answered.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Answer {
    /// The field's label.
    pub label: String,
    /// The answer.
    pub value: AnswerValue,
}

/// An answer, ready to print in Italian.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerValue {
    /// One text; [`EMPTY_ANSWER`] when nothing was answered.
    Text(String),
    /// Several texts: ticked options, file names, multiple values. Never empty.
    List(Vec<String>),
    /// The rows of a grid, each with its own labels. Never empty.
    Rows(Vec<Vec<Answer>>),
}

impl Form {
    /// The answers of Form.io's nested data, page by page: option labels rather than values, `Sì` and `No` for
    /// checkboxes, dates as dd/mm/yyyy, file names, grids as rows. Every visible field is there, also when it is
    /// empty; pages without visible fields are not.
    #[must_use]
    pub fn answers(&self, data: &Value) -> Vec<Section> {
        let data = self.clear_hidden(data);
        let scope = Scope::root(&data);
        let mut sections = Vec::new();
        for (index, page) in self.pages().iter().enumerate() {
            let mut answers = Vec::new();
            for component in self
                .components
                .iter()
                .filter(|component| component.page == index)
            {
                answer(component, &scope, Shown::Yes, &mut answers);
            }
            if !answers.is_empty() {
                sections.push(Section {
                    title: page.title.clone(),
                    answers,
                });
            }
        }
        sections
    }
}

fn answer(component: &Component, scope: &Scope<'_>, around: Shown, into: &mut Vec<Answer>) {
    let shown = around.and(component.condition.evaluate(scope));
    if shown == Shown::No
        || component.concealed
        || matches!(component.kind, Kind::Hidden | Kind::Static)
    {
        return;
    }
    let all = |scope: &Scope<'_>, into: &mut Vec<Answer>| {
        for child in &component.children {
            answer(child, scope, shown, into);
        }
    };
    if component.kind == Kind::Layout {
        return all(scope, into);
    }
    let value = get(scope.value, &component.segments).unwrap_or(&Value::Null);
    let inside = format!("{}.data", component.path);
    let value = match component.kind {
        Kind::Container => {
            return all(
                &Scope {
                    parent: Some(scope),
                    prefix: &component.path,
                    value,
                },
                into,
            );
        }
        Kind::NestedForm => {
            let value = value.get("data").unwrap_or(&Value::Null);
            return all(
                &Scope {
                    parent: Some(scope),
                    prefix: &inside,
                    value,
                },
                into,
            );
        }
        Kind::Grid => {
            let rows = value
                .as_array()
                .into_iter()
                .flatten()
                .filter(|row| !is_blank(row));
            let rows: Vec<Vec<Answer>> = rows
                .map(|row| {
                    let mut answers = Vec::new();
                    all(
                        &Scope {
                            parent: Some(scope),
                            prefix: &component.path,
                            value: row,
                        },
                        &mut answers,
                    );
                    answers
                })
                .collect();
            if rows.is_empty() {
                None
            } else {
                Some(AnswerValue::Rows(rows))
            }
        }
        _ => written(component, value),
    };
    // Only the browser knows whether an undecided field was on the page: it was if it has an answer.
    if value.is_none() && shown == Shown::Undecided {
        return;
    }
    let value = value.unwrap_or_else(|| AnswerValue::Text(EMPTY_ANSWER.to_owned()));
    into.push(Answer {
        label: component.label.clone(),
        value,
    });
}

/// The answer of a field, `None` when there is none.
fn written(component: &Component, value: &Value) -> Option<AnswerValue> {
    let texts: Vec<String> = match (component.kind, value) {
        (Kind::SelectBoxes, Value::Object(boxes)) => {
            let ticked = |key: &str| boxes.get(key) == Some(&Value::Bool(true));
            match &component.choices {
                Some(choices) => choices
                    .iter()
                    .filter(|choice| ticked(&choice.value))
                    .map(|choice| choice.label.clone())
                    .collect(),
                None => boxes.keys().filter(|key| ticked(key)).cloned().collect(),
            }
        }
        (_, Value::Array(items)) => items
            .iter()
            .filter_map(|item| one(component, item))
            .collect(),
        _ => return one(component, value).map(AnswerValue::Text),
    };
    match texts.as_slice() {
        [] => None,
        [text] if component.kind != Kind::SelectBoxes => Some(AnswerValue::Text(text.clone())),
        _ => Some(AnswerValue::List(texts)),
    }
}

fn one(component: &Component, value: &Value) -> Option<String> {
    if is_blank(value) {
        return None;
    }
    let text = text_of(value);
    let answer = match component.kind {
        Kind::Radio | Kind::Select => chosen(component, value),
        Kind::Checkbox if value.is_boolean() => yes_or_no(&text),
        Kind::Currency => parse_cents(value).map_or_else(|| decimal_comma(value), euro),
        Kind::DateTime => moment(&text, component.with_time),
        Kind::Day => match day(&text, component.day_first, component.day_parts) {
            DayValue::Complete(written) => written,
            DayValue::Empty => return None,
            _ => text,
        },
        Kind::File => file_name(value).unwrap_or_else(|| "File allegato".to_owned()),
        Kind::Address => address(value),
        _ if component.signature => "Firma apposta".to_owned(),
        _ => any(value),
    };
    Some(answer)
}

fn yes_or_no(text: &str) -> String {
    if text == "true" { "Sì" } else { "No" }.to_owned()
}

/// The label of the chosen option; of an object from elsewhere, what the select's template shows of it.
fn chosen(component: &Component, value: &Value) -> String {
    let key = text_of(value.get("value").unwrap_or(value));
    if let Some(choice) = component
        .choices
        .iter()
        .flatten()
        .find(|choice| choice.value == key && !key.is_empty())
    {
        return choice.label.clone();
    }
    let shown = (!component.label_property.is_empty())
        .then(|| get(value, &component.label_property))
        .flatten();
    let shown = shown.map(text_of).filter(|text| !text.trim().is_empty());
    shown
        .or_else(|| trimmed(value, "label"))
        .unwrap_or_else(|| any(value))
}

fn moment(text: &str, with_time: bool) -> String {
    match wall_clock(text) {
        Some(moment) if with_time && text.contains(':') => {
            moment.format("%d/%m/%Y %H:%M").to_string()
        }
        Some(moment) => moment.format("%d/%m/%Y").to_string(),
        None => text.to_owned(),
    }
}

fn address(value: &Value) -> String {
    [
        "display_name",
        "label",
        "formatted_address",
        "address.display_name",
    ]
    .into_iter()
    .find_map(|path| {
        find(value, path)
            .map(text_of)
            .filter(|text| !text.trim().is_empty())
    })
    .unwrap_or_else(|| any(value))
}

fn decimal_comma(value: &Value) -> String {
    text_of(value).replace('.', ",")
}

/// A value of a type without its own way of being read.
fn any(value: &Value) -> String {
    let join = |parts: Vec<String>| {
        parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match value {
        Value::Bool(_) => yes_or_no(&text_of(value)),
        Value::Number(_) => decimal_comma(value),
        Value::Array(items) => join(items.iter().map(any).collect()),
        Value::Object(map) => join(map.values().map(any).collect()),
        _ => text_of(value),
    }
}
