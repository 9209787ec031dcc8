//! Reading JSON values the way Form.io does.

use serde_json::Value;

/// The text of a scalar, as JavaScript's `String()` gives it; empty for null, arrays and objects.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A number, or the number that a string spells.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// The value at a path of object keys.
pub(crate) fn get<'a>(value: &'a Value, segments: &[String]) -> Option<&'a Value> {
    segments
        .iter()
        .try_fold(value, |value, segment| value.get(segment.as_str()))
}

/// The value at a dotted path; array elements by number, and the `data` of a nested form may be left out.
pub(crate) fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, segment| {
        step(value, segment).or_else(|| value.get("data").and_then(|data| step(data, segment)))
    })
}

fn step<'a>(value: &'a Value, segment: &str) -> Option<&'a Value> {
    match value {
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        _ => value.get(segment),
    }
}

/// Nothing was entered: null, blank text, or an empty array or object.
pub(crate) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().all(is_blank),
        Value::Object(map) => map.values().all(is_blank),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The trimmed text at a dotted path, if there is any.
pub(crate) fn trimmed(data: &Value, path: &str) -> Option<String> {
    let text = text_of(find(data, path)?);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
