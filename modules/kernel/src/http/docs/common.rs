//! What holds for every operation, and is therefore said here once: the answers that the kernel itself
//! gives, their headers, and the bounds that its limits set.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::example;
use crate::config::HttpSettings;
use crate::http::LONGEST_PART;

/// Answers are as long as what was stored, one request after the other. Nothing of this length fits into one.
const LONGEST_ANSWER: u64 = 2_147_483_647;

const PROBLEM: &str = "application/problem+json";
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

/// The most that a JSON body may hold.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Bytes, and so characters of one text.
    pub bytes: usize,
    /// Elements of one array.
    pub array_length: usize,
}

impl BodyLimits {
    /// As the settings have them.
    #[must_use]
    pub fn of(settings: &HttpSettings) -> Self {
        Self {
            bytes: settings.body_limit_bytes,
            array_length: settings.json_array_length,
        }
    }
}

/// The longest text and the longest list of a place.
#[derive(Clone, Copy)]
struct Longest {
    text: u64,
    list: u64,
}

/// An answer that the kernel gives by itself.
struct Answer {
    status: &'static str,
    /// Under `components/responses`.
    name: &'static str,
    description: &'static str,
    given_by: fn(&Traits) -> bool,
}

/// What decides which of these answers an operation gives.
struct Traits {
    takes_parameters: bool,
    takes_json: bool,
    takes_idempotency_key: bool,
    takes_token: bool,
    names_something: bool,
}

const ANSWERS: [Answer; 10] = [
    Answer {
        status: "400",
        name: "Malformed",
        description: "The body is not JSON within the limits, a parameter has a value that it does not take, or a part of the address is too long or holds the character U+0000: `malformed-json`, `json-too-deep`, `array-too-long`, `bad-parameter`",
        given_by: |_| true,
    },
    Answer {
        status: "401",
        name: "Unauthenticated",
        description: "There is no valid token: `unauthenticated`, `token-expired`",
        given_by: |operation| operation.takes_token,
    },
    Answer {
        status: "403",
        name: "Forbidden",
        description: "The caller lacks the right, or belongs to another body: `forbidden`, `tenant-mismatch`",
        given_by: |operation| operation.takes_token,
    },
    Answer {
        status: "404",
        name: "NotFound",
        description: "The path names nothing, or no body: `not-found`, `unknown-tenant`",
        given_by: |operation| operation.names_something,
    },
    Answer {
        status: "409",
        name: "Running",
        description: "The first request with this key ended at this moment: `idempotency-running`",
        given_by: |operation| operation.takes_idempotency_key,
    },
    Answer {
        status: "413",
        name: "TooLarge",
        description: "The body is longer than this installation takes: `body-too-large`",
        given_by: |operation| operation.takes_json,
    },
    Answer {
        status: "415",
        name: "NotJson",
        description: "The body is not announced as JSON: `unsupported-media-type`",
        given_by: |operation| operation.takes_json,
    },
    Answer {
        status: "422",
        name: "Unprocessable",
        description: "Fields to correct, or the character U+0000 in the body: `validation`, `nul-character`",
        given_by: |operation| operation.takes_json || operation.takes_parameters,
    },
    Answer {
        status: "500",
        name: "Internal",
        description: "A failure of ours, whose cause is in the log alone: `internal`",
        given_by: |_| true,
    },
    Answer {
        status: "503",
        name: "Unavailable",
        description: "A part of the platform is away for a moment: `unavailable`",
        given_by: |_| true,
    },
];

/// Adds what holds for all operations to a document in which each module said what is its own.
pub(super) fn complete(document: &mut Value, limits: BodyLimits) {
    for (path, operation) in operations(document) {
        add_answers(path, operation);
        add_headers(operation);
    }
    add_components(document);
    add_bounds(document, limits);
    example::add(document);
}

/// Each operation with its path.
pub(super) fn operations(
    document: &mut Value,
) -> impl Iterator<Item = (&String, &mut Map<String, Value>)> {
    document
        .get_mut("paths")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
        .flat_map(|(path, methods)| {
            methods
                .as_object_mut()
                .into_iter()
                .flatten()
                .filter(|(method, _)| METHODS.contains(&method.as_str()))
                .filter_map(move |(_, operation)| Some((path, operation.as_object_mut()?)))
        })
}

