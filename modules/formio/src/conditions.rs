//! When a component is shown, and what happens to the values of those that are not.

use serde_json::{Map, Value};

use crate::schema::{Component, Form, Kind};
use crate::values::{find, is_blank, text_of};

/// Rounds of clearing; each one follows the conditions that the one before changed.
const MAX_ROUNDS: usize = 16;

/// Whether a component is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Yes,
    No,
    /// Only the browser can tell (JavaScript, JSON logic, an operator not known here).
    Undecided,
}

impl Shown {
    /// Inside a component that is `self`, a component that by itself is `inner`.
    pub fn and(self, inner: Self) -> Self {
        match (self, inner) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Undecided, _) | (_, Self::Undecided) => Self::Undecided,
            _ => Self::Yes,
        }
    }

    fn of(shown: bool) -> Self {
        if shown { Self::Yes } else { Self::No }
    }
}

/// The places that a condition can look at: the innermost row, container or nested form, then outwards to the form.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub parent: Option<&'a Scope<'a>>,
    /// Path of this place without row numbers, empty for the form.
    pub prefix: &'a str,
    pub value: &'a Value,
}

impl<'a> Scope<'a> {
    pub fn root(value: &'a Value) -> Self {
        Self {
            parent: None,
            prefix: "",
            value,
        }
    }

    fn lookup(&self, path: &str) -> Option<&'a Value> {
        let within = path
            .strip_prefix(self.prefix)
            .and_then(|rest| rest.strip_prefix('.'));
        within
            .and_then(|rest| find(self.value, rest))
            .or_else(|| find(self.value, path))
            .or_else(|| self.parent.and_then(|parent| parent.lookup(path)))
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Always,
    /// `show`, whether all must hold, and the tests.
    When {
        show: bool,
        all: bool,
        tests: Vec<Test>,
    },
    Undecided,
}

#[derive(Debug, Clone)]
pub(crate) struct Test {
    path: String,
    operator: Operator,
    value: String,
}

#[derive(Debug, Clone, Copy)]
enum Operator {
    Equal,
    NotEqual,
    Empty,
    NotEmpty,
    Unknown,
}

impl Condition {
    pub fn of(json: &Map<String, Value>) -> Self {
        let scripted = json
            .get("customConditional")
            .is_some_and(|script| !is_blank(script));
        let logic = json
            .get("logic")
            .and_then(Value::as_array)
            .is_some_and(|logic| !logic.is_empty());
        if scripted || logic {
            return Self::Undecided;
        }
        let Some(conditional) = json.get("conditional").and_then(Value::as_object) else {
            return Self::Always;
        };
        let text = |name: &str| conditional.get(name).map(text_of).unwrap_or_default();
        let show = text("show") == "true";
        if let Some(list) = conditional.get("conditions").and_then(Value::as_array) {
            let tests: Vec<Test> = list.iter().filter_map(Test::of).collect();
            if !tests.is_empty() {
                return Self::When {
                    show,
                    all: text("conjunction") != "any",
                    tests,
                };
            }
        }
        let when = text("when");
        if !when.is_empty() {
            let test = Test {
                path: when,
                operator: Operator::Equal,
                value: text("eq"),
            };
            return Self::When {
                show,
                all: true,
                tests: vec![test],
            };
        }
        if conditional.get("json").is_some_and(|json| !is_blank(json)) {
            Self::Undecided
        } else {
            Self::Always
        }
    }

    pub fn evaluate(&self, scope: &Scope<'_>) -> Shown {
        let Self::When { show, all, tests } = self else {
            return if matches!(self, Self::Always) {
                Shown::Yes
            } else {
                Shown::Undecided
            };
        };
        let results: Vec<Option<bool>> = tests.iter().map(|test| test.holds(scope)).collect();
        // One failed test decides "all", one that holds decides "any", whatever the others are.
        let deciding = !*all;
        let outcome = if results.contains(&Some(deciding)) {
            Some(deciding)
        } else if results.contains(&None) {
            None
        } else {
            Some(*all)
        };
        outcome.map_or(Shown::Undecided, |holds| Shown::of(holds == *show))
    }
}

