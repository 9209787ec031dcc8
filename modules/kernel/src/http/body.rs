//! JSON bodies: bounded in size, depth and array length; every fault has a problem of its own.

use std::cell::Cell;
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;
use serde_path_to_error::Segment;
use tokio::sync::OnceCell;

use super::idempotency;
use crate::context::Platform;
use crate::crypto::sha256_hex;
use crate::problem::{Problem, ProblemKind};

/// A JSON body of type `T`.
#[derive(Debug)]
pub struct Body<T> {
    /// What it says.
    pub value: Given<T>,
    /// SHA-256 of its bytes, in hex: what `Idempotency-Key` compares.
    pub hash: String,
}

/// What a body says, or what is wrong with it. A handler reads it when it knows that the caller may do this, so that
/// whoever may not hears that, and nothing of his body.
#[derive(Debug)]
pub struct Given<T>(Result<T, Problem>);

impl<T> Given<T> {
    /// What it says.
    ///
    /// # Errors
    /// What is wrong with the body: it is no JSON, too large, too deep, or a field has another type.
    pub fn read(self) -> Result<T, Problem> {
        self.0
    }

    /// What it says. What is wrong with it comes after what `first` refuses, which is asked only then: whether the thing of
    /// the path is there, and the caller may do this to it.
    ///
    /// # Errors
    /// Those of `first`, else as [`read`](Self::read).
    pub async fn read_after<F>(
        self,
        first: impl Future<Output = Result<F, Problem>>,
    ) -> Result<T, Problem> {
        match self.0 {
            Ok(value) => Ok(value),
            Err(problem) => Err(first.await.err().unwrap_or(problem)),
        }
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = read_json(request, payload);
        Box::pin(async move {
            let (value, hash) = read.await;
            let value = value.and_then(|value| {
                object(value.ok_or_else(|| {
                    Problem::new(
                        ProblemKind::MalformedJson,
                        "The body is empty. Send a JSON object.",
                    )
                })?)
            });
            Ok(Self {
                value: Given(value),
                hash,
            })
        })
    }
}

/// A JSON body that may be absent: nothing, `{}` and `[]` mean the same.
#[derive(Debug)]
pub struct OptionalBody<T> {
    /// What it says.
    pub value: Given<T>,
    /// SHA-256 of its bytes, in hex.
    pub hash: String,
}

impl<T: DeserializeOwned + Default + 'static> FromRequest for OptionalBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = read_json(request, payload);
        Box::pin(async move {
            let (value, hash) = read.await;
            let value = value.and_then(|value| match value {
                None => Ok(T::default()),
                Some(Value::Array(items)) if items.is_empty() => Ok(T::default()),
                Some(value) => object(value),
            });
            Ok(Self {
                value: Given(value),
                hash,
            })
        })
    }
}

/// The bytes of a request's body, read once for all extractors that look at them.
pub(super) struct RawBody {
    limit: Result<usize, Problem>,
    payload: Cell<Option<web::Payload>>,
    read: OnceCell<Result<Raw, Problem>>,
}

/// Bytes, and their SHA-256 in hex.
#[derive(Clone)]
pub(super) struct Raw {
    bytes: Bytes,
    pub hash: String,
}

impl RawBody {
    /// Takes the payload of a request, for this extractor and for that of `Idempotency-Key`.
    fn take(request: &HttpRequest, payload: &mut Payload) -> Rc<Self> {
        let raw = Rc::new(Self {
            limit: Platform::of(request).map(|platform| platform.config.http.body_limit_bytes),
            payload: Cell::new(
                web::Payload::from_request(request, payload)
                    .into_inner()
                    .ok(),
            ),
            read: OnceCell::new(),
        });
        request.extensions_mut().insert(Rc::clone(&raw));
        raw
    }

    /// That of a request whose handler takes a body.
    pub(super) fn of(request: &HttpRequest) -> Option<Rc<Self>> {
        request.extensions().get::<Rc<Self>>().cloned()
    }

    /// Reads it.
    pub(super) async fn read(&self) -> Result<Raw, Problem> {
        let read = || async {
            let limit = self.limit.clone()?;
            let payload = self
                .payload
                .take()
                .ok_or_else(|| Problem::internal("the body has been taken already"))?;
            let bytes = read_limited(payload, limit).await?;
            let hash = sha256_hex(&bytes);
            Ok(Raw { bytes, hash })
        };
        self.read.get_or_init(read).await.clone()
    }
}

/// The JSON of a request's body, `None` if that is empty, and the hash of its bytes, empty if they did not come whole.
fn read_json(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = (Result<Option<Value>, Problem>, String)> + 'static {
    let raw = RawBody::take(request, payload);
    let request = request.clone();
    async move {
        let read = raw.read().await;
        // A repeated request has its answer, whatever its body says.
        idempotency::admitted(&request).await;
        request.extensions_mut().remove::<Rc<RawBody>>();
        match read {
            Ok(Raw { bytes, hash }) => (parsed(&request, &bytes), hash),
            Err(problem) => (Err(problem), String::new()),
        }
    }
}

