//! The rules of a form, applied to data.

use serde_json::Value;

use crate::conditions::{Scope, Shown};
use crate::dates::{DayValue, day, wall_clock};
use crate::files::{join, upload_id};
use crate::schema::{Component, Form, Kind};
use crate::values::{get, is_blank, number, text_of};

/// How strictly to validate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A draft may be incomplete, but what is there has the right types.
    Draft,
    /// Everything the form asks.
    Submit,
}

/// One thing to correct. Nothing in it repeats what the person wrote.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// Dotted key in Form.io's nested data, with row numbers: `siblings.0.name`; empty for the data as a whole.
    pub field: String,
    /// `type`, `required`, `min`, `max`, `min_length`, `max_length`, `min_items`, `max_items`, `pattern`, `option`,
    /// `email`, `date`, `file`; of payment fields also `amount` and `sum`.
    pub code: &'static str,
    /// An English sentence that says what to do.
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(
        field: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            code,
            message: message.into(),
        }
    }
}

impl Form {
    /// Checks Form.io's nested data (see [`crate::normalise_input`]) against the form. Keys that the form does not
    /// have refuse nothing; fields that their conditions hide are not checked.
    ///
    /// # Errors
    /// Everything that must be corrected, in the order of the form.
    pub fn validate(&self, data: &Value, mode: Mode) -> Result<(), Vec<FieldError>> {
        if !data.is_object() {
            return Err(vec![FieldError::new(
                "",
                "type",
                "Give the data as a JSON object.",
            )]);
        }
        // A value that is going to be cleared must not decide what else is shown.
        let data = self.clear_hidden(data);
        let mut check = Check {
            mode,
            errors: Vec::new(),
        };
        check.scope(&self.components, &Scope::root(&data), "", Shown::Yes);
        if check.errors.is_empty() {
            Ok(())
        } else {
            Err(check.errors)
        }
    }
}

struct Check {
    mode: Mode,
    errors: Vec<FieldError>,
}

impl Check {
    fn fail(&mut self, field: &str, code: &'static str, message: impl Into<String>) {
        self.errors.push(FieldError::new(field, code, message));
    }

    fn scope(&mut self, components: &[Component], scope: &Scope<'_>, at: &str, around: Shown) {
        for component in components {
            let mut shown = around.and(component.condition.evaluate(scope));
            // `hidden: true` keeps the value, computed by the form, but nobody can be asked to fill it in.
            if component.concealed && shown == Shown::Yes {
                shown = Shown::Undecided;
            }
            if component.kind == Kind::Layout {
                self.scope(&component.children, scope, at, shown);
            } else if component.kind != Kind::Static
                && (shown != Shown::No || component.validate_when_hidden)
            {
                let path = join(at, &component.segments.join("."));
                let value = get(scope.value, &component.segments).unwrap_or(&Value::Null);
                self.component(component, value, scope, &path, shown);
            }
        }
    }

    fn component(
        &mut self,
        component: &Component,
        value: &Value,
        scope: &Scope<'_>,
        at: &str,
        shown: Shown,
    ) {
        match component.kind {
            Kind::Container => self.object(component, value, scope, at, &component.path, shown),
            Kind::NestedForm => {
                if !value.is_null() && !value.is_object() {
                    self.fail(at, "type", OBJECT);
                    return;
                }
                let data = value.get("data").unwrap_or(&Value::Null);
                let prefix = format!("{}.data", component.path);
                self.object(component, data, scope, &join(at, "data"), &prefix, shown);
            }
            Kind::Grid => self.grid(component, value, scope, at, shown),
            _ => self.field(component, value, at, shown),
        }
    }

    fn object(
        &mut self,
        component: &Component,
        value: &Value,
        parent: &Scope<'_>,
        at: &str,
        prefix: &str,
        shown: Shown,
    ) {
        // PHP clients write an empty object as an empty array.
        let empty = value.is_null()
            || value.as_array().is_some_and(Vec::is_empty)
            || *value == Value::String(String::new());
        if !empty && !value.is_object() {
            self.fail(at, "type", OBJECT);
            return;
        }
        let inside = Scope {
            parent: Some(parent),
            prefix,
            value,
        };
        self.scope(&component.children, &inside, at, shown);
    }