impl Test {
    fn of(json: &Value) -> Option<Self> {
        let path = json
            .get("component")
            .map(text_of)
            .filter(|path| !path.is_empty())?;
        let operator = match json
            .get("operator")
            .and_then(Value::as_str)
            .unwrap_or("isEqual")
        {
            "isEqual" => Operator::Equal,
            "isNotEqual" => Operator::NotEqual,
            "isEmpty" => Operator::Empty,
            "isNotEmpty" => Operator::NotEmpty,
            _ => Operator::Unknown,
        };
        Some(Self {
            path,
            operator,
            value: json.get("value").map(text_of).unwrap_or_default(),
        })
    }

    fn holds(&self, scope: &Scope<'_>) -> Option<bool> {
        let value = scope.lookup(&self.path).unwrap_or(&Value::Null);
        match self.operator {
            Operator::Equal => Some(equals(value, &self.value)),
            Operator::NotEqual => Some(!equals(value, &self.value)),
            Operator::Empty => Some(nothing_chosen(value)),
            Operator::NotEmpty => Some(!nothing_chosen(value)),
            Operator::Unknown => None,
        }
    }
}

/// As Form.io compares: by text; in a group of boxes the named one is ticked; in an array the value is among the items.
fn equals(value: &Value, expected: &str) -> bool {
    match value {
        Value::Object(boxes) => boxes.get(expected) == Some(&Value::Bool(true)),
        Value::Array(items) => items.iter().any(|item| text_of(item) == expected),
        _ => text_of(value) == expected,
    }
}

fn nothing_chosen(value: &Value) -> bool {
    match value {
        Value::Bool(ticked) => !ticked,
        Value::Object(map) => map.values().all(nothing_chosen),
        _ => is_blank(value),
    }
}

impl Form {
    /// The data without the values of fields that their conditions hide, unless a field says `clearOnHide: false`.
    /// Values of other keys, of fields that are always hidden (`hidden: true`) and of components that share their key
    /// are kept. What is stored and shown should be this.
    #[must_use]
    pub fn clear_hidden(&self, data: &Value) -> Value {
        let mut data = data.clone();
        for _ in 0..MAX_ROUNDS {
            if !clear(&self.components, &mut data, None, "", Shown::Yes) {
                break;
            }
        }
        data
    }
}

/// One round, in the order of the form. Gives whether anything was removed.
fn clear(
    components: &[Component],
    value: &mut Value,
    parent: Option<&Scope<'_>>,
    prefix: &str,
    around: Shown,
) -> bool {
    let mut changed = false;
    for component in components {
        let shown = around.and(component.condition.evaluate(&Scope {
            parent,
            prefix,
            value,
        }));
        if component.kind == Kind::Layout {
            changed |= clear(&component.children, value, parent, prefix, shown);
            continue;
        }
        if shown == Shown::No && component.clear_on_hide && !component.twin {
            changed |= remove(value, &component.segments);
            continue;
        }
        let Some(mut own) = slot(value, &component.segments).map(std::mem::take) else {
            continue;
        };
        // The value is out of its parent while its inside is worked on, so that both can be borrowed.
        let here = Scope {
            parent,
            prefix,
            value,
        };
        let children = &component.children;
        match component.kind {
            Kind::Container => {
                changed |= clear(children, &mut own, Some(&here), &component.path, shown)
            }
            Kind::NestedForm => {
                if let Some(data) = own.get_mut("data") {
                    let inside = format!("{}.data", component.path);
                    changed |= clear(children, data, Some(&here), &inside, shown);
                }
            }
            Kind::Grid => {
                for row in own.as_array_mut().into_iter().flatten() {
                    changed |= clear(children, row, Some(&here), &component.path, shown);
                }
            }
            _ => {}
        }
        if let Some(slot) = slot(value, &component.segments) {
            *slot = own;
        }
    }
    changed
}

fn slot<'a>(value: &'a mut Value, segments: &[String]) -> Option<&'a mut Value> {
    segments
        .iter()
        .try_fold(value, |value, key| value.get_mut(key.as_str()))
}

fn remove(value: &mut Value, segments: &[String]) -> bool {
    let Some((last, before)) = segments.split_last() else {
        return false;
    };
    // Not `remove`, which would change the order of the others.
    slot(value, before)
        .and_then(Value::as_object_mut)
        .is_some_and(|map| map.shift_remove(last).is_some())
}