fn traits(path: &str, operation: &Map<String, Value>) -> Traits {
    let parameters: Vec<&Value> = list(operation, "parameters");
    let is_in = |place: &str| parameters.iter().any(|one| one["in"] == place);
    let has_key = |one: &&Value| one.as_object().is_some_and(|scheme| !scheme.is_empty());
    Traits {
        takes_parameters: is_in("path") || is_in("query"),
        takes_json: operation
            .get("requestBody")
            .is_some_and(|body| body.pointer("/content/application~1json").is_some()),
        takes_idempotency_key: parameters
            .iter()
            .any(|one| one["name"] == "Idempotency-Key"),
        takes_token: list(operation, "security").iter().any(has_key),
        names_something: is_in("path") || path.starts_with("/lang/"),
    }
}

fn list<'a>(object: &'a Map<String, Value>, key: &str) -> Vec<&'a Value> {
    object
        .get(key)
        .and_then(Value::as_array)
        .map(|items| items.iter().collect())
        .unwrap_or_default()
}

fn add_answers(path: &str, operation: &mut Map<String, Value>) {
    let of = traits(path, operation);
    let Some(answers) = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for answer in ANSWERS.iter().filter(|answer| (answer.given_by)(&of)) {
        answers
            .entry(answer.status)
            .or_insert_with(|| json!({"$ref": format!("#/components/responses/{}", answer.name)}));
    }
    answers.sort_keys();
}

/// Every answer names its request; one that asks for patience says for how long, and an operation whose calls
/// are counted (`x-rate-limited`) says how many are left.
fn add_headers(operation: &mut Map<String, Value>) {
    let counted = operation.contains_key("x-rate-limited");
    let answers = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten();
    for (status, answer) in answers {
        let Some(answer) = answer
            .as_object_mut()
            .filter(|one| !one.contains_key("$ref"))
        else {
            continue;
        };
        let mut names = vec!["X-Request-Id"];
        if status == "429" || status == "503" {
            names.push("Retry-After");
        }
        if counted && status.starts_with(['2', '3']) {
            names.extend([
                "X-RateLimit-Limit",
                "X-RateLimit-Remaining",
                "X-RateLimit-Reset",
            ]);
        }
        if let Some(headers) = answer
            .entry("headers")
            .or_insert_with(|| json!({}))
            .as_object_mut()
        {
            for name in names {
                headers
                    .entry(name)
                    .or_insert_with(|| json!({"$ref": format!("#/components/headers/{name}")}));
            }
        }
    }
}

fn add_components(document: &mut Value) {
    let seconds = |description: &str| {
        json!({"description": description, "required": true,
            "schema": {"type": "integer", "format": "int32", "minimum": 0, "maximum": 86_400, "example": 30}})
    };
    let calls = |description: &str| {
        json!({"description": description, "required": true,
            "schema": {"type": "integer", "format": "int32", "minimum": 0, "maximum": 1_000_000, "example": 60}})
    };
    let headers = json!({
        "X-Request-Id": {"description": "The request's id, also in the log, and `instance` of a problem", "required": true,
            "schema": {"type": "string", "minLength": 8, "maxLength": 64, "example": "01943ffe-0680-7438-ae6b-a7bca9d37914"}},
        "Retry-After": seconds("Seconds after which to repeat the request"),
        "X-RateLimit-Limit": calls("Requests that are taken in a minute"),
        "X-RateLimit-Remaining": calls("Requests that are left of them"),
        "X-RateLimit-Reset": seconds("Seconds until they are counted anew"),
    });
    let mut shared = Map::new();
    for answer in &ANSWERS {
        let told = json!({
            "description": answer.description,
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        });
        let mut operation = Map::new();
        operation.insert("responses".to_owned(), json!({answer.status: told}));
        add_headers(&mut operation);
        let told = operation
            .get_mut("responses")
            .and_then(|answers| answers.get_mut(answer.status))
            .map(Value::take);
        shared.insert(answer.name.to_owned(), told.unwrap_or_default());
    }
    let Some(components) = document
        .get_mut("components")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    components.insert("headers".to_owned(), headers);
    components.insert("responses".to_owned(), Value::Object(shared));
}

