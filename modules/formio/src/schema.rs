//! The parsed schema: components in order, with the rules this crate knows how to apply.

use serde_json::{Map, Value};

use crate::conditions::Condition;
use crate::rules::{Choice, Rules, choices_of, rules_of, template_property};
use crate::shape::Shape;
use crate::values::text_of;

/// Components may be nested this deep, layout included; deeper schemas are refused so that no walk can exhaust the stack.
pub const MAX_DEPTH: usize = 64;
/// A schema may have this many components in all.
pub const MAX_COMPONENTS: usize = 10_000;

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The schema is not a JSON object.
    #[error("The form must be a JSON object.")]
    NotAnObject,
    /// The schema has no `components` array.
    #[error("The form must have a \"components\" array.")]
    NoComponents,
    /// A component is not an object, or its `type` is missing.
    #[error("Every component must be an object with a \"type\"; one under \"{parent}\" is not.")]
    BadComponent {
        /// Dotted key of the enclosing component, empty for the form itself.
        parent: String,
    },
    /// A component that holds data has no `key`.
    #[error(
        "Give a \"key\" to every component that holds data; a \"{kind}\" under \"{parent}\" has none."
    )]
    MissingKey {
        /// Dotted key of the enclosing component, empty for the form itself.
        parent: String,
        /// The component's `type`.
        kind: String,
    },
    /// Components are nested deeper than [`MAX_DEPTH`].
    #[error("The form nests its components too deeply: keep it within {MAX_DEPTH} levels.")]
    TooDeep,
    /// The schema has more than [`MAX_COMPONENTS`] components.
    #[error("The form has too many components: keep it within {MAX_COMPONENTS}.")]
    TooManyComponents,
}

/// What a component is, as far as its data is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Panel, columns, fieldset, table, well, tabs: arranges fields and leaves no trace in the data.
    Layout,
    /// `container`: an object of its own in the data.
    Container,
    /// `form`: another form, its data under `<key>.data`.
    NestedForm,
    /// `datagrid` or `editgrid`: an array of objects.
    Grid,
    /// `textfield` and what is typed like it.
    Text,
    /// `textarea`.
    TextArea,
    /// `number`.
    Number,
    /// `currency`, a number of euro.
    Currency,
    /// `checkbox`.
    Checkbox,
    /// `selectboxes`: an object from option to boolean.
    SelectBoxes,
    /// `select`.
    Select,
    /// `radio`.
    Radio,
    /// `email`.
    Email,
    /// `phoneNumber`.
    Phone,
    /// `datetime`: an ISO 8601 string.
    DateTime,
    /// `day`: `mm/dd/yyyy`, or `dd/mm/yyyy` when the component says `dayFirst`.
    Day,
    /// `time`: `HH:mm` or `HH:mm:ss`.
    Time,
    /// `file`: references to uploads.
    File,
    /// `address`: an object, with coordinates where known.
    Address,
    /// `hidden`: a value that the form computes or carries, never shown.
    Hidden,
    /// Content, HTML elements, buttons: no data.
    Static,
    /// Any other type: its value is kept and shown, only presence is checked.
    Other,
}

/// A page of a wizard; a plain form is one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Key of the panel, empty for a plain form.
    pub key: String,
    /// Title shown to people.
    pub title: String,
}

/// One field of a form, as [`Form::fields`] lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Label shown to people.
    pub label: &'a str,
    /// Dotted path in the Form.io data, without row numbers: `applicant.data.email_address`, `siblings.name`.
    pub path: &'a str,
    /// Index into [`Form::pages`].
    pub page: usize,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be filled in while it is visible.
    pub required: bool,
    /// Whether it is a column of a grid.
    pub in_grid: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Component {
    pub kind: Kind,
    /// The key, split where Form.io would nest.
    pub segments: Vec<String>,
    /// Full dotted path without row numbers.
    pub path: String,
    pub label: String,
    pub page: usize,
    pub children: Vec<Component>,
    pub rules: Rules,
    pub condition: Condition,
    pub multiple: bool,
    /// Never shown, whatever the conditions say (`hidden: true`); its value is kept.
    pub concealed: bool,
    pub clear_on_hide: bool,
    /// Another component of the same scope writes to the same place.
    pub twin: bool,
    /// The value comes from an expression, so a text may be a number.
    pub calculated: bool,
    pub validate_when_hidden: bool,
    /// The declared options; `None` when they come from elsewhere (URL, resource, script).
    pub choices: Option<Vec<Choice>>,
    /// The property that a select shows of an object value, from its template.
    pub label_property: Vec<String>,
    /// Dates: shown with the time.
    pub with_time: bool,
    pub day_first: bool,
    /// Day fields: the parts asked for (day, month, year).
    pub day_parts: [bool; 3],
    /// A checkbox of the radio kind holds its own value instead of a boolean.
    pub radio_checkbox: bool,
    pub signature: bool,
}

