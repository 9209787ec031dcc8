//! What wraps every request: its id, the access log, metrics, CORS.

use std::time::Instant as Monotonic;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError as _};

use super::client::{self, TrustedProxy};
use super::scope::language_of;
use super::{LONGEST_PART, idempotency};
use crate::auth;
use crate::clock;
use crate::context::Platform;
use crate::problem::{Problem, ProblemKind};
use crate::trace;

tokio::task_local! {
    static REQUEST_ID: String;
}

/// The id of the request that is being answered.
#[must_use]
pub fn current_request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// Wraps a request.
pub(super) async fn wrap<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<actix_web::body::BoxBody>, Error> {
    let id = request
        .headers()
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (8..=64).contains(&id.len())
                && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
        .map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned);
    let trace = trace::of_request(
        request
            .headers()
            .get(trace::HEADER)
            .and_then(|value| value.to_str().ok()),
        &id,
    );
    REQUEST_ID
        .scope(
            id.clone(),
            trace::scope(Some(trace), answer(request, next, id)),
        )
        .await
}

async fn answer<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
    id: String,
) -> Result<ServiceResponse<actix_web::body::BoxBody>, Error> {
    let started = Monotonic::now();
    let seen = Seen::of(&request);
    let language = language_of(request.request());
    let preflight = request.method() == actix_web::http::Method::OPTIONS
        && request
            .headers()
            .contains_key("access-control-request-method");
    let mut response = if preflight {
        request.into_response(HttpResponse::NoContent().finish())
    } else if holds_nul(request.uri()) {
        let problem = Problem::new(
            ProblemKind::BadParameter,
            "The address holds the character U+0000 (%00). Remove it.",
        );
        request.into_response(problem.error_response())
    } else if parts(request.uri()).any(|part| characters(part) > LONGEST_PART) {
        let problem = Problem::new(
            ProblemKind::BadParameter,
            format!("A part of the address has more than {LONGEST_PART} characters. Shorten it."),
        );
        request.into_response(problem.error_response())
    } else {
        // Refusals of handlers and extractors are answers by now; an error is the framework's own.
        let response = next.call(request).await?;
        idempotency::ended(response.request()).await;
        as_problem(first_refusal(response.map_into_boxed_body()).await)
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    headers.insert(
        HeaderName::from_static("content-language"),
        HeaderValue::from_static(language.code()),
    );
    headers.insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        HeaderName::from_static("access-control-allow-origin"),
        HeaderValue::from_static("*"),
    );
    if preflight {
        headers.insert(
            HeaderName::from_static("access-control-allow-methods"),
            HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS"),
        );
        headers.insert(
            HeaderName::from_static("access-control-allow-headers"),
            HeaderValue::from_static("Authorization, Content-Type, Idempotency-Key, X-Accept-Version, X-Locale, X-Request-Id"),
        );
        headers.insert(
            HeaderName::from_static("access-control-max-age"),
            HeaderValue::from_static("86400"),
        );
    }
    seen.log(&response, started, &id);
    Ok(response)
}

/// Who calls comes before all else that is wrong with a request, whichever was found out first.
async fn first_refusal(response: ServiceResponse) -> ServiceResponse {
    if !response.status().is_client_error() {
        return response;
    }
    let Some(problem) = auth::refusal(response.request()).await else {
        return response;
    };
    response.into_response(problem.error_response())
}

/// Whether path or query hold U+0000, which no text of PostgreSQL can: bodies are looked at where they are read.
fn holds_nul(uri: &actix_web::http::Uri) -> bool {
    uri.path_and_query()
        .is_some_and(|address| address.as_str().contains("%00"))
}

/// The segments of the path and the values of the query, as they were sent.
fn parts(uri: &actix_web::http::Uri) -> impl Iterator<Item = &str> {
    let values = uri.query().unwrap_or_default().split('&');
    uri.path()
        .split('/')
        .chain(values.map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value)))
}

/// The characters of a part of an address, of which `%` and two digits are a byte.
fn characters(part: &str) -> usize {
    let mut rest = part.bytes();
    let mut count = 0;
    while let Some(byte) = rest.next() {
        let continues = if byte == b'%' {
            let high = rest.next();
            rest.next();
            matches!(high, Some(b'8' | b'9' | b'a' | b'A' | b'b' | b'B'))
        } else {
            false
        };
        count += usize::from(!continues);
    }
    count
}