/// A place that states no bound of its own gets the one that it cannot exceed.
fn add_bounds(document: &mut Value, limits: BodyLimits) {
    let length = |most: usize| u64::try_from(most).unwrap_or(LONGEST_ANSWER);
    let sent = Longest {
        text: length(limits.bytes),
        list: length(limits.array_length),
    };
    let answered = Longest {
        text: LONGEST_ANSWER,
        list: LONGEST_ANSWER,
    };
    let in_address = Longest {
        text: length(LONGEST_PART),
        list: length(LONGEST_PART),
    };
    let of_requests = schemas_of_requests(document);
    for (_, operation) in operations(document) {
        for parameter in operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if parameter["name"] == "Idempotency-Key" {
                parameter["schema"] = json!({"type": "string", "minLength": 1, "maxLength": 255});
            }
            // Forms send what was not filled in as an empty value.
            if parameter["in"] == "query" && parameter["required"] != true {
                parameter["allowEmptyValue"] = json!(true);
            }
            bound(&mut parameter["schema"], in_address);
        }
        if let Some(body) = operation.get_mut("requestBody") {
            bound(body, sent);
        }
        if let Some(answers) = operation.get_mut("responses") {
            bound(answers, answered);
        }
    }
    let schemas = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut);
    for (name, schema) in schemas.into_iter().flatten() {
        bound(
            schema,
            if of_requests.contains(name) {
                sent
            } else {
                answered
            },
        );
    }
}

/// The names of the schemas that bodies of requests are made of.
fn schemas_of_requests(document: &Value) -> BTreeSet<String> {
    let mut open: Vec<String> = Vec::new();
    for path in document["paths"].as_object().into_iter().flatten() {
        for operation in path.1.as_object().into_iter().flatten() {
            references(&operation.1["requestBody"], &mut open);
        }
    }
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        if found.insert(name.clone()) {
            let schema = document
                .pointer("/components/schemas")
                .and_then(|schemas| schemas.get(&name));
            schema
                .into_iter()
                .for_each(|schema| references(schema, &mut open));
        }
    }
    found
}

fn references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(name) = map
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|address| address.strip_prefix("#/components/schemas/"))
            {
                into.push(name.to_owned());
            }
            map.values().for_each(|one| references(one, into));
        }
        Value::Array(items) => items.iter().for_each(|one| references(one, into)),
        _ => {}
    }
}

/// Whether a schema is, among others perhaps, of this type.
pub(super) fn is_of(schema: &Map<String, Value>, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => false,
    }
}

fn bound(schema: &mut Value, longest: Longest) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|one| bound(one, longest)),
        Value::Object(map) => {
            let has = |keys: &[&str]| keys.iter().any(|key| map.contains_key(*key));
            let mut add = Vec::new();
            if is_of(map, "string")
                && !has(&["maxLength", "enum", "const", "format", "contentEncoding"])
            {
                add.push(("maxLength", json!(longest.text)));
            }
            if is_of(map, "array") && !has(&["maxItems"]) {
                add.push(("maxItems", json!(longest.list)));
            }
            if !has(&["enum", "const"]) && (is_of(map, "integer") || is_of(map, "number")) {
                let (format, least, most) = range(map);
                if !has(&["format"]) {
                    add.push(("format", json!(format)));
                }
                if !has(&["minimum", "exclusiveMinimum"]) {
                    add.push(("minimum", least));
                }
                if !has(&["maximum", "exclusiveMaximum"]) {
                    add.push(("maximum", most));
                }
            }
            // Of the forms of an answer several may fit the same one: those of a user differ in what they may leave out.
            if let Some(forms) = map.shift_remove("oneOf") {
                map.insert("anyOf".to_owned(), forms);
            }
            map.extend(add.into_iter().map(|(key, value)| (key.to_owned(), value)));
            map.iter_mut()
                .filter(|(key, _)| {
                    !matches!(key.as_str(), "example" | "examples" | "default" | "enum")
                })
                .for_each(|(_, one)| bound(one, longest));
        }
        _ => {}
    }
}