    fn grid(
        &mut self,
        component: &Component,
        value: &Value,
        parent: &Scope<'_>,
        at: &str,
        shown: Shown,
    ) {
        let none = Vec::new();
        let rows = match value {
            Value::Array(rows) => rows,
            value if value.is_null() || *value == Value::String(String::new()) => &none,
            _ => return self.fail(at, "type", "Give the rows as an array of objects."),
        };
        if self.mode == Mode::Submit {
            if component.rules.required && shown == Shown::Yes && rows.iter().all(is_blank) {
                return self.fail(at, "required", "Add at least one row.");
            }
            self.count(component, rows.len(), at, "row");
        }
        for (index, row) in rows.iter().enumerate() {
            let at = join(at, &index.to_string());
            self.object(component, row, parent, &at, &component.path, shown);
        }
    }

    /// Number of rows or of files.
    fn count(&mut self, component: &Component, count: usize, at: &str, what: &str) {
        let plural = |number: usize| if number == 1 { "" } else { "s" };
        if let Some(min) = component
            .rules
            .min_length
            .filter(|min| count < *min && count > 0)
        {
            self.fail(
                at,
                "min_items",
                format!("Add {what}s until there are at least {min}."),
            );
        }
        if let Some(max) = component.rules.max_length.filter(|max| count > *max) {
            self.fail(
                at,
                "max_items",
                format!("Keep at most {max} {what}{}.", plural(max)),
            );
        }
    }

    fn field(&mut self, component: &Component, value: &Value, at: &str, shown: Shown) {
        if is_empty(component, value) {
            let asked =
                component.rules.required && shown == Shown::Yes && component.kind != Kind::Hidden;
            if self.mode == Mode::Submit && asked {
                self.fail(at, "required", required_message(component.kind));
            }
            // `false` and an untouched group of boxes are empty, yet typed.
            if is_blank(value) {
                if takes_text(component) && (value.is_array() || value.is_object()) {
                    self.fail(at, "type", "Give one value, not an array or an object.");
                }
                return;
            }
        }
        if component.kind == Kind::File {
            return self.files(component, value, at);
        }
        match value {
            Value::Array(items) if component.multiple => {
                for (index, item) in items.iter().enumerate().filter(|(_, item)| !is_blank(item)) {
                    self.item(component, item, &join(at, &index.to_string()));
                }
            }
            // A tags-like or remote component decides for itself.
            _ => self.item(component, value, at),
        }
    }

    fn files(&mut self, component: &Component, value: &Value, at: &str) {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            item => std::slice::from_ref(item),
        };
        for (index, item) in items.iter().enumerate() {
            let at = if value.is_array() {
                join(at, &index.to_string())
            } else {
                at.to_owned()
            };
            if !item.is_object() {
                self.fail(
                    &at,
                    "type",
                    "Give the file as the reference that the upload returned.",
                );
            } else if upload_id(item).is_none() {
                self.fail(
                    &at,
                    "file",
                    "Upload the file first, then name it by its one id.",
                );
            }
        }
        if self.mode == Mode::Submit {
            self.count(component, items.len(), at, "file");
            if !component.multiple && items.len() > 1 {
                self.fail(at, "max_items", "Keep only one file.");
            }
        }
    }

    fn item(&mut self, component: &Component, value: &Value, at: &str) {
        if let Some(message) = wrong_type(component, value) {
            return self.fail(at, "type", message);
        }
        if self.mode == Mode::Draft {
            return;
        }
        if let Some((code, message)) = wrong_value(component, value) {
            return self.fail(at, code, message);
        }
        self.limits(component, value, at);
    }

    fn limits(&mut self, component: &Component, value: &Value, at: &str) {
        let rules = &component.rules;
        match component.kind {
            Kind::Number | Kind::Currency => {
                let Some(number) = number(value) else { return };
                if let Some(min) = rules.min.filter(|min| number < *min) {
                    self.fail(at, "min", format!("Enter a number of at least {min}."));
                }
                if let Some(max) = rules.max.filter(|max| number > *max) {
                    self.fail(at, "max", format!("Enter a number of at most {max}."));
                }
            }
            Kind::Text | Kind::TextArea | Kind::Email | Kind::Phone => {
                let text = text_of(value);
                let length = text.chars().count();
                if let Some(min) = rules.min_length.filter(|min| length < *min) {
                    self.fail(
                        at,
                        "min_length",
                        format!("Write at least {min} characters."),
                    );
                }
                if let Some(max) = rules.max_length.filter(|max| length > *max) {
                    self.fail(at, "max_length", format!("Write at most {max} characters."));
                }
                if rules
                    .pattern
                    .as_ref()
                    .is_some_and(|pattern| !pattern.is_match(&text))
                {
                    self.fail(
                        at,
                        "pattern",
                        "Write the value in the form that the field asks for.",
                    );
                }
            }
            _ => {}
        }
    }
}

const OBJECT: &str = "Give the fields of this part as an object.";