/// An answer of the framework itself that has no body of ours becomes a problem.
fn as_problem(response: ServiceResponse) -> ServiceResponse {
    let status = response.status();
    let ours = response.headers().get("content-type").is_some();
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let kind = match status.as_u16() {
        404 => ProblemKind::UnknownRoute,
        405 => ProblemKind::MethodNotAllowed,
        _ => return response,
    };
    let (request, theirs) = response.into_parts();
    let problem = Problem::new(kind, "See /docs for what this installation offers.");
    let mut ours = problem.error_response();
    if let Some(allowed) = theirs.headers().get(ALLOW) {
        ours.headers_mut().insert(ALLOW, allowed.clone());
    }
    ServiceResponse::new(request, ours)
}

/// What the access log tells of a request. Query strings may hold personal data, and a payment's id
/// is the key to its page: neither is written.
struct Seen {
    peer: String,
    method: String,
    path: String,
    agent: String,
}

impl Seen {
    fn of(request: &ServiceRequest) -> Self {
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("-")
                .replace(['"', '\n', '\r'], "'")
        };
        Self {
            peer: client::address(request.request(), trusted(request)),
            method: request.method().to_string(),
            path: shown_path(request.path()),
            agent: header("user-agent"),
        }
    }

    fn log(&self, response: &ServiceResponse, started: Monotonic, id: &str) {
        let status = response.status();
        let size = match response.response().body().size() {
            actix_web::body::BodySize::Sized(size) => size.to_string(),
            _ => "-".to_owned(),
        };
        let time = clock::now().rome().format("%d/%b/%Y:%H:%M:%S %z");
        tracing::info!(
            target: "access",
            request_id = id,
            "{} - - [{time}] \"{} {} HTTP/1.1\" {} {size} \"-\" \"{}\"",
            self.peer, self.method, self.path, status.as_u16(), self.agent
        );
        metrics::counter!("oc_api_requests_total", "method" => self.method.clone(), "status_code" => status.as_u16().to_string()).increment(1);
        metrics::histogram!("oc_api_request_seconds", "method" => self.method.clone())
            .record(started.elapsed().as_secs_f64());
    }
}

/// The proxies whose headers are believed.
fn trusted(request: &ServiceRequest) -> &[TrustedProxy] {
    request
        .app_data::<actix_web::web::Data<Platform>>()
        .map_or(&[], |platform| &platform.config.http.trusted_proxies)
}

fn shown_path(path: &str) -> String {
    let secret = path.starts_with("/payment-proxy/");
    path.split('/')
        .map(|segment| {
            if secret && uuid::Uuid::parse_str(segment).is_ok() {
                "…"
            } else {
                segment
            }
        })
        .collect::<Vec<_>>()
        .join("/")
        .replace('"', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_characters_of_an_address_are_counted_decoded() {
        assert_eq!(characters("a+b"), 3);
        assert_eq!(characters("%C3%A8%F0%94%BE%9E!"), 3);
        let uri = "/a/%C3%A8?x=12&y".parse().unwrap_or_default();
        let counts: Vec<usize> = parts(&uri).map(characters).collect();
        assert_eq!(counts, [0, 1, 1, 2, 1]);
    }

    #[test]
    fn the_access_log_cuts_the_ids_of_payments() {
        assert_eq!(
            shown_path(
                "/payment-proxy/sandbox/online-payment/68dada78-2398-4a11-b80a-98aaede3371c"
            ),
            "/payment-proxy/sandbox/online-payment/…"
        );
        let other = "/lang/api/applications/68dada78-2398-4a11-b80a-98aaede3371c";
        assert_eq!(shown_path(other), other);
    }

    #[test]
    fn nul_is_found_in_path_and_query_and_not_in_an_escaped_percent_sign() {
        let holds = |text: &'static str| holds_nul(&actix_web::http::Uri::from_static(text));
        assert!(holds("/lang/api/services/%00"));
        assert!(holds("/lang/api/services?name=a%00b"));
        assert!(!holds("/lang/api/services?name=%2500"));
    }
}
