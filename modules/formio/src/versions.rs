//! Version 2 of the data, and the one entry for input of any version.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::flat::unflatten;
use crate::schema::Form;
use crate::shape::Shape;

/// Version 2: Form.io's data with only the `data` wrapper of nested forms dropped. What Form.io writes beside `data`
/// (`metadata` and the like) is bookkeeping and not part of version 2.
#[must_use]
pub fn without_data_wrappers(data: &Value, form: &Form) -> Value {
    unwrap(data, &form.shape)
}

/// The inverse of [`without_data_wrappers`]. Nested forms that have their `data` already keep it, and fields beside it
/// are moved in, so a mix is fine.
#[must_use]
pub fn with_data_wrappers(data: &Value, form: &Form) -> Value {
    wrap(data, &form.shape)
}

/// Takes data in version 1, version 2, Form.io's own form, or any mix, and gives Form.io's nested form. A value that is
/// not an object is given back as it is: [`Form::validate`] refuses it.
#[must_use]
pub fn normalise_input(data: &Value, form: &Form) -> Value {
    match data {
        Value::Object(map) => with_data_wrappers(&unflatten(map, Some(form)), form),
        other => other.clone(),
    }
}

fn unwrap(value: &Value, shape: &Shape) -> Value {
    match (shape, value) {
        (Shape::Object(fields), Value::Object(map)) => each(map, fields, unwrap),
        (Shape::Nested(fields), Value::Object(map)) => match map.get("data") {
            Some(Value::Object(inner)) => each(inner, fields, unwrap),
            Some(other) => other.clone(),
            None => each(map, fields, unwrap),
        },
        (Shape::Array(item), Value::Array(items)) => {
            items.iter().map(|value| unwrap(value, item)).collect()
        }
        _ => value.clone(),
    }
}

fn wrap(value: &Value, shape: &Shape) -> Value {
    match (shape, value) {
        (Shape::Object(fields), Value::Object(map)) => each(map, fields, wrap),
        (Shape::Nested(fields), Value::Object(map)) => wrap_nested(map, fields),
        (Shape::Array(item), Value::Array(items)) => {
            items.iter().map(|value| wrap(value, item)).collect()
        }
        _ => value.clone(),
    }
}

fn wrap_nested(map: &Map<String, Value>, fields: &HashMap<String, Shape>) -> Value {
    let mut outer = Map::new();
    let inner = match map.get("data") {
        Some(Value::Object(data)) if is_wrapper(data, fields) => {
            let mut inner = data.clone();
            for (key, value) in map.iter().filter(|(key, _)| *key != "data") {
                // Fields beside the wrapper came in version 2; the rest is Form.io's bookkeeping.
                if fields.contains_key(key) {
                    merge(&mut inner, key, value)
                } else {
                    drop(outer.insert(key.clone(), value.clone()))
                }
            }
            inner
        }
        _ => map.clone(),
    };
    outer.insert("data".to_owned(), each(&inner, fields, wrap));
    Value::Object(outer)
}

/// Whether a nested form's `data` is Form.io's wrapper: always, unless the form has a field of that name.
fn is_wrapper(data: &Map<String, Value>, fields: &HashMap<String, Shape>) -> bool {
    !fields.contains_key("data") || data.keys().all(|key| fields.contains_key(key))
}

fn merge(into: &mut Map<String, Value>, key: &str, value: &Value) {
    match (into.get_mut(key), value) {
        (Some(Value::Object(old)), Value::Object(new)) => {
            for (key, value) in new {
                merge(old, key, value);
            }
        }
        _ => drop(into.insert(key.to_owned(), value.clone())),
    }
}

fn each(
    map: &Map<String, Value>,
    fields: &HashMap<String, Shape>,
    convert: fn(&Value, &Shape) -> Value,
) -> Value {
    let members = map.iter().map(|(key, value)| {
        let value = fields
            .get(key)
            .map_or_else(|| value.clone(), |shape| convert(value, shape));
        (key.clone(), value)
    });
    Value::Object(members.collect())
}
