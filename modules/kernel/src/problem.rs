//! What can be refused: one closed catalogue, rendered as RFC 9457 `application/problem+json`,
//! with a page for people at `/docs/problems/{id}`.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::db::DbError;

macro_rules! catalogue {
    ($($kind:ident = $id:literal, $status:ident, $title:literal, $page:literal;)*) => {
        /// The kinds of problem. Their ids are permanent.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemKind {
            $(#[doc = $title] $kind,)*
        }

        impl ProblemKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The kind of this id.
            #[must_use]
            pub fn of_id(id: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.id() == id)
            }

            /// The permanent id: last segment of `type`, and `code`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$kind => $id,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)* }
            }

            /// What happened, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }

            /// What it means and what to do, for the problem's page.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $(Self::$kind => $page,)* }
            }
        }
    };
}

catalogue! {
    MalformedJson = "malformed-json", BAD_REQUEST, "The body is not valid JSON",
        "The body of the request could not be read as JSON. The detail names line and column. Correct the body and send it again.";
    JsonTooDeep = "json-too-deep", BAD_REQUEST, "The JSON is nested too deeply",
        "The body nests objects or arrays beyond the limit of this installation (http.json_depth). Flatten it.";
    ArrayTooLong = "array-too-long", BAD_REQUEST, "An array is too long",
        "An array of the body has more elements than this installation accepts (http.json_array_length). Split the request.";
    BadParameter = "bad-parameter", BAD_REQUEST, "A parameter is not valid",
        "A parameter of the path or of the query has a value that the operation does not take. The detail says which values it takes.";
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "A valid token is needed",
        "The operation needs a token in the header Authorization: Bearer. Get one from POST /lang/api/auth.";
    TokenExpired = "token-expired", UNAUTHORIZED, "The token has expired",
        "The token was valid once. Log in again: POST /lang/api/auth.";
    BadCredentials = "bad-credentials", UNAUTHORIZED, "User name or password is wrong",
        "The pair of user name and password is not known here. After three failures within an hour the account is locked for ten minutes.";
    Forbidden = "forbidden", FORBIDDEN, "You may not do this",
        "The token is valid, but its owner lacks the right. The detail says which right is needed.";
    TenantMismatch = "tenant-mismatch", FORBIDDEN, "The token belongs to another body",
        "The token was issued for another tenant than the one that the host or the path names.";
    NotFound = "not-found", NOT_FOUND, "There is no such thing",
        "The id in the path is unknown in this tenant.";
    UnknownTenant = "unknown-tenant", NOT_FOUND, "No body answers here",
        "Neither the host nor the first segment of the path names a tenant of this installation.";
    UnknownRoute = "unknown-route", NOT_FOUND, "There is nothing at this address",
        "The path is not one of this installation's. Its operations are listed at /docs.";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "The method is not offered here",
        "The address exists, but not for this method. Its operations are listed at /docs.";
    NotAcceptable = "not-acceptable", NOT_ACCEPTABLE, "The answer has no such form",
        "The form that the header Accept asks for cannot be given, e.g. GeoJSON of an application without coordinates.";
    Conflict = "conflict", CONFLICT, "Somebody else was faster",
        "The resource was changed while the request ran. Read it again and decide anew.";
    AlreadyExists = "already-exists", CONFLICT, "It exists already",
        "Another resource has the value that must be unique. The detail names the field.";
    StillInUse = "still-in-use", CONFLICT, "It is still in use",
        "Other resources refer to it. Remove those references first.";
    CallInFlight = "call-in-flight", CONFLICT, "A registration is under way",
        "The registry is being asked for a number at this moment. Repeat when the time named in the detail is over.";
    MessageRegistered = "message-registered", CONFLICT, "The message is registered already",
        "A message with a protocol number does not change any more. Write another one.";
    IdempotencyRunning = "idempotency-running", CONFLICT, "The first request still runs",
        "A request with the same Idempotency-Key has not ended yet. Wait a moment and repeat.";
    BodyTooLarge = "body-too-large", PAYLOAD_TOO_LARGE, "The body is too large",
        "The body exceeds the limit of this installation (http.body_limit_bytes). Files of applications and messages are uploaded apart, in three steps from POST /lang/{locale}/upload, and named by their id.";
    UploadTooLarge = "upload-too-large", PAYLOAD_TOO_LARGE, "The file is too large",
        "The file exceeds the limit of this installation (applications.files.max_bytes).";
    RangeNotSatisfiable = "range-not-satisfiable", RANGE_NOT_SATISFIABLE, "The file has no such part",
        "The header Range names bytes behind the end of the file. Content-Range says how many bytes there are.";
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON",
        "Send the body as Content-Type: application/json.";
    Validation = "validation", UNPROCESSABLE_ENTITY, "Some fields are not valid",
        "The body is well-formed, but fields are missing or wrong. The array errors names each with a code and a sentence.";
    NulCharacter = "nul-character", UNPROCESSABLE_ENTITY, "The text holds a NUL character",
        "No text of a request may hold the character U+0000. Remove it.";
    UnknownReference = "unknown-reference", UNPROCESSABLE_ENTITY, "The body names something that does not exist",
        "An id or identifier in the body is unknown in this tenant. The array errors names the field.";
    IllegalTransition = "illegal-transition", UNPROCESSABLE_ENTITY, "The state does not allow this",
        "The application's present state has no such transition. The extra keys state and allowed say where it is and what can be done.";
    WorkflowForward = "workflow-forward", UNPROCESSABLE_ENTITY, "The service only forwards applications",
        "Applications of a service with the workflow 'forward' are not worked on here.";
    ExternalApplication = "external-application", UNPROCESSABLE_ENTITY, "The application is another system's",
        "State, data and messages of an application that another system told belong to that system. Work it there: links of the application lead to it.";
    RegistrationNotNeeded = "registration-not-needed", UNPROCESSABLE_ENTITY, "Nothing is registered here",
        "The service needs no registration, so there is no number to give.";
    RegisteredAlready = "registered-already", UNPROCESSABLE_ENTITY, "It is registered already",
        "The act has a number. A number is never replaced.";
    NoOutcome = "no-outcome", UNPROCESSABLE_ENTITY, "There is no outcome yet",
        "The application was neither accepted nor rejected, so no outcome can be registered.";
    NumberMissing = "protocol-number-missing", UNPROCESSABLE_ENTITY, "The protocol number is missing",
        "The service needs registration, and the application has no number yet. It can be taken in charge after that.";
    SameAssignee = "same-assignee", UNPROCESSABLE_ENTITY, "It is assigned so already",
        "The application is assigned to the same operator and office already.";
    WithdrawNotAllowed = "withdraw-not-allowed", UNPROCESSABLE_ENTITY, "This application cannot be withdrawn",
        "The service does not allow withdrawal, or the application waits for its registration.";
    PaymentExists = "payment-exists", UNPROCESSABLE_ENTITY, "There is a payment",
        "An application with a payment cannot be withdrawn.  the office.";
    ReopeningNotAllowed = "reopening-not-allowed", UNPROCESSABLE_ENTITY, "The service does not allow reopening",
        "A concluded application of this service stays concluded (allow_reopening).";
    IntegrationNotAllowed = "integration-not-allowed", UNPROCESSABLE_ENTITY, "The service does not allow integrations",
        "No integration can be asked for on this service (allow_integration_request).";
    NothingToPay = "nothing-to-pay", UNPROCESSABLE_ENTITY, "There is nothing to pay",
        "The amount is zero, or everything has been paid.";
    AmountMismatch = "amount-mismatch", UNPROCESSABLE_ENTITY, "The amount is not right",
        "The amount of the form is absent or lower than the one that the service sets, or its parts do not add up to it.";
    OperatorNotInOffice = "operator-not-in-office", UNPROCESSABLE_ENTITY, "The operator is not in this office",
        "Assign to an operator of the office, or to the office alone.";
    ApplicantMismatch = "applicant-mismatch", UNPROCESSABLE_ENTITY, "The applicant is somebody else",
        "Name, surname and fiscal code of the applicant must be those of the account that sends the application.";
    DuplicateApplication = "duplicate-application", UNPROCESSABLE_ENTITY, "Such an application exists already",
        "The service accepts one application per unique id, and one with the same id was sent before.";
    FileRefused = "file-refused", UNPROCESSABLE_ENTITY, "A file is refused",
        "A file named in the body is unknown, not finished, used elsewhere, of another owner, empty, or of a type that is not accepted.";
    FileInfected = "file-infected", UNPROCESSABLE_ENTITY, "A file holds a virus",
        "The virus scanner of this installation found something in the file, and it was thrown away. Clean it, or send another one.";
    TooManyFiles = "too-many-files", UNPROCESSABLE_ENTITY, "There are too many files",
        "The application, or the body, holds more files than this installation accepts (applications.files.max_count).";
    UploadMismatch = "upload-mismatch", UNPROCESSABLE_ENTITY, "The file is not what was announced",
        "Size, hash or type of the bytes received differ from what was announced. Begin the upload again.";
    IdempotencyMismatch = "idempotency-mismatch", UNPROCESSABLE_ENTITY, "The key was used for another request",
        "The same Idempotency-Key came with another body before. Use a new key for a new request.";
    EventNotTaken = "event-not-taken", UNPROCESSABLE_ENTITY, "An event could not be taken",
        "A module could not do what an event of another one asks for. The dead letter says why; redrive it when the cause is mended.";
    TargetRefused = "target-refused", UNPROCESSABLE_ENTITY, "The address is not allowed",
        "The URL leads to a private, local or otherwise internal address. Give a public HTTPS address.";
    AccountLocked = "account-locked", TOO_MANY_REQUESTS, "The account is locked for a while",
        "Too many wrong passwords. The header Retry-After says when to try again.";
    TooManyRequests = "too-many-requests", TOO_MANY_REQUESTS, "Too many requests",
        "Slow down. The header Retry-After says when to try again.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong on our side",
        "The request was not carried out. Its cause is in the log under the id in instance; give that id to the operator of the installation.";
    BadGateway = "bad-gateway", BAD_GATEWAY, "An outside system did not answer as it should",
        "A system that this operation needs failed. Repeat later.";
    VirusScanUnavailable = "virus-scan-unavailable", SERVICE_UNAVAILABLE, "No file can be checked for viruses at the moment",
        "The virus scanner of this installation does not answer, and no file is taken unchecked. Nothing is lost: repeat the same request after the time in Retry-After.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Not available at the moment",
        "The database or another part is not available. Repeat after the time in Retry-After.";
}