impl Component {
    /// Whether the component's own value is shown to people.
    pub fn is_field(&self) -> bool {
        !matches!(
            self.kind,
            Kind::Layout | Kind::Container | Kind::NestedForm | Kind::Static
        )
    }
}

/// A parsed form.
#[derive(Debug, Clone)]
pub struct Form {
    title: String,
    pages: Vec<Page>,
    pub(crate) components: Vec<Component>,
    pub(crate) shape: Shape,
}

impl Form {
    /// Reads a Form.io schema. Unknown component types are kept as fields without rules, so that a form made
    /// with a newer builder still works.
    ///
    /// # Errors
    /// [`FormError`] when the JSON is not a form, a data component has no key, or a limit is passed.
    pub fn parse(schema: &Value) -> Result<Self, FormError> {
        let schema = schema.as_object().ok_or(FormError::NotAnObject)?;
        let list = schema
            .get("components")
            .and_then(Value::as_array)
            .ok_or(FormError::NoComponents)?;
        let title = text(schema, "title");
        let wizard = schema.get("display").and_then(Value::as_str) == Some("wizard");
        let mut reader = Reader { count: 0, page: 0 };
        let mut pages = Vec::new();
        let mut components = Vec::new();
        for item in list {
            let is_panel = item.get("type").and_then(Value::as_str) == Some("panel");
            if wizard && is_panel {
                // What stands before the first panel belongs to the first page.
                reader.page = pages.len();
                pages.push(page_of(item));
            }
            components.push(reader.component(item, "", 1)?);
        }
        if pages.is_empty() {
            pages.push(Page {
                key: String::new(),
                title: title.clone(),
            });
        }
        mark_twins(&mut components);
        let shape = Shape::of(&components);
        Ok(Self {
            title,
            pages,
            components,
            shape,
        })
    }

    /// The form's title, empty when it has none.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The pages in order, at least one.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// Every field in order. A grid is listed before its columns; layout, containers, nested forms and static
    /// content are not fields.
    #[must_use]
    pub fn fields(&self) -> Vec<Field<'_>> {
        let mut fields = Vec::new();
        collect_fields(&self.components, false, &mut fields);
        fields
    }
}

fn collect_fields<'a>(components: &'a [Component], in_grid: bool, into: &mut Vec<Field<'a>>) {
    for component in components {
        if component.is_field() {
            into.push(Field {
                label: &component.label,
                path: &component.path,
                page: component.page,
                kind: component.kind,
                required: component.rules.required,
                in_grid,
            });
        }
        collect_fields(
            &component.children,
            in_grid || component.kind == Kind::Grid,
            into,
        );
    }
}

fn page_of(panel: &Value) -> Page {
    let panel = panel.as_object();
    let get = |name| panel.map(|panel| text(panel, name)).unwrap_or_default();
    let title = Some(get("title"))
        .filter(|title| !title.is_empty())
        .unwrap_or_else(|| get("label"));
    Page {
        key: get("key"),
        title,
    }
}

struct Reader {
    count: usize,
    page: usize,
}

impl Reader {
    fn component(
        &mut self,
        item: &Value,
        parent: &str,
        depth: usize,
    ) -> Result<Component, FormError> {
        if depth > MAX_DEPTH {
            return Err(FormError::TooDeep);
        }
        self.count += 1;
        if self.count > MAX_COMPONENTS {
            return Err(FormError::TooManyComponents);
        }
        let bad = || FormError::BadComponent {
            parent: parent.to_owned(),
        };
        let json = item.as_object().ok_or_else(bad)?;
        let type_name = json.get("type").and_then(Value::as_str).ok_or_else(bad)?;
        let kind = kind_of(type_name, json);
        let key = text(json, "key");
        let holds_data = !matches!(kind, Kind::Layout | Kind::Static);
        if holds_data && key.is_empty() {
            return Err(FormError::MissingKey {
                parent: parent.to_owned(),
                kind: type_name.to_owned(),
            });
        }
        let path = if !holds_data {
            parent.to_owned()
        } else if parent.is_empty() {
            key.clone()
        } else {
            format!("{parent}.{key}")
        };
        let inside = if kind == Kind::NestedForm {
            format!("{path}.data")
        } else {
            path.clone()
        };
        let mut children = Vec::new();
        for child in child_lists(type_name, json).into_iter().flatten() {
            children.push(self.component(child, &inside, depth + 1)?);
        }
        if matches!(kind, Kind::Container | Kind::NestedForm | Kind::Grid) {
            mark_twins(&mut children);
        }
        Ok(self.assemble(json, type_name, kind, key, path, children))
    }