fn required_message(kind: Kind) -> &'static str {
    match kind {
        Kind::Checkbox => "Tick this box.",
        Kind::SelectBoxes | Kind::Select | Kind::Radio => "Choose an option.",
        Kind::File => "Attach a file.",
        Kind::DateTime | Kind::Day | Kind::Time => "Enter the whole date or time.",
        _ => "Fill in this field.",
    }
}

fn is_empty(component: &Component, value: &Value) -> bool {
    match component.kind {
        Kind::Checkbox => is_blank(value) || *value == Value::Bool(false),
        Kind::SelectBoxes => match value {
            Value::Object(boxes) => !boxes.values().any(|ticked| *ticked == Value::Bool(true)),
            _ => is_blank(value),
        },
        Kind::Day => match value
            .as_str()
            .map(|text| day(text, component.day_first, component.day_parts))
        {
            Some(state) => matches!(state, DayValue::Empty | DayValue::Partial),
            None => is_blank(value),
        },
        _ => is_blank(value),
    }
}

/// Fields whose empty value is never `[]` or `{}`, as it is for selects, boxes and files.
fn takes_text(component: &Component) -> bool {
    !component.multiple
        && !matches!(
            component.kind,
            Kind::SelectBoxes
                | Kind::Select
                | Kind::File
                | Kind::Address
                | Kind::Hidden
                | Kind::Other
        )
}

fn wrong_type(component: &Component, value: &Value) -> Option<&'static str> {
    let scalar = !value.is_object() && !value.is_array();
    let (right, message) = match component.kind {
        Kind::Text | Kind::TextArea => (
            // An expression that computes may well give a number to a text field.
            value.is_string() || (component.calculated && value.is_number()),
            "Give this value as text.",
        ),
        Kind::Email | Kind::Phone | Kind::DateTime | Kind::Day | Kind::Time => {
            (value.is_string(), "Give this value as text.")
        }
        Kind::Number | Kind::Currency => (value.is_number(), "Give this value as a number."),
        Kind::Checkbox => (
            value.is_boolean() || (component.radio_checkbox && scalar),
            "Give this value as true or false.",
        ),
        Kind::SelectBoxes => (
            value.as_object().is_some_and(|boxes| {
                boxes
                    .values()
                    .all(|ticked| ticked.is_boolean() || is_blank(ticked))
            }),
            "Give an object that says true or false for each option.",
        ),
        Kind::Radio => (scalar, "Give one of the options."),
        Kind::Select => (
            component.choices.is_none() || scalar || value.get("value").is_some(),
            "Give one of the options.",
        ),
        Kind::Address => (value.is_object(), "Give the address as an object."),
        _ => (true, ""),
    };
    (!right).then_some(message)
}

fn wrong_value(component: &Component, value: &Value) -> Option<(&'static str, &'static str)> {
    const OPTION: (&str, &str) = ("option", "Choose one of the options of this field.");
    const DATE: (&str, &str) = ("date", "Enter a date that exists.");
    match component.kind {
        Kind::Radio | Kind::Select => {
            let chosen = value.get("value").unwrap_or(value);
            (!is_declared(component, &text_of(chosen))).then_some(OPTION)
        }
        Kind::SelectBoxes => {
            // Form.io leaves an empty key behind in groups that have not been touched.
            let ticked = value
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(_, ticked)| **ticked == Value::Bool(true));
            let unknown = ticked
                .map(|(key, _)| key)
                .any(|key| !key.is_empty() && !is_declared(component, key));
            unknown.then_some(OPTION)
        }
        Kind::Email => {
            let right = value.as_str().is_some_and(is_email);
            (!right).then_some((
                "email",
                "Enter an e-mail address, for example name@example.org.",
            ))
        }
        Kind::DateTime => wall_clock(&text_of(value)).is_none().then_some(DATE),
        Kind::Day => {
            let read = day(&text_of(value), component.day_first, component.day_parts);
            matches!(read, DayValue::Wrong).then_some(DATE)
        }
        _ => None,
    }
}

fn is_declared(component: &Component, value: &str) -> bool {
    component
        .choices
        .as_ref()
        .is_none_or(|choices| choices.iter().any(|choice| choice.value == value))
}

/// One `@`, something before it, a dotted name after it, no spaces, at most 254 bytes (RFC 5321 §4.5.3.1).
fn is_email(text: &str) -> bool {
    let text = text.trim();
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let labels_fine = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    text.len() <= 254
        && !local.is_empty()
        && labels_fine
        && !domain.contains('@')
        && !text.contains(|c: char| {
            c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';')
        })
}