/// A field that is not valid. `message` never repeats the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldProblem {
    /// Dotted path of the field.
    pub field: String,
    /// Short name of the rule: `required`, `type`, `pattern`, …
    pub code: String,
    /// What to do.
    pub message: String,
}

impl FieldProblem {
    /// What is wrong with a field.
    pub fn new(field: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// What is wrong with a text that has to have at most so many characters; nothing, if it has.
    pub fn unless_at_most(field: &str, text: Option<&str>, most: usize) -> Option<Self> {
        (text?.chars().count() > most)
            .then(|| Self::new(field, "length", format!("Give at most {most} characters.")))
    }

    /// What is wrong with a text that has to be an e-mail address; nothing, if it is one or is empty.
    pub fn unless_email(field: &str, text: Option<&str>) -> Option<Self> {
        let text = text.filter(|text| !text.is_empty())?;
        let parts = text.split('@').filter(|part| !part.is_empty()).count();
        (parts != 2 || text.contains(char::is_whitespace))
            .then(|| Self::new(field, "pattern", "Give an e-mail address."))
    }

    /// What is wrong with the addresses of a contact point, the field `at`.
    pub fn of_contact(
        at: &str,
        email: Option<&str>,
        pec: Option<&str>,
        url: Option<&str>,
    ) -> Vec<Self> {
        let field = |key: &str| format!("{at}.{key}");
        [
            Self::unless_email(&field("email"), email),
            Self::unless_email(&field("pec"), pec),
            Self::unless_web_address(&field("url"), url),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What is wrong with a text that has to be the address of a page; nothing, if it is one or is empty.
    pub fn unless_web_address(field: &str, text: Option<&str>) -> Option<Self> {
        let text = text.filter(|text| !text.is_empty())?;
        (!text.starts_with("https://") && !text.starts_with("http://")).then(|| {
            Self::new(
                field,
                "pattern",
                "Give an address that begins with https://.",
            )
        })
    }
}

/// A refusal.
#[derive(Debug, Clone)]
pub struct Problem(Box<Refusal>);

#[derive(Debug, Clone)]
struct Refusal {
    kind: ProblemKind,
    detail: String,
    errors: Vec<FieldProblem>,
    extra: Map<String, Value>,
    retry_after: Option<u64>,
    cause: Option<String>,
}

/// The body of a problem, for the API description.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Address of the page that explains the problem.
    #[schema(example = "/docs/problems/not-found", max_length = 200)]
    pub r#type: String,
    /// What happened, in a few words.
    #[schema(max_length = 200)]
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// A sentence that says what to do.
    #[schema(max_length = 1000)]
    pub detail: String,
    /// Id of the request, also in the log and in `X-Request-Id`.
    #[schema(max_length = 64)]
    pub instance: String,
    /// The permanent id of the problem.
    #[schema(example = "not-found", max_length = 64)]
    pub code: String,
    /// The fields that are not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 1000)]
    pub errors: Option<Vec<FieldProblem>>,
}

impl Problem {
    /// A problem with a sentence that says what to do.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(Box::new(Refusal {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            extra: Map::new(),
            retry_after: None,
            cause: None,
        }))
    }

    /// A failure of ours: the cause goes to the log, never to the caller.
    pub fn internal(cause: impl fmt::Display) -> Self {
        let mut problem = Self::new(
            ProblemKind::Internal,
            "The request was not carried out. Give the id in instance to the operator of this installation.",
        );
        problem.0.cause = Some(cause.to_string());
        problem
    }

    /// A part of the platform is away: the cause goes to the log.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        let mut problem = Self::new(
            ProblemKind::Unavailable,
            "The platform is busy or a part of it is away. Repeat the request in a few seconds.",
        )
        .retry_after(2);
        problem.0.cause = Some(cause.to_string());
        problem
    }

    /// No thing of this kind has the id in the path.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(
            ProblemKind::NotFound,
            format!("There is no {what} with this id. Check the id and the tenant."),
        )
    }

    /// The caller lacks a right.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Forbidden, detail)
    }

    /// A parameter of the path or query.
    #[must_use]
    pub fn bad_parameter(name: &str, takes: &str) -> Self {
        Self::new(
            ProblemKind::BadParameter,
            format!("The parameter {name} takes {takes}."),
        )
    }

    /// Fields of the body.
    #[must_use]
    pub fn validation(errors: Vec<FieldProblem>) -> Self {
        let mut problem = Self::new(
            ProblemKind::Validation,
            "Correct the fields named in errors and send the request again.",
        );
        problem.0.errors = errors;
        problem
    }

    /// One field of the body.
    #[must_use]
    pub fn field(field: &str, code: &str, message: &str) -> Self {
        Self::validation(vec![FieldProblem {
            field: field.to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
        }])
    }

    /// A reference in the body to something that does not exist.
    #[must_use]
    pub fn unknown_reference(field: &str, what: &str) -> Self {
        let mut problem = Self::new(
            ProblemKind::UnknownReference,
            format!("The {what} named in {field} does not exist in this tenant."),
        );
        problem.0.errors = vec![FieldProblem {
            field: field.to_owned(),
            code: "unknown".to_owned(),
            message: format!("Name a {what} that exists."),
        }];
        problem
    }

    /// Adds the fields concerned.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldProblem>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Names the fields concerned by the words that the caller knows them by.
    #[must_use]
    pub fn in_words(mut self, word: impl Fn(&str) -> String) -> Self {
        for error in &mut self.0.errors {
            error.field = word(&error.field);
        }
        self
    }

    /// Adds a key of its own to the body.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.extra.insert(key.to_owned(), value.into());
        self
    }

    /// Seconds after which repeating makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The cause of a failure of ours: for the log, never for the caller.
    #[must_use]
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> ProblemKind {
        self.0.kind
    }

    /// The whole refusal in sentences, for the command line.
    #[must_use]
    pub fn for_people(&self) -> String {
        let fields: String = self
            .0
            .errors
            .iter()
            .map(|error| format!("\n  {}: {}", error.field, error.message))
            .collect();
        let cause = self
            .0
            .cause
            .as_ref()
            .map(|cause| format!(" ({cause})"))
            .unwrap_or_default();
        format!("{}. {}{cause}{fields}", self.0.kind.title(), self.0.detail)
    }

    /// The JSON body under a request id.
    #[must_use]
    pub fn body(&self, instance: &str) -> Value {
        let mut body = json!({
            "type": format!("/docs/problems/{}", self.0.kind.id()),
            "title": self.0.kind.title(),
            "status": self.0.kind.status().as_u16(),
            "detail": self.0.detail,
            "instance": instance,
            "code": self.0.kind.id(),
        });
        if let Value::Object(map) = &mut body {
            if self.0.kind.status() == StatusCode::UNAUTHORIZED {
                map.insert("message".to_owned(), json!(self.0.detail));
            }
            if !self.0.errors.is_empty() {
                map.insert("errors".to_owned(), json!(self.0.errors));
            }
            map.extend(self.0.extra.clone());
        }
        body
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.id(), self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        let instance = crate::http::current_request_id();
        if let Some(cause) = &self.0.cause {
            tracing::error!(
                request_id = instance,
                problem = self.0.kind.id(),
                cause,
                "a request failed"
            );
        }
        let mut response = HttpResponse::build(self.0.kind.status());
        response.content_type("application/problem+json");
        if let Some(seconds) = self.0.retry_after {
            response.insert_header(("Retry-After", seconds.to_string()));
        }
        if self.0.kind.status() == StatusCode::UNAUTHORIZED {
            response.insert_header(("WWW-Authenticate", "Bearer"));
        }
        response.body(self.body(&instance).to_string())
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::NotFound => Self::new(
                ProblemKind::NotFound,
                "There is no such thing. Check the id and the tenant.",
            ),
            DbError::Conflict => Self::new(
                ProblemKind::Conflict,
                "The resource was changed meanwhile. Read it again and decide anew.",
            ),
            DbError::Duplicate(_) => Self::new(
                ProblemKind::AlreadyExists,
                "A value that must be unique exists already.",
            ),
            DbError::Reference => Self::new(
                ProblemKind::StillInUse,
                "Other resources refer to it, or it refers to one that does not exist.",
            ),
            DbError::Unavailable(cause) => Self::unavailable(cause),
            other => Self::internal(other),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_body_of_every_problem_stays_under_a_kibibyte() {
        for kind in ProblemKind::ALL {
            let problem = Problem::new(*kind, kind.page());
            assert!(
                problem
                    .body("01957f23-e630-7f33-a8b2-4bf48fc20904")
                    .to_string()
                    .len()
                    < 1024,
                "{}",
                kind.id()
            );
        }
    }

    #[test]
    fn ids_are_unique_and_kebab_case() {
        let mut ids: Vec<_> = ProblemKind::ALL.iter().map(|kind| kind.id()).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all);
        assert!(
            ids.iter()
                .all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        );
    }

    #[test]
    fn a_failure_of_ours_never_shows_its_cause() {
        let body = Problem::internal("table kernel_event is locked")
            .body("x")
            .to_string();
        assert!(!body.contains("kernel_event"));
    }
}