fn parsed(request: &HttpRequest, bytes: &[u8]) -> Result<Option<Value>, Problem> {
    let platform = Platform::of(request)?;
    let limits = &platform.config.http;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let content_type = request
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .map(str::to_ascii_lowercase);
    let is_json = content_type.is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
        kind == "application/json" || kind.ends_with("+json")
    });
    if !is_json {
        return Err(Problem::new(
            ProblemKind::UnsupportedMediaType,
            "Send the body as Content-Type: application/json.",
        ));
    }
    if depth_of(bytes) > limits.json_depth {
        return Err(Problem::new(
            ProblemKind::JsonTooDeep,
            format!(
                "The body nests more than {} levels. Flatten it.",
                limits.json_depth
            ),
        ));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        Problem::new(
            ProblemKind::MalformedJson,
            format!(
                "The body is not valid JSON: see line {}, column {}.",
                error.line(),
                error.column()
            ),
        )
    })?;
    check(&value, limits.json_array_length)?;
    Ok(Some(value))
}

/// Reads a body up to a limit.
///
/// # Errors
/// [`ProblemKind::BodyTooLarge`] beyond it.
pub async fn read_limited(mut payload: web::Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| {
            Problem::new(
                ProblemKind::MalformedJson,
                "The body ended early. Send the request again.",
            )
        })?;
        if bytes.len() + chunk.len() > limit {
            return Err(Problem::new(
                ProblemKind::BodyTooLarge,
                format!(
                    "The body has more than {limit} bytes. Upload files apart (POST /lang/{{locale}}/upload) and name them by their id, or split the request."
                ),
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The deepest nesting, before anything is parsed.
fn depth_of(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_string = false,
            (false, b'"') => in_string = true,
            (false, b'[' | b'{') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn check(value: &Value, most: usize) -> Result<(), Problem> {
    match value {
        Value::String(text) if text.contains('\0') => Err(Problem::new(
            ProblemKind::NulCharacter,
            "A text of the body holds the character U+0000. Remove it.",
        )),
        Value::Array(items) if items.len() > most => Err(Problem::new(
            ProblemKind::ArrayTooLong,
            format!("An array of the body has more than {most} elements. Split the request."),
        )),
        Value::Array(items) => items.iter().try_for_each(|item| check(item, most)),
        Value::Object(map) => map.iter().try_for_each(|(key, value)| {
            if key.contains('\0') {
                return Err(Problem::new(
                    ProblemKind::NulCharacter,
                    "A key of the body holds the character U+0000. Remove it.",
                ));
            }
            check(value, most)
        }),
        _ => Ok(()),
    }
}

/// Gives a body its type. A list of an object's values, which serde would take for the object, is none.
fn object<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    if value.is_array() {
        return Err(Problem::field(
            "body",
            "type",
            "Give a value of the type that the API description names.",
        ));
    }
    typed(value)
}

/// A field as problems name it: `links.0.url`.
fn named(path: &serde_path_to_error::Path) -> String {
    let steps: Vec<String> = path.iter().map(step).collect();
    if steps.is_empty() {
        return "body".to_owned();
    }
    steps.join(".")
}

fn step(segment: &Segment) -> String {
    match segment {
        Segment::Seq { index } => index.to_string(),
        Segment::Map { key } => key.clone(),
        Segment::Enum { variant } => variant.clone(),
        Segment::Unknown => "?".to_owned(),
    }
}

/// Gives the value its type; what does not fit is a fault of the field.
///
/// # Errors
/// [`ProblemKind::Validation`] naming the field, never its value.
pub fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = named(error.path());
        // The cause may quote the value, which may be personal: only its kind is told.
        let text = error.inner().to_string();
        let (code, message) = match text
            .split_once('`')
            .and_then(|(_, rest)| rest.split_once('`'))
        {
            Some((name, _)) if text.starts_with("missing field") => {
                return Problem::field(&join(&field, name), "required", "Give this field a value.");
            }
            _ if text.starts_with("invalid type") => (
                "type",
                "Give a value of the type that the API description names.",
            ),
            _ => ("value", "Give a value that the API description allows."),
        };
        Problem::field(&field, code, message)
    })
}

/// For fields of a PATCH: tells a key that is `null` from one that is absent. To be used with `#[serde(default)]`.
///
/// # Errors
/// If the value has another type.
#[allow(clippy::option_option)]
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// For a field that may be absent, but not null.
///
/// # Errors
/// If the value is null or has another type.
pub fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn join(parent: &str, name: &str) -> String {
    if parent == "body" {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn depth_ignores_brackets_in_texts() {
        assert_eq!(depth_of(br#"{"a":"[[[[\"[","b":[{}]}"#), 3);
    }

    #[test]
    fn a_list_is_no_object() {
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(default)]
        #[allow(dead_code)]
        struct In {
            name: Option<String>,
        }
        assert!(object::<In>(serde_json::json!([null])).is_err());
        assert!(object::<In>(serde_json::json!({"name": null})).is_ok());
    }

    #[test]
    fn a_wrong_type_names_the_field_and_not_the_value() {
        #[derive(Debug, serde::Deserialize)]
        #[allow(dead_code)]
        struct In {
            name: String,
        }
        let problem = typed::<In>(serde_json::json!({"name": 1234})).unwrap_err();
        let body = problem.body("x").to_string();
        assert!(
            body.contains("\"field\":\"name\"") && !body.contains("1234"),
            "{body}"
        );
        let missing = typed::<In>(serde_json::json!({}))
            .unwrap_err()
            .body("x")
            .to_string();
        assert!(
            missing.contains("\"field\":\"name\",\"code\":\"required\""),
            "{missing}"
        );
    }
}
