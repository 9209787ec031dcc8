//! Version 1 of the data: flat dotted keys.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::schema::Form;
use crate::shape::Shape;

/// A flat key of more steps than this is kept as one key, so that a request cannot build a value too deep to walk.
const MAX_STEPS: usize = 128;

/// Flattens Form.io's nested data to dotted keys: `applicant.data.email_address`, arrays as `grid.0.key`. Empty
/// objects and arrays are kept as values, so that nothing is lost; numbers stay numbers and strings strings.
/// A value that is not an object gives an empty map.
#[must_use]
pub fn flatten(data: &Value) -> Map<String, Value> {
    let mut flat = Map::new();
    if let Value::Object(map) = data {
        for (key, value) in map {
            flatten_into(key, value, &mut flat);
        }
    }
    flat
}

fn flatten_into(path: &str, value: &Value, flat: &mut Map<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                flatten_into(&format!("{path}.{key}"), value, flat);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                flatten_into(&format!("{path}.{index}"), value, flat);
            }
        }
        _ => {
            flat.insert(path.to_owned(), value.clone());
        }
    }
}

/// Nests dotted keys again, whether or not the `data` of nested forms is among them. Keys that are `0`, `1`, … make
/// an array; with the form at hand a grid is always an array and a group of boxes always an object, whatever its
/// options are called. Values that are nested already are merged with the flat ones; of two values for one place the
/// later one in the input stays.
#[must_use]
pub fn unflatten(flat: &Map<String, Value>, form: Option<&Form>) -> Value {
    let shape = form.map(|form| &form.shape);
    let mut root = Branch::new(Origin::Object);
    for (key, value) in flat {
        root.insert(&steps(key, shape), value.clone());
    }
    root.finish(shape)
}

/// Splits a flat key; what follows a group of boxes is one option, even if it contains dots.
fn steps(key: &str, shape: Option<&Shape>) -> Vec<String> {
    let parts: Vec<&str> = key.split('.').collect();
    if parts.len() > MAX_STEPS {
        return vec![key.to_owned()];
    }
    let mut steps = Vec::with_capacity(parts.len());
    let mut shape = shape;
    let mut rest = parts.as_slice();
    while let Some((first, after)) = rest.split_first() {
        if matches!(shape, Some(Shape::Options)) {
            steps.push(rest.join("."));
            break;
        }
        shape = shape.and_then(|shape| shape.child(first, after.first().copied()));
        steps.push((*first).to_owned());
        rest = after;
    }
    steps
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Made by flat keys alone: what it is depends on the keys.
    Flat,
    /// Given as an object.
    Object,
    /// Given as an array.
    Array,
}

enum Tree {
    Value(Value),
    Branch(Branch),
}

struct Branch {
    origin: Origin,
    index: HashMap<String, usize>,
    children: Vec<(String, Tree)>,
}

impl Branch {
    fn new(origin: Origin) -> Self {
        Self {
            origin,
            index: HashMap::new(),
            children: Vec::new(),
        }
    }

    fn of(value: Value) -> Self {
        let mut branch = Self::new(Origin::Flat);
        branch.absorb(value);
        branch
    }

    /// Takes in the members of an object or array.
    fn absorb(&mut self, value: Value) {
        match value {
            Value::Object(map) => {
                self.origin = Origin::Object;
                for (key, value) in map {
                    self.insert(&[key], value);
                }
            }
            Value::Array(items) => {
                self.origin = Origin::Array;
                for (index, value) in items.into_iter().enumerate() {
                    self.insert(&[index.to_string()], value);
                }
            }
            _ => {}
        }
    }

    fn insert(&mut self, steps: &[String], value: Value) {
        let Some((first, rest)) = steps.split_first() else {
            return;
        };
        match self
            .index
            .get(first)
            .and_then(|at| self.children.get_mut(*at))
        {
            Some((_, tree)) => tree.insert(rest, value),
            None => {
                let mut tree = Tree::Value(Value::Null);
                tree.insert(rest, value);
                self.index.insert(first.clone(), self.children.len());
                self.children.push((first.clone(), tree));
            }
        }
    }

    fn finish(self, shape: Option<&Shape>) -> Value {
        let as_array = match (self.origin, shape) {
            (Origin::Object, _)
            | (Origin::Flat, Some(Shape::Options | Shape::Object(_) | Shape::Nested(_))) => false,
            // Gaps are closed: a grid that lost a row is still a grid.
            (Origin::Array, _) | (_, Some(Shape::Array(_))) => {
                self.children.iter().all(|(key, _)| index(key).is_some())
            }
            (Origin::Flat, _) => {
                let count = self.children.len();
                // Distinct canonical indices, each below their number: exactly 0, 1, …
                self.children
                    .iter()
                    .all(|(key, _)| index(key).is_some_and(|index| index < count))
            }
        };
        if as_array {
            let mut items: Vec<(usize, Tree)> = self
                .children
                .into_iter()
                .filter_map(|(key, tree)| Some((index(&key)?, tree)))
                .collect();
            items.sort_by_key(|(index, _)| *index);
            let shape = shape.and_then(|shape| shape.child("0", None));
            return Value::Array(
                items
                    .into_iter()
                    .map(|(_, tree)| tree.finish(shape))
                    .collect(),
            );
        }
        let members = self.children.into_iter().map(|(key, tree)| {
            let next = match &tree {
                Tree::Branch(branch) => branch.children.first().map(|(key, _)| key.as_str()),
                Tree::Value(_) => None,
            };
            let shape = shape.and_then(|shape| shape.child(&key, next));
            let value = tree.finish(shape);
            (key, value)
        });
        Value::Object(members.collect())
    }
}