/// What a number of this format can be at all.
fn range(schema: &Map<String, Value>) -> (&'static str, Value, Value) {
    let format = schema.get("format").and_then(Value::as_str);
    match (is_of(schema, "integer"), format) {
        (true, Some("int32")) => ("int32", json!(i32::MIN), json!(i32::MAX)),
        (true, _) => ("int64", json!(i64::MIN), json!(i64::MAX)),
        (false, Some("float")) => ("float", json!(f32::MIN), json!(f32::MAX)),
        (false, _) => ("double", json!(f64::MIN), json!(f64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn completed(operation: Value) -> Value {
        let mut document = json!({
            "paths": {"/lang/api/things/{id}": {"put": operation}},
            "components": {"schemas": {
                "Problem": {"type": "object"},
                "Thing": {"type": "object", "required": ["name", "tags"], "properties": {
                    "name": {"type": "string"},
                    "size": {"type": "integer", "format": "int32", "minimum": 0},
                    "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}},
                }},
                "Shown": {"type": "object", "properties": {"name": {"type": ["string", "null"]}}},
            }},
        });
        let limits = BodyLimits {
            bytes: 1000,
            array_length: 10,
        };
        complete(&mut document, limits);
        document
    }

    fn operation() -> Value {
        json!({
            "parameters": [{"name": "id", "in": "path", "schema": {"type": "string", "format": "uuid"}}],
            "security": [{"bearer": []}],
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
            "responses": {
                "200": {"description": "Done", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Shown"}, "example": {}}}},
                "404": {"description": "No such thing"},
                "429": {"description": "Too often"},
            },
        })
    }

    #[test]
    fn an_operation_tells_what_the_kernel_answers_and_keeps_what_it_says_itself() {
        let document = completed(operation());
        let answers = &document["paths"]["/lang/api/things/{id}"]["put"]["responses"];
        let statuses: Vec<&String> = answers.as_object().unwrap().keys().collect();
        assert_eq!(
            statuses,
            [
                "200", "400", "401", "403", "404", "413", "415", "422", "429", "500", "503"
            ]
        );
        assert_eq!(answers["404"]["description"], "No such thing");
        assert!(answers["429"]["headers"]["Retry-After"].is_object());
        let shared = answers["422"]["$ref"].as_str().unwrap();
        assert!(document.pointer(shared.trim_start_matches('#')).is_some());
        let mut public = operation();
        public["security"] = json!([{}]);
        let document = completed(public);
        assert!(document["paths"]["/lang/api/things/{id}"]["put"]["responses"]["401"].is_null());
    }

    #[test]
    fn a_body_is_bounded_by_the_limits_of_requests_and_keeps_its_own() {
        let document = completed(operation());
        let thing = &document["components"]["schemas"]["Thing"]["properties"];
        assert_eq!(thing["name"]["maxLength"], 1000);
        assert_eq!(thing["tags"]["maxItems"], 10);
        assert_eq!(thing["tags"]["items"]["maxLength"], 20);
        assert_eq!(thing["size"]["minimum"], 0);
        assert_eq!(thing["size"]["maximum"], i32::MAX);
        let shown = &document["components"]["schemas"]["Shown"]["properties"];
        assert_eq!(shown["name"]["maxLength"], LONGEST_ANSWER);
    }

    #[test]
    fn an_example_is_made_or_completed() {
        let document = completed(operation());
        let put = &document["paths"]["/lang/api/things/{id}"]["put"];
        let body = &put["requestBody"]["content"]["application/json"]["example"];
        assert_eq!(
            *body,
            json!({"name": "Testo", "size": 1, "tags": ["Testo"]})
        );
        let shown = &put["responses"]["200"]["content"]["application/json"]["example"];
        assert_eq!(*shown, json!({"name": "Testo"}));
    }
}
