//! Errors as `application/problem+json` (RFC 9457).

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

/// A refusal: what the caller is told, and never more than that.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {detail}")]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
}

impl Problem {
    fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            title,
            detail: detail.into(),
        }
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed",
            "The request cannot be read",
            detail,
        )
    }

    pub(crate) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "Nothing has this address",
            "Check the path and the external id.",
        )
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "This address does not take this method",
            "The README lists the methods of each path.",
        )
    }

    /// The same external id came with other content.
    pub(crate) fn other_content() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "other-content",
            "This external id is taken by other content",
            "Repeat the first request exactly, or use another external id.",
        )
    }

    /// What is asked does not fit the state that the thing is in.
    pub(crate) fn wrong_state(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "wrong-state",
            "The present state does not allow it",
            detail,
        )
    }

    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The body is too large",
            detail,
        )
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "The request is refused",
            detail,
        )
    }

    /// The fault `refuse`.
    pub(crate) fn refused() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "refused",
            "The request is refused for good",
            "The fault `refuse` is set.",
        )
    }

    /// The fault `down`.
    pub(crate) fn down() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "down",
            "The system is down",
            "The fault `down` is set; nothing was done.",
        )
    }

    /// Something broke here; the cause goes to the log, not to the caller.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The sandbox failed",
            "See the sandbox's log.",
        )
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status).json(json!({
            "type": format!("urn:opencity-sandbox:problem:{}", self.code),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
        }));
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}