impl Tree {
    fn insert(&mut self, steps: &[String], value: Value) {
        let joins = !steps.is_empty() || value.is_object() || value.is_array();
        match self {
            Self::Branch(branch) if steps.is_empty() && joins => branch.absorb(value),
            Self::Branch(branch) if joins => branch.insert(steps, value),
            Self::Value(old) if joins && (!steps.is_empty() || same_container(old, &value)) => {
                let mut branch = Branch::of(std::mem::take(old));
                if steps.is_empty() {
                    branch.absorb(value);
                } else {
                    branch.insert(steps, value);
                }
                *self = Self::Branch(branch);
            }
            _ => *self = Self::Value(value),
        }
    }

    fn finish(self, shape: Option<&Shape>) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Branch(branch) => branch.finish(shape),
        }
    }
}

fn same_container(old: &Value, new: &Value) -> bool {
    (old.is_object() && new.is_object()) || (old.is_array() && new.is_array())
}

/// A canonical array index: digits without leading zeros.
fn index(key: &str) -> Option<usize> {
    let canonical = key == "0" || !key.starts_with('0');
    (canonical && key.bytes().all(|b| b.is_ascii_digit()))
        .then(|| key.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    fn nested(flat: Value) -> Value {
        unflatten(flat.as_object().unwrap(), None)
    }

    #[test]
    fn flat_keys_name_every_leaf_and_keep_empty_containers() {
        let data =
            json!({"a": {"data": {"b": 1, "c": "1"}}, "g": [{"k": true}, {}], "e": [], "n": null});
        let flat = Value::Object(flatten(&data));
        assert_eq!(
            flat,
            json!({"a.data.b": 1, "a.data.c": "1", "g.0.k": true, "g.1": {}, "e": [], "n": null})
        );
        assert_eq!(nested(flat), data);
    }

    #[test]
    fn flat_and_nested_input_are_merged_and_the_later_value_stays() {
        let mixed = json!({"a": {"b": 1, "c": 2}, "a.b": 3, "a.d": 4, "g": [{"x": 1}], "g.0.y": 2, "g.1.x": 5});
        assert_eq!(
            nested(mixed),
            json!({"a": {"b": 3, "c": 2, "d": 4}, "g": [{"x": 1, "y": 2}, {"x": 5}]})
        );
        assert_eq!(
            nested(json!({"a.b": 1, "a": {"c": 2}})),
            json!({"a": {"b": 1, "c": 2}})
        );
    }

    #[test]
    fn indices_may_come_in_any_order_but_gaps_make_an_object() {
        assert_eq!(
            nested(json!({"g.1": "b", "g.0": "a"})),
            json!({"g": ["a", "b"]})
        );
        assert_eq!(
            nested(json!({"g.0": "a", "g.2": "c"})),
            json!({"g": {"0": "a", "2": "c"}})
        );
        assert_eq!(nested(json!({"g.00": "a"})), json!({"g": {"00": "a"}}));
    }

    #[test]
    fn an_object_with_numbers_for_keys_stays_an_object_when_it_comes_nested() {
        assert_eq!(
            nested(json!({"s": {"0": true, "1": false}})),
            json!({"s": {"0": true, "1": false}})
        );
    }

    #[test]
    fn the_form_decides_between_array_and_object() {
        let form = Form::parse(&json!({"components": [
            {"type": "datagrid", "key": "grid", "components": [{"type": "textfield", "key": "x"}]},
            {"type": "selectboxes", "key": "boxes", "values": [{"label": "", "value": "0"}, {"label": "", "value": "art.10"}]},
        ]}))
        .unwrap();
        let flat =
            json!({"grid.3.x": "a", "grid.7.x": "b", "boxes.0": true, "boxes.art.10": false});
        assert_eq!(
            unflatten(flat.as_object().unwrap(), Some(&form)),
            json!({"grid": [{"x": "a"}, {"x": "b"}], "boxes": {"0": true, "art.10": false}})
        );
    }

    #[test]
    fn a_key_of_too_many_steps_is_not_nested() {
        let key = vec!["a"; 100_000].join(".");
        let mut flat = Map::new();
        flat.insert(key.clone(), json!(1));
        assert_eq!(unflatten(&flat, None).get(&key), Some(&json!(1)));
    }
}