    fn assemble(
        &self,
        json: &Map<String, Value>,
        type_name: &str,
        kind: Kind,
        key: String,
        path: String,
        children: Vec<Component>,
    ) -> Component {
        let label = ["label", "title", "legend"]
            .into_iter()
            .map(|name| text(json, name))
            .find(|label| !label.trim().is_empty())
            .unwrap_or_else(|| key.clone());
        let format = text(json, "format");
        let hides = |part: &str| {
            json.get("fields")
                .and_then(|f| f.get(part))
                .is_some_and(|p| flag_of(p.get("hide")))
        };
        Component {
            kind,
            segments: key.split('.').map(str::to_owned).collect(),
            path,
            label,
            page: self.page,
            children,
            rules: rules_of(json),
            condition: Condition::of(json),
            multiple: flag(json, "multiple"),
            concealed: flag(json, "hidden"),
            clear_on_hide: json.get("clearOnHide").and_then(Value::as_bool) != Some(false),
            twin: false,
            calculated: json
                .get("calculateValue")
                .is_some_and(|value| !text_of(value).is_empty()),
            validate_when_hidden: flag(json, "validateWhenHidden"),
            choices: choices_of(kind, json),
            label_property: template_property(&text(json, "template")),
            with_time: json.get("enableTime").and_then(Value::as_bool) != Some(false)
                && (format.is_empty() || format.to_lowercase().contains('h')),
            day_first: flag(json, "dayFirst"),
            day_parts: [!hides("day"), !hides("month"), !hides("year")],
            radio_checkbox: text(json, "inputType") == "radio",
            signature: type_name == "signature",
        }
    }
}

fn kind_of(type_name: &str, json: &Map<String, Value>) -> Kind {
    match type_name {
        "panel" | "columns" | "fieldset" | "table" | "well" | "tabs" => Kind::Layout,
        "container" => Kind::Container,
        "form" => Kind::NestedForm,
        "datagrid" | "editgrid" => Kind::Grid,
        "textfield" | "password" | "url" => Kind::Text,
        "textarea" => Kind::TextArea,
        "number" => Kind::Number,
        "currency" => Kind::Currency,
        "checkbox" => Kind::Checkbox,
        "selectboxes" => Kind::SelectBoxes,
        "select" => Kind::Select,
        "radio" => Kind::Radio,
        "email" => Kind::Email,
        "phoneNumber" => Kind::Phone,
        "datetime" => Kind::DateTime,
        "day" => Kind::Day,
        "time" => Kind::Time,
        "file" => Kind::File,
        "address" => Kind::Address,
        "hidden" => Kind::Hidden,
        "content" | "htmlelement" | "button" | "recaptcha" => Kind::Static,
        // A layout that a builder's plug-in made: it says that it takes no input and has components.
        _ if json.get("input").and_then(Value::as_bool) == Some(false) => {
            if json.contains_key("components") {
                Kind::Layout
            } else {
                Kind::Static
            }
        }
        _ => Kind::Other,
    }
}

/// The arrays that hold a component's children, by type.
fn child_lists<'a>(type_name: &str, json: &'a Map<String, Value>) -> Vec<&'a Vec<Value>> {
    let list = |value: &'a Value| value.get("components").and_then(Value::as_array);
    let items = |name: &str| {
        json.get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    match type_name {
        "columns" => items("columns").filter_map(list).collect(),
        "tabs" => items("components").filter_map(list).collect(),
        "table" => items("rows")
            .filter_map(Value::as_array)
            .flatten()
            .filter_map(list)
            .collect(),
        // The sub-components of an address belong to its manual mode: the value stays one object.
        "address" | "datamap" => Vec::new(),
        _ => json
            .get("components")
            .and_then(Value::as_array)
            .into_iter()
            .collect(),
    }
}

/// Marks the components of one scope that share a key: hiding one of them must not clear the other's value.
fn mark_twins(components: &mut [Component]) {
    let mut seen = std::collections::HashMap::new();
    count_keys(components, &mut seen);
    set_twins(components, &seen);
}

fn count_keys(components: &[Component], seen: &mut std::collections::HashMap<String, usize>) {
    for component in components {
        match component.kind {
            Kind::Layout => count_keys(&component.children, seen),
            Kind::Static => {}
            _ => *seen.entry(component.path.clone()).or_default() += 1,
        }
    }
}

fn set_twins(components: &mut [Component], seen: &std::collections::HashMap<String, usize>) {
    for component in components {
        match component.kind {
            Kind::Layout => set_twins(&mut component.children, seen),
            Kind::Static => {}
            _ => component.twin = seen.get(&component.path).is_some_and(|count| *count > 1),
        }
    }
}

pub(crate) fn text(json: &Map<String, Value>, name: &str) -> String {
    json.get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

pub(crate) fn flag(json: &Map<String, Value>, name: &str) -> bool {
    flag_of(json.get(name))
}

fn flag_of(value: Option<&Value>) -> bool {
    value.is_some_and(|value| text_of(value) == "true")
}
