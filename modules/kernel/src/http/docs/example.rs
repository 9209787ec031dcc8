//! An example for each JSON body: the module's own, in answers completed by what the schema requires besides; where it
//! gives none, one made of the schema.

use serde_json::{Map, Value, json};

use super::common::{is_of, operations};

/// Beyond this depth an example shows nothing new.
const DEEPEST: usize = 12;

/// Gives every JSON body of a document an example.
pub(super) fn add(document: &mut Value) {
    let schemas = document
        .pointer("/components/schemas")
        .cloned()
        .unwrap_or_default();
    let schemas = Schemas(&schemas);
    for (_, operation) in operations(document) {
        operation
            .iter_mut()
            .for_each(|(key, part)| match key.as_str() {
                "requestBody" => schemas.illustrate(part, false),
                "responses" => part
                    .as_object_mut()
                    .into_iter()
                    .flatten()
                    .filter(|(status, _)| status.starts_with('2'))
                    .for_each(|(_, answer)| schemas.illustrate(answer, true)),
                _ => {}
            });
    }
}

/// `components/schemas`.
struct Schemas<'a>(&'a Value);

impl Schemas<'_> {
    /// `complete` says whether an example that is there is completed.
    fn illustrate(&self, part: &mut Value, complete: bool) {
        let Some(body) = part
            .pointer_mut("/content/application~1json")
            .and_then(Value::as_object_mut)
            .filter(|body| !body.contains_key("examples"))
        else {
            return;
        };
        let Some(made) = body
            .get("schema")
            .and_then(|schema| self.example(schema, 0))
        else {
            return;
        };
        match body.get_mut("example") {
            None => {
                body.insert("example".to_owned(), made);
            }
            Some(given) if complete => fill(given, &made),
            Some(_) => {}
        }
    }

    fn example(&self, schema: &Value, depth: usize) -> Option<Value> {
        let schema = schema.as_object().filter(|_| depth < DEEPEST)?;
        if let Some(given) = given(schema) {
            return Some(given);
        }
        if let Some(address) = schema.get("$ref").and_then(Value::as_str) {
            let name = address.rsplit('/').next()?;
            return self.example(self.0.get(name)?, depth + 1);
        }
        let parts = |key: &str| {
            schema
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        if schema.contains_key("allOf") {
            let mut whole = self.object(schema, depth);
            for part in parts("allOf") {
                if let Some(Value::Object(part)) = self.example(part, depth + 1) {
                    whole.extend(part);
                }
            }
            return Some(Value::Object(whole));
        }
        if let Some(first) = parts("oneOf")
            .chain(parts("anyOf"))
            .find(|one| one["type"] != "null")
        {
            return self.example(first, depth + 1);
        }
        self.of_type(schema, depth)
    }

    fn of_type(&self, schema: &Map<String, Value>, depth: usize) -> Option<Value> {
        if is_of(schema, "object") {
            return Some(Value::Object(self.object(schema, depth)));
        }
        if is_of(schema, "array") {
            let item = schema
                .get("items")
                .and_then(|items| self.example(items, depth + 1));
            return Some(Value::Array(item.into_iter().collect()));
        }
        if is_of(schema, "string") {
            return Some(text(schema));
        }
        if is_of(schema, "integer") || is_of(schema, "number") {
            let least = schema.get("minimum").and_then(Value::as_i64);
            return Some(json!(least.filter(|least| *least > 0).unwrap_or(1)));
        }
        // What may be anything may be nothing.
        Some(if is_of(schema, "boolean") {
            json!(true)
        } else {
            Value::Null
        })
    }

    fn object(&self, schema: &Map<String, Value>, depth: usize) -> Map<String, Value> {
        schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(name, property)| Some((name.clone(), self.example(property, depth + 1)?)))
            .collect()
    }
}

/// Adds what an example lacks.
fn fill(given: &mut Value, made: &Value) {
    match (given, made) {
        (Value::Object(given), Value::Object(made)) => {
            for (key, value) in made {
                match given.get_mut(key) {
                    Some(there) => fill(there, value),
                    None => {
                        given.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(given), Value::Array(made)) => {
            if let Some(made) = made.first() {
                given.iter_mut().for_each(|one| fill(one, made));
            }
        }
        _ => {}
    }
}

/// The example that a schema states.
fn given(schema: &Map<String, Value>) -> Option<Value> {
    let first = |key: &str| schema.get(key).and_then(Value::as_array)?.first().cloned();
    schema
        .get("example")
        .or_else(|| schema.get("const"))
        .or_else(|| schema.get("default"))
        .cloned()
        .or_else(|| first("examples"))
        .or_else(|| first("enum"))
}

fn text(schema: &Map<String, Value>) -> Value {
    let format = schema.get("format").and_then(Value::as_str);
    let text = match format {
        Some("uuid") => "01943ffe-0680-7438-ae6b-a7bca9d37914",
        Some("date-time") => "2026-03-02T09:30:00+01:00",
        Some("date") => "2026-03-02",
        Some("uri" | "url") => "https://www.comune.bugliano.example",
        Some("email") => "mario.rossi@example.org",
        _ => "Testo",
    };
    let most = schema
        .get("maxLength")
        .and_then(Value::as_u64)
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(usize::MAX);
    Value::String(text.chars().take(most).collect())
}
